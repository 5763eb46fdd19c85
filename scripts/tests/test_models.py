# SPDX-License-Identifier: GPL-2.0-only
"""The 82545EM and the 82544GC: what the other files show of the 82540EM, in short, for each."""
import hashlib

import pytest

import frames
from counters import Growth
from drivers import assert_ledgers, sluice_only
from guest import Guest, Nic
from steady_traffic import assert_carries_frames
from taps import TEST_TYPE, Tap, delivered, program, send_jumbo, sentinel, share_file
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up
from xdp import Port, Verdict, is_order, received

pytestmark = sluice_only

HOST_WIRE = 0
MODELS = ["e1000-82545em", "e1000-82544gc"]
COUNT = 2000
MTU = 9000
JUMBO_FRAMES = 20
VID, PRIORITY = 5, 3
OTHER_STATION = "02:00:00:00:77:77"
GROUP, OTHER_GROUP = "01:00:5e:11:22:33", "01:00:5e:11:66:77"
ORDERS = 100


@pytest.fixture(scope="module", params=MODELS)
def guest(request):
    with Guest(nics=[Nic(model=request.param)]) as running:
        running.expect_console(r"NETDEV WATCHDOG")
        running.expect_console(r"Detected Tx Unit Hang")
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                   "net.ipv6.conf.all.disable_ipv6=1; modprobe 8021q")
        bring_up(running, HOST_WIRE)
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


@pytest.fixture
def ifname(guest):
    return guest.ifname(HOST_WIRE)


def patterned(target, count, size):
    """Frames of one size, each with bytes of its own."""
    return [frames.ether(target, HOST_MAC, TEST_TYPE, frames.pattern(size - 14, seed))
            for seed in range(count)]


def sums(sent):
    return [hashlib.sha256(frame).hexdigest() for frame in sent]


def assert_received(guest, ifname, sent, send):
    """The stack gets these frames, byte for byte, and the counters say so."""
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    tap = Tap(guest, ifname)
    send(sent)
    guest.wire(HOST_WIRE).send(sentinel())
    assert [seen.sha256 for seen in tap.delivered()] == sums(sent)
    assert counters.of("rx0_frames") == counters.of("rx0_passed") == len(sent) + 1


def assert_sent(guest, ifname, sent):
    """The wire gets these frames, byte for byte, and the counters say so."""
    wire, path = guest.wire(HOST_WIRE), share_file(sent, guest.run_dir)
    wire.drain()
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    guest.sh(f"{program('packet_socket.py')} send {ifname} {path} --odd", timeout=60)
    assert wire.recv_many(len(sent)) == sent
    counters.wait("tx0_completed", len(sent))
    assert counters.of("tx0_accepted") == len(sent)


def test_2000_frames_each_way_arrive_unchanged(guest, ifname):
    """Both directions: number, order and payload of 2,000 frames, and the queue's counters."""
    mac, wire = guest.nics[HOST_WIRE].mac, guest.wire(HOST_WIRE)
    assert_received(guest, ifname, patterned(mac, COUNT, 200), wire.send_many)
    assert_sent(guest, ifname, patterned(HOST_MAC, COUNT, 200))


def test_jumbo_frames_each_way_arrive_unchanged(guest, ifname):
    """MTU 9000, both directions; back at 1500 ordinary frames pass."""
    guest.sh(f"ip link set {ifname} mtu {MTU}")
    bring_up(guest, HOST_WIRE)
    mac = guest.nics[HOST_WIRE].mac
    assert_received(guest, ifname, patterned(mac, JUMBO_FRAMES, MTU + 14),
                    lambda sent: send_jumbo(guest, HOST_WIRE, sent))
    assert_sent(guest, ifname, patterned(HOST_MAC, JUMBO_FRAMES, MTU + 14))
    guest.sh(f"ip link set {ifname} mtu 1500")
    bring_up(guest, HOST_WIRE)
    assert_carries_frames(guest, HOST_WIRE)


