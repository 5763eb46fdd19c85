# SPDX-License-Identifier: GPL-2.0-only
"""nl-rt: rtnetlink: what ip sets is there, and who listens hears of it."""
import contextlib
import re

from counters import wait_for
from datagrams import exchange
from hosts import LEFT, LEFT_V4, ROUTER_V4
from taps import fresh_path


def link(host):
    return host.json(f"ip -j -d link show dev {host.ifname()}")[0]


def test_nl_rt(bed):
    """nl-rt: link, address, route and neighbour are set, seen, used and taken away."""
    left, name = bed.left, bed.left.ifname()
    left.sh(f"ip addr add 10.2.0.77/24 dev {name}; ip route add 198.51.100.0/24 via 10.2.0.88; "
            f"ip neigh add 10.2.0.88 lladdr {bed.router.mac()} dev {name}; "
            f"ip link set {name} txqueuelen 500 promisc on")
    seen = link(left)
    assert (seen["txqlen"], seen["promiscuity"]) == (500, 1)
    addresses = {item["local"] for item in left.json(f"ip -j addr show dev {name}")[0]["addr_info"]}
    assert {LEFT_V4, "10.2.0.77"} <= addresses
    route, = left.json("ip -j route show 198.51.100.0/24")
    assert (route["gateway"], route["dev"]) == ("10.2.0.88", name)
    neighbour, = left.json(f"ip -j neigh show 10.2.0.88 dev {name}")
    assert (neighbour["lladdr"], neighbour["state"]) == (bed.router.mac(), ["PERMANENT"])
    bed.router.sh("ip addr add 198.51.100.1/32 dev lo")
    exchange(left, bed.router, "198.51.100.1", 100, source="10.2.0.77")
    bed.router.sh("ip addr del 198.51.100.1/32 dev lo")
    left.sh(f"ip addr del 10.2.0.77/24 dev {name}; ip route del 198.51.100.0/24; "
            f"ip neigh del 10.2.0.88 dev {name}; ip link set {name} txqueuelen 1000 promisc off")
    assert link(left)["promiscuity"] == 0
    exchange(left, bed.router, ROUTER_V4, 100)


def test_nl_rt_counts(bed):
    """nl-rt: ip -s counts what was sent and received: packets, bytes, nothing lost."""
    before = bed.left.link()["tx"], bed.router.link()["rx"]
    exchange(bed.left, bed.router, ROUTER_V4, 300, low=1000)
    after = bed.left.link()["tx"], bed.router.link()["rx"]
    for was, now in zip(before, after):
        assert now["packets"] - was["packets"] == 300
        assert now["bytes"] - was["bytes"] == 300 * 1042
        assert now["errors"] == was["errors"] and now["dropped"] == was["dropped"]


@contextlib.contextmanager
def monitored(host, objects):
    """ip monitor in the background; yields a function that reads what it has said so far."""
    path = fresh_path("monitor")
    job = host.spawn(f"exec stdbuf -oL ip -o monitor {objects} >{path} 2>&1")
    # what is heard first says that it listens
    host.sh("n=0; until grep -q LOOPBACK %s; do n=$((n + 1)); "
            "ip link set lo alias heard$n; sleep 0.05; done" % path)
    try:
        yield lambda: host.sh(f"cat {path}").stdout
    finally:
        job.stop()


def told(read, pattern):
    """What the monitor says, once this is in it."""
    return wait_for(read, lambda text: re.search(pattern, text), 20, pattern)


def test_nl_rt_monitor(bed):
    """nl-rt: monitor sees the carrier go and come, and each MTU, once."""
    left, name = bed.left, bed.left.ifname()
    with monitored(left, "link") as read:
        bed.guest.qmp("set_link", name=bed.guest.nics[LEFT].id, up=False)
        told(read, rf"{name}: <NO-CARRIER,.*state DOWN")
        bed.guest.qmp("set_link", name=bed.guest.nics[LEFT].id, up=True)
        told(read, rf"(?s)NO-CARRIER.*{name}: <[^>]*LOWER_UP[^>]*>.*state UP")
        for mtu in (1400, 1500):
            left.sh(f"ip link set {name} mtu {mtu}")
            told(read, rf"{name}: .*mtu {mtu} ")
        text = read()
    assert len(re.findall(rf"{name}: <NO-CARRIER.*state DOWN", text)) >= 1
    left.wait_carrier()
    assert link(left)["mtu"] == 1500
    exchange(left, bed.router, ROUTER_V4, 100)
