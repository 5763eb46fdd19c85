# SPDX-License-Identifier: GPL-2.0-only
"""nl-genl: generic netlink: what ethtool and the family netdev say of an interface."""
import contextlib
import re

import pytest

import ynl
from counters import Growth, wait_for
from datagrams import exchange
from drivers import sluice_only
from guest import Nic
from hosts import LEFT_V4, ROUTER_V4
from taps import fresh_path

MANY = 300
PAGE = 4096
RING, SMALL_RING = 256, 64
# What is not in the ring: the frame that is being looked at, and what the pool fetches at a time.
FEW, BATCH = 16, 64
GETS = ["strset-get", "linkinfo-get", "linkmodes-get", "linkstate-get", "debug-get", "features-get",
        "rings-get", "channels-get", "coalesce-get", "tsinfo-get", "phc-vclocks-get"]
REFUSED = ["wol-get", "eee-get", "fec-get"]

pytestmark = sluice_only


def header(host):
    """The interface, as the family ethtool wants it named."""
    return {"header": {"dev-name": host.ifname()}}


def ifindex(host):
    """The interface, as the family netdev wants it named."""
    return int(host.sh(f"cat /sys/class/net/{host.ifname()}/ifindex").stdout)


def netdev(host, operation, **attributes):
    """The objects of one kind that belong to the interface."""
    here = ifindex(host)
    asked = attributes if operation.startswith("page-pool") else attributes | {"ifindex": here}
    found = ynl.dump(host, "netdev", operation, **asked)
    return [one for one in found if one.get("info", one)["ifindex"] == here]


def listed(host, folder):
    """The names in a folder of the interface's in sysfs."""
    return host.sh(f"ls /sys/class/net/{host.ifname()}/{folder}").stdout.split()


# ethtool

def test_nl_genl_ethtool_gets(bed):
    """nl-genl: each get that the driver has answers, with the numbers of the NIC and of sysfs."""
    left, name = bed.left, bed.left.ifname()
    pauses = Nic.default_model.can("flow control")
    said = {get: ynl.do(left, "ethtool", get, **header(left))
            for get in GETS + ["pause-get"] * pauses}
    assert all(answer["header"]["dev-name"] == name for answer in said.values())
    rings, channels = said["rings-get"], said["channels-get"]
    assert (rings["rx-max"], rings["tx-max"]) == Nic.default_model.rings
    assert (rings["rx"], rings["tx"]) == (RING, RING)
    assert channels["combined-count"] == len([q for q in listed(left, "queues") if q[0] == "r"])
    assert said["linkstate-get"]["link"] == 1
    assert said["coalesce-get"]["tx-aggr-max-frames"] == 32


@pytest.mark.parametrize("operation", REFUSED)
def test_nl_genl_ethtool_refuses(bed, operation):
    """nl-genl: what no backend has is refused, and not answered with zeros."""
    with pytest.raises(ynl.Refused, match="Operation not supported"):
        ynl.do(bed.left, "ethtool", operation, **header(bed.left))


@contextlib.contextmanager
def monitored(host):
    """ethtool --monitor in the background; yields a function that reads what it has said."""
    path = fresh_path("monitor")
    job = host.spawn(f"exec stdbuf -oL ethtool --monitor >{path} 2>&1")
    host.sh(f"until grep -q listening {path}; do sleep 0.05; done")
    try:
        yield lambda: host.sh(f"cat {path}").stdout
    finally:
        job.stop()


# What is set and set back, the title under which it is told, and what is told each time.
SETS = {
    "rings": ("ethtool -G IF rx {}", (128, RING), "Ring parameters for IF", r"RX:\t+{}\n"),
    "features": ("ethtool -K IF gro {}", ("off", "on"), "Features for IF",
                 r"generic-receive-offload: {}\n"),
    "debug": ("ethtool -s IF msglvl {}", (6, 7), "Settings for IF",
              r"Current message level: 0x0000000{} "),
    "pause": ("ethtool -A IF rx {}", ("off", "on"), "Pause parameters for IF", r"RX:\t+{}\n"),
    "link modes": ("ethtool -s IF advertise {}", ("0x008", "0x02f"), "Settings for IF",
                   "Advertised link modes:"),
}
# Which NIC has what the others have not.
WITH_A_PHY = pytest.mark.needs("flow control")