def test_vlan_tag_is_inserted_and_stripped(guest, ifname):
    """VLAN 5 on top: tag and priority on the wire, none in what the VLAN interface gets."""
    wire, mac = guest.wire(HOST_WIRE), guest.nics[HOST_WIRE].mac
    guest.sh(f"ip link add link {ifname} name v5 type vlan id {VID} "
             f"egress-qos-map 0:{PRIORITY} && ip link set v5 up")
    sent = patterned(HOST_MAC, 20, 500)
    wire.drain()
    guest.sh(f"{program('packet_socket.py')} send v5 {share_file(sent, guest.run_dir)}")
    assert wire.recv_many(len(sent)) == [frames.vlan(frame, VID, PRIORITY) for frame in sent]
    tap, sent = Tap(guest, "v5"), patterned(mac, 20, 500)
    wire.send_many(frames.vlan(frame, VID) for frame in [*sent, sentinel()])
    assert [seen.sha256 for seen in tap.delivered()] == sums(sent)
    guest.sh("ip link del v5")


def heard(guest, ifname, *addresses):
    sent = [frames.pad(frames.ether(address, HOST_MAC, TEST_TYPE)) for address in addresses]
    return [frames.mac_text(frame.head[:6])
            for frame in delivered(guest, ifname, guest.wire(HOST_WIRE), sent)]


def test_address_filters(guest, ifname):
    """Own address and a joined group pass, in promiscuous mode everything."""
    own = guest.nics[HOST_WIRE].mac
    every = [OTHER_STATION, own, OTHER_GROUP, GROUP]
    guest.sh(f"ip maddr add {GROUP} dev {ifname}")
    assert heard(guest, ifname, *every) == [own, GROUP]
    guest.sh(f"ip link set {ifname} promisc on")
    assert heard(guest, ifname, *every) == every
    guest.sh(f"ip link set {ifname} promisc off; ip maddr del {GROUP} dev {ifname}")
    assert heard(guest, ifname, *every) == [own]


def test_xdp_verdicts_are_counted_exactly(guest):
    """XDP DROP, TX and PASS, 100 each in turn: program, counters, wire and stack agree."""
    port = Port(guest, HOST_WIRE)
    port.attach("obey_linear")
    verdicts = [Verdict.DROP, Verdict.TX, Verdict.PASS]
    orders = {v: [port.order(60 + i, v, seq=i) for i in range(ORDERS)] for v in verdicts}
    counters = Growth(port.stats)
    port.wire.drain()
    with port.sink() as read:
        for row in zip(*orders.values()):
            port.wire.send_many(row)
        counts = port.wait_count(3 * ORDERS)
        assert [s.frame for s in read(ORDERS) if is_order(s.frame)] == orders[Verdict.PASS]
    assert received(port.wire, ORDERS) == orders[Verdict.TX]
    assert (counts["DROP"], counts["TX"], counts["PASS"]) == (ORDERS,) * 3
    now = counters()
    assert [now[f"rx0_{name}"] for name in ("frames", "xdp_drop", "xdp_tx", "passed")] == \
        [3 * ORDERS, ORDERS, ORDERS, ORDERS]
    port.detach()


def test_hung_transmitter_recovers(guest, ifname):
    """Bus mastering off: the watchdog resets the device once, and both directions work again."""
    address = guest.pci(HOST_WIRE)
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    guest.sh(f"ip addr replace {GUEST_V4}/24 dev {ifname}; "
             f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {ifname}")
    # Enough to fill the ring, whatever BQL allows: the watchdog looks at stopped queues only.
    guest.sh(f"setpci -s {address} COMMAND=0:4; "
             f"{program('udp_sizes.py')} {HOST_V4} 6000 " + " ".join(map(str, range(1, 251))))
    counters.wait("resets", 1, 30)
    bring_up(guest, HOST_WIRE)
    now = counters()
    assert (now["tx0_timeouts"], now["resets"]) == (1, 1)
    assert now["tx0_reset_drop"] > 0
    guest.sh(f"ip addr flush dev {ifname}")
    assert_carries_frames(guest, HOST_WIRE)


def test_down_and_up_and_probing_again(guest, ifname):
    """Traffic passes after down and up, and after unbind and bind."""
    guest.sh(f"ip link set {ifname} down")
    bring_up(guest, HOST_WIRE)
    assert_carries_frames(guest, HOST_WIRE)
    address = guest.pci(HOST_WIRE)
    guest.sh(f"cd /sys/bus/pci/drivers/sluice; echo {address} >unbind; echo {address} >bind")
    guest.wait_interfaces()
    bring_up(guest, HOST_WIRE)
    assert_carries_frames(guest, HOST_WIRE)
