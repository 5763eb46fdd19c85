# SPDX-License-Identifier: GPL-2.0-only
"""dev-*: the net_device as the stack sees it, and the skbs it takes and gives."""
import pathlib
import re

import pytest

import frames
from connections import talk
from counters import Growth, wait_for
from datagrams import PORT, Receiver, exchange, intact, send, start_sending
from guest import Nic
from hosts import LEFT, LEFT_V4, RIGHT_V4, ROUTER_V4
from sniffing import Sniffer
from topology import HOST_V4
from tracepoints import counted_events
from udp_flows import payload

OPENINGS = 50
SYSFS = "/sys/class/net"


# dev-reg

def details(host, name):
    return host.json(f"ip -j -d link show dev {name}")[0]


def test_dev_reg(bed):
    """dev-reg: ip and sysfs agree; rename, alias, another namespace and back; it still works."""
    left, name = bed.left, bed.left.ifname()
    seen = details(left, name)
    model = Nic.default_model
    assert (seen["address"], seen["mtu"], seen["operstate"]) == (left.mac(), 1500, "UP")
    assert (seen["min_mtu"], seen["max_mtu"]) == (68, model.longest_mtu)
    assert seen["num_tx_queues"] >= 1 and seen["num_rx_queues"] >= 1
    # virtio-net's interface hangs on the virtio device, which hangs on the PCI device
    assert bed.guest.pci(LEFT) in left.sh(f"readlink -f {SYSFS}/{name}/device").stdout
    for attribute, value in (("address", left.mac()), ("mtu", "1500"), ("type", "1"),
                             ("ifindex", str(seen["ifindex"])), ("carrier", "1")):
        assert left.sh(f"cat {SYSFS}/{name}/{attribute}").stdout.strip() == value
    left.sh(f"ip link set {name} down && ip link set {name} name other && "
            "ip link set other alias 'the left one' && ip link set other netns right")
    assert details(bed.right, "other")["ifalias"] == "the left one"
    bed.right.sh("ip link set other netns left")
    left.sh(f"ip link set other name {name}")
    bed.restore(left)
    exchange(left, bed.router, ROUTER_V4, 100)


def test_dev_reg_opened_often(bed):
    """dev-reg: 50 times down and up; the counters go on from where they were, frames pass."""
    left, name = bed.left, bed.left.ifname()
    before = left.stats()
    left.sh(f"for n in $(seq {OPENINGS}); do ip link set {name} down && ip link set {name} up; "
            "done", timeout=120)
    bed.restore(left)
    grown = Growth(left.stats)
    assert left.stats()["tx0_completed"] >= before["tx0_completed"]
    exchange(left, bed.router, ROUTER_V4, 100)
    assert grown.wait("tx0_packets", 100) >= 100


# dev-xmit

BURSTS, BATCH, SENDERS = 12, 40, 4
MANY = BURSTS * BATCH
# More than the socket to the test and the ring hold, and sent before the watchdog looks.
STALLED = int(pathlib.Path("/proc/sys/net/unix/max_dgram_qlen").read_text(encoding="ascii")) + 800
BIG = 1000
BUSY = 16


def datagrams_on(wire, count, timeout=60):
    """Those of the suite, as {(source port, number), ...}, once so many frames have come."""
    seen = []

    def read():
        packets = [frames.parse(frame) for frame in wire.drain()]
        seen.extend((p.sport, int.from_bytes(p.payload[2:6], "big")) for p in packets
                    if p.dport == PORT)
        return len(seen)
    wait_for(read, lambda number: number >= count, timeout, f"{count} datagrams on the wire")
    return seen


def result_codes(bed):
    """net:net_dev_xmit of the edge's interface, by the driver's answer."""
    return counted_events(bed.guest, "net:net_dev_xmit", "rc", f'name=="{bed.edge.ifname()}"')


def assert_all_sent(bed, answers, counters, total):
    """No datagram is missing or there twice, and no answer was NETDEV_TX_BUSY."""
    seen = datagrams_on(bed.guest.wire(bed.edge.nics[0]), total)
    assert len(seen) == len(set(seen)) == total
    assert BUSY not in answers.by_key() and answers.by_key()[0] >= total
    now = counters()
    assert now["tx0_accepted"] == now["tx0_completed"] >= total
    return now


@pytest.fixture
def patient(bed):
    """A qdisc that drops nothing for having waited, as fq_codel does."""
    bed.edge.sh(f"tc qdisc replace dev {bed.edge.ifname()} root pfifo limit 10000")
    bed.guest.wire(bed.edge.nics[0]).drain()
    yield
    bed.edge.sh(f"tc qdisc del dev {bed.edge.ifname()} root")


@pytest.fixture
def small_ring(bed):
    """The smallest ring that can be had; where its size is fixed, that one."""
    name = bed.edge.ifname()
    shown = bed.edge.sh(f"ethtool -g {name}").stdout
    before = re.findall(r"^TX:\s+(\d+)", shown, re.M)[1]
    bed.edge.sh(f"ethtool -G {name} tx 64", check=Nic.default_model.can("large rings"))
    bed.edge.wait_carrier()
    yield
    bed.edge.sh(f"ethtool -G {name} tx {before}", check=False)
    bed.edge.wait_carrier()