@pytest.mark.parametrize("what", [pytest.param(what, marks=WITH_A_PHY if what in
                                               ("pause", "link modes") else ())
                                  for what in SETS])
def test_nl_genl_ethtool_sets(bed, what):
    """nl-genl: ethtool sets, --monitor hears of each set once, frames still pass."""
    left, name = bed.left, bed.left.ifname()
    command, values, title, told = (part.replace("IF", name) if isinstance(part, str) else part
                                    for part in SETS[what])
    with monitored(left) as read:
        for count, value in enumerate(values, 1):
            left.sh(command.format(value))
            # it says a line at a time
            text = wait_for(read, lambda text, n=count, value=value: text.count(title) >= n and
                            re.search(told.format(value), text[text.rindex(title):]), 10, title)
            assert text.count(title) == count
    left.wait_carrier()
    exchange(left, bed.router, ROUTER_V4, 100)


def test_nl_genl_coalesce(bed):
    """nl-genl: coalesce-set, with what the distribution's ethtool does not know, is told once."""
    left, title = bed.left, f"Coalesce parameters for {bed.left.ifname()}"
    with monitored(left) as read:
        for count, frames in enumerate((8, 32), 1):
            setting = {"tx-aggr-max-frames": frames}
            ynl.do(left, "ethtool", "coalesce-set", **header(left), **setting)
            now = ynl.do(left, "ethtool", "coalesce-get", **header(left))
            assert now | setting == now
            text = wait_for(read, lambda text, n=count: text.count(title) >= n, 10, title)
            assert text.count(title) == count


@pytest.mark.needs("counters")
def test_nl_genl_standard_statistics(bed):
    """nl-genl: the groups of ethtool -S: the device counts the frames that were sent."""
    left = bed.left

    def count():
        groups = left.json(f"ethtool --json -S {left.ifname()} --all-groups")[0]
        return groups["eth-mac"]

    grown = Growth(count)
    exchange(left, bed.router, ROUTER_V4, MANY)
    assert MANY <= grown.of("FramesTransmittedOK") <= MANY + 10


# The family netdev

def test_nl_genl_dev(bed):
    """nl-genl: dev-get has the XDP features; closed, the interface is no redirect target."""
    left = bed.left
    device, = netdev(left, "dev-get")
    down = {"basic", "redirect", "rx-sg"}
    assert set(device["xdp-features"]) == down | {"ndo-xmit", "ndo-xmit-sg"}
    assert device["xdp-rx-metadata-features"] == ["vlan-tag"] and not device["xsk-features"]
    left.sh(f"ip link set {left.ifname()} down")
    device, = netdev(left, "dev-get")
    bed.restore(left)
    assert set(device["xdp-features"]) == down


def test_nl_genl_queues(bed):
    """nl-genl: queue-get and napi-get: as many as in sysfs, each with a NAPI and its interrupt."""
    left = bed.left
    queues, napis = netdev(left, "queue-get"), netdev(left, "napi-get")
    for kind in ("rx", "tx"):
        numbers = {f"{kind}-{queue['id']}" for queue in queues if queue["type"] == kind}
        assert numbers == {name for name in listed(left, "queues") if name.startswith(kind)}
    assert {queue["napi-id"] for queue in queues} == {napi["id"] for napi in napis}
    assert len(napis) == len(queues) // 2
    device = f"/sys/class/net/{left.ifname()}/device"
    lines = left.sh(f"ls {device}/msi_irqs 2>/dev/null || cat {device}/irq").stdout.split()
    assert {str(napi["irq"]) for napi in napis} <= set(lines)


def test_nl_genl_threads(bed):
    """nl-genl: napi-get has the thread that polls, whose name says the NAPI's number."""
    left, name = bed.left, bed.left.ifname()
    assert not [napi for napi in netdev(left, "napi-get") if "pid" in napi]
    left.sh(f"echo 1 >/sys/class/net/{name}/threaded")
    napis = netdev(left, "napi-get")
    names = [left.sh(f"cat /proc/{napi['pid']}/comm").stdout.strip() for napi in napis]
    left.sh(f"echo 0 >/sys/class/net/{name}/threaded")
    assert names == [f"napi/{name}-{napi['id']}" for napi in napis] != []