def test_dev_xmit(bed, patient, small_ring):
    """dev-xmit: several senders, bursts and a small ring: stopped and woken, never BUSY."""
    counters = Growth(bed.edge.stats)
    with result_codes(bed) as answers:
        jobs = [start_sending(bed.edge, HOST_V4, PORT, {6000 + n: MANY}, low=BIG, batch=BATCH)
                for n in range(SENDERS)]
        assert [job.wait(60).stdout.split()[:2] for job in jobs] == [[str(MANY), "0"]] * SENDERS
        now = assert_all_sent(bed, answers, counters, SENDERS * MANY)
    assert now["tx0_stops"] > 0 and now["tx0_wakes"] > 0


@pytest.mark.skipif(Nic.default_model.can("8254x"), reason="the emulated 8254x never waits for "
                    "its wire")
def test_dev_xmit_on_a_wire_that_stands_still(bed, patient):
    """dev-xmit: the wire takes nothing for a while; the queue stops, and then all arrives."""
    counters = Growth(bed.edge.stats)
    with result_codes(bed) as answers:
        with bed.guest.wire(bed.edge.nics[0]).stalled():
            assert send(bed.edge, HOST_V4, PORT, {6000: STALLED}, low=BIG)[0] == STALLED
            # by BQL, which sees to it that the ring is never full
            shown = bed.edge.json(f"tc -j -s qdisc show dev {bed.edge.ifname()}")
            assert sum(item["qlen"] for item in shown) > 0
            assert counters.of("tx0_completed") < STALLED
        assert_all_sent(bed, answers, counters, STALLED)


# dev-skb

def tunnel(kind):
    """Commands of (left, router) that make a device named inner; their addresses in it."""
    made = {
        "vlan": "ip link add inner link {dev} type vlan id 5",
        "qinq": "ip link add outer link {dev} type vlan proto 802.1ad id 7 && "
                "ip link set outer up && ip link add inner link outer type vlan id 8",
        "vxlan": "ip link add inner type vxlan id 9 local {us} remote {them} dstport 4789 "
                 "dev {dev}",
        "gre": "ip link add inner type gre local {us} remote {them} ttl 64",
    }[kind]
    return made + " && ip link set inner up && ip addr add {inner}/24 dev inner"


@pytest.fixture(params=["vlan", "qinq", "vxlan", "gre"])
def inner(bed, request):
    """A tunnel between left and router; the router's address in it."""
    ends = [(bed.left, LEFT_V4, ROUTER_V4, "10.9.0.1"),
            (bed.router, ROUTER_V4, LEFT_V4, "10.9.0.2")]
    for host, us, them, address in ends:
        host.sh(tunnel(request.param).format(dev=host.ifname(), us=us, them=them, inner=address))
    # what waits for an answer to ARP may be overtaken by what is sent after it
    bed.left.sh("ping -q -i 0.2 -c 1 -w 20 10.9.0.2")
    yield "10.9.0.2"
    for host in (bed.left, bed.router):
        host.sh("ip link del inner; ip link del outer 2>/dev/null || true")


def lengths_pass(bed, address, longest):
    """A datagram of each size up to the longest, and a megabyte each way over TCP."""
    count = longest - 8 + 1
    received = Growth(lambda: bed.router.link()["rx"])
    receiver = Receiver(bed.router, f"{address}/{PORT}", expect=count)
    assert send(bed.left, address, PORT, {6000: count}, low=8, high=longest) == (count, 0, 0)
    assert intact(receiver.result()["sockets"][0][6000], count)
    talk(bed.router, bed.left, address)
    assert received.of("bytes") > 1 << 20


def test_dev_skb(bed):
    """dev-skb: every length up to the MTU."""
    lengths_pass(bed, ROUTER_V4, 1472)


def test_dev_skb_in_tunnels(bed, inner):
    """dev-skb: every length, with headers pushed and pulled: VLAN, QinQ, VXLAN, GRE."""
    mtu = int(bed.left.sh(f"cat {SYSFS}/inner/mtu").stdout)
    lengths_pass(bed, inner, mtu - 28)


def test_dev_skb_of_fragments(bed):
    """dev-skb: datagrams longer than the MTU, put together and cut again by a router."""
    bed.router.sh("nft add table ip defrag; nft 'add chain ip defrag pre "
                  "{ type filter hook prerouting priority -300; }'; "
                  "nft add rule ip defrag pre ct state new accept")
    try:
        forwarded = Growth(bed.router.snmp)
        count = 200
        receiver = Receiver(bed.right, f"{RIGHT_V4}/{PORT}", expect=count)
        send(bed.left, RIGHT_V4, PORT, {6000: count}, low=7001, high=7400)
        assert intact(receiver.result()["sockets"][0][6000], count)
        assert forwarded.of("IpReasmOKs") == forwarded.of("IpFragOKs") == count
    finally:
        bed.router.sh("nft delete table ip defrag")


# dev-clone

def test_dev_clone(bed):
    """dev-clone: a tap at each end sees every byte that the socket sees, and changes none."""
    count = 400
    receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=count)
    with Sniffer(bed.left, f"udp port {PORT}") as out, \
            Sniffer(bed.router, f"udp port {PORT}") as into:
        send(bed.left, ROUTER_V4, PORT, {6000: count}, low=8, high=1472)
        assert intact(receiver.result()["sockets"][0][6000], count)
        seen = [[frames.parse(frame).payload for frame in tap.frames(count)]
                for tap in (out, into)]
    expected = [payload(6000, number, 8 + number % 1465) for number in range(count)]
    assert seen == [expected, expected]