def of_ethtool(stats, queue, kind):
    """The numbers that qstats-get has of a queue, from ethtool -S."""
    counters = {"rx": {"packets": "frames", "bytes": "bytes", "alloc-fail": "alloc_fail"},
                "tx": {"packets": "packets", "bytes": "bytes", "stop": "stops", "wake": "wakes"}}
    return {f"{kind}-{name}": stats[f"{kind}{queue}_{counter}"]
            for name, counter in counters[kind].items()}


def at_rest(host, read):
    """What read() has said while no frame passed the interface, and the counters of that time.

    A neighbour asks now and then, and each reading takes seconds on a busy host.
    """
    def reading():
        before = host.stats()
        return before, read(), host.stats()

    counters, said, _ = wait_for(reading, lambda found: found[0] == found[2], 60, "a quiet moment")
    return said, counters


def test_nl_genl_qstats(bed):
    """nl-genl: qstats-get of each queue is ethtool -S, of the device ip -s link, and both grow."""
    left, router = bed.left, bed.router
    grown = Growth(left.stats)
    exchange(left, router, ROUTER_V4, MANY)
    exchange(router, left, LEFT_V4, MANY)
    (queues, device, link), stats = at_rest(left, lambda: (
        netdev(left, "qstats-get", scope="queue"), netdev(left, "qstats-get"), left.link()))
    assert {one["queue-type"] for one in queues} == {"rx", "tx"}
    for one in queues:
        assert of_ethtool(stats, one["queue-id"], one["queue-type"]).items() <= one.items()
    assert {f"{kind}-{name}": link[kind][name] for kind in ("rx", "tx")
            for name in ("packets", "bytes")}.items() <= device[0].items()
    assert device[0]["rx-alloc-fail"] == device[0]["tx-stop"] - device[0]["tx-wake"] == 0
    now = grown()
    assert MANY <= now["tx0_packets"] <= MANY + 10 and MANY <= now["rx0_frames"] <= MANY + 10


def pools(host):
    """The page pools in use; one that was given up waits for its last page and says so."""
    return [pool for pool in netdev(host, "page-pool-get") if "detach-time" not in pool]


def test_nl_genl_page_pools(bed):
    """nl-genl: page-pool-get: a pool for each queue, as large as its ring, none when closed."""
    left, name = bed.left, bed.left.ifname()
    queues = [queue for queue in netdev(left, "queue-get") if queue["type"] == "rx"]
    before = pools(left)
    assert [pool["napi-id"] for pool in before] == [queue["napi-id"] for queue in queues]
    left.sh(f"ethtool -G {name} rx {SMALL_RING}")
    small = pools(left)
    left.sh(f"ethtool -G {name} rx {RING}")
    # not those of before: a pool also keeps what came home from sockets that were slow to read
    for found, size in ((pools(left), RING), (small, SMALL_RING)):
        pages = [pool["inflight"] for pool in found]
        assert [pool["inflight-mem"] for pool in found] == [PAGE * count for count in pages]
        assert size - FEW <= min(pages) and max(pages) <= size + BATCH
    assert len(small) == len(before) and small[0]["id"] != before[0]["id"]
    left.sh(f"ip link set {name} down")
    closed = pools(left)
    bed.restore(left)
    assert closed == []


# A page is had from one place and goes back to one; what comes back for the cache and finds it full
# is counted with the ring, too.
TAKEN = ("alloc-fast", "alloc-refill", "alloc-slow", "alloc-slow-high-order")
RECYCLED = ("recycle-cached", "recycle-ring")


@pytest.mark.built_kernel("the distribution's kernel does not count what page pools do")
def test_nl_genl_page_pool_statistics(bed):
    """nl-genl: page-pool-stats-get: each frame takes a page of the pool, and each goes back."""
    left = bed.left

    def statistics():
        # the newest is the first; one that was given up may stand behind it
        return netdev(left, "page-pool-stats-get")[0]

    before, stats = at_rest(left, statistics)
    exchange(bed.router, left, LEFT_V4, MANY)
    after, now = at_rest(left, statistics)
    grown = {name: after[name] - before[name] for name in after.keys() - {"info"}}
    frames = now["rx0_frames"] - stats["rx0_frames"]
    assert after["info"] == before["info"] and frames >= MANY
    assert sum(grown[name] for name in TAKEN) == sum(grown[name] for name in RECYCLED) == frames
