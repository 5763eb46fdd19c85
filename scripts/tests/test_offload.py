# SPDX-License-Identifier: GPL-2.0-only
"""Checksum, segmentation, scatter-gather and GRO, judged by what was on the wire."""
import importlib.util
import itertools

import pytest

import frames
from captures import Capture, reassemble
from counters import Growth, snmp, wait_for
from drivers import DRIVER, IS_SLUICE, assert_ledgers
from guest import Guest, Nic
from taps import PROGRAMS, fresh_path, program, wait_for_file
from topology import (GUEST_V4, GUEST_V6, HOST_MAC, HOST_V4, HOST_V6, PEER, PEER_V4, PEER_V6,
                      attribute, host_wire_up, pair_up)
from tracepoints import counted_events

HOST_WIRE, NEAR, FAR = range(3)
VID = 5
PORT = 6000
STREAM_BYTES = 3_000_000
UDP_SIZES = [*range(1, 41), 511, 1000, 1401, 1452]
CHECKSUM_PARTIAL = 3
MSS = 1448


def load_program(name):
    """One of the guest's programs as a module: the test must know what it sends."""
    spec = importlib.util.spec_from_file_location(name, PROGRAMS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tcp_stream = load_program("tcp_stream")


@pytest.fixture(scope="module")
def guest():
    """A host wire, and a captured pair that also has VLAN 5 at both ends."""
    nics = [Nic(wire="dgram"), Nic(wire=("pair", 0), pcap=True), Nic(wire=("pair", 0))]
    with Guest(nics=nics, driver=DRIVER) as running:
        host_wire_up(running, HOST_WIRE)
        near, far = pair_up(running, NEAR, FAR)
        running.sh("modprobe 8021q")
        for prefix, ifname, end in (("", near, 1), (f"ip netns exec {PEER} ", far, 2)):
            running.sh(f"{prefix}ip link add link {ifname} name v5 type vlan id {VID};"
                       f"{prefix}ip addr add 10.5.0.{end}/24 dev v5;"
                       f"{prefix}ip addr add fd05::{end}/64 dev v5 nodad;"
                       f"{prefix}ip link set v5 up")
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest, {FAR: PEER})


@pytest.fixture(autouse=True)
def default_features(guest):
    yield
    if Nic.default_model.can("offloads"):
        features(guest, "tx on sg on tso on gso on gro on rx on")
        guest.sh(f"ethtool -K {guest.ifname(HOST_WIRE)} rx on")
    guest.sh(f"ethtool -K {guest.ifname(HOST_WIRE)} gro on")


def features(guest, switches):
    guest.sh(f"ethtool -K {guest.ifname(NEAR)} {switches}")


TARGETS = {"v4": (PEER_V4, []), "v6": (PEER_V6, []),
           "v4 tagged": ("10.5.0.2", [(0x8100, VID)]), "v6 tagged": ("fd05::2", [(0x8100, VID)])}
targets = pytest.mark.parametrize("target", TARGETS)
offloads = pytest.mark.needs("offloads")
ON_AND_OFF = [pytest.param("on", marks=offloads), "off"]


def sender_mac(guest):
    return frames.mac_bytes(guest.nics[NEAR].mac)


def handed_over(guest, field, condition=""):
    """Count what the stack hands to the driver by a field of net_dev_start_xmit."""
    name = f'name=="{guest.ifname(NEAR)}"'
    return counted_events(guest, "net:net_dev_start_xmit", field,
                          name + (f" && {condition}" if condition else ""))


def assert_whole(packet, tags):
    """Headers, checksums and lengths of a packet on the wire are right."""
    assert packet.tags == tags
    assert packet.version == 6 or packet.ip_checksum_ok
    assert packet.checksum_ok, packet.frame[:80].hex()
    # The driver pads, and then the NIC inserts the tag.
    shortest = Nic.default_model.shortest
    assert len(packet.frame) == max(shortest, 14 + packet.ip_length) + 4 * len(tags)
    assert packet.ip_length <= 1500


def stream(guest, address, how="copy"):
    """One TCP stream to the peer; what the sender printed."""
    tool = program("tcp_stream.py")
    listening = guest.spawn(f"ip netns exec {PEER} {tool} receive {address} {PORT} --listen")
    sent = guest.sh(f"{tool} send {address} {PORT} --how {how} --bytes {STREAM_BYTES}",
                    timeout=60).stdout.split()
    assert listening.wait(30).stdout.split() == sent[-2:]
    return sent


def assert_stream_on_wire(packets, tags):
    """Each segment is right by itself, and together they are the stream, without a hole."""
    for packet in packets:
        assert_whole(packet, tags)
    assert reassemble(packets) == tcp_stream.payload(STREAM_BYTES, seed=1)


# Transmit checksums

@targets
@pytest.mark.parametrize("tx", ON_AND_OFF)
def test_udp_checksum_on_the_wire_is_right(guest, target, tx):
    """TX checksum UDP v4/v6, with and without VLAN: every size, seen on the wire."""
    address, tags = TARGETS[target]
    features(guest, f"tx {tx}")
    capture = Capture(guest.nics[NEAR])
    with handed_over(guest, "ip_summed", "protocol != 0x0806") as events:
        guest.sh(f"{program('udp_sizes.py')} {address} {PORT} " + " ".join(map(str, UDP_SIZES)))
        summed = events.by_key().get(CHECKSUM_PARTIAL, 0)
    packets = capture.wait_packets(sender_mac(guest), PORT, len(UDP_SIZES))
    # QEMU lets a frame overtake those it holds back for a receiver that was not ready
    assert sorted(len(packet.payload) for packet in packets) == UDP_SIZES
    for packet in packets:
        assert_whole(packet, tags)
    assert summed == (len(UDP_SIZES) if tx == "on" else 0)


# Segmentation

def assert_idents_count_up(packets):
    """IPv4 only: the IP identification grows by one a segment, inside a TSO frame and across."""
    idents = [packet.ident for packet in packets if packet.payload]
    steps = {(after - before) & 0xffff for before, after in itertools.pairwise(idents)}
    assert steps == {1}


def wire_and_counters(guest, capture):
    """What the sender has put on the wire, and its counters of the same moment.

    Now and then a frame goes out that no test asked for, a multicast report or the last
    acknowledgment of a connection: only readings with none between them can be compared.
    """
    def read():
        before, seen = guest.ethtool_stats(NEAR), capture.frames()
        return before, seen, guest.ethtool_stats(NEAR)

    def is_one_moment(reading):
        before, _, after = reading
        # the in-tree driver has neither counter, and nothing is compared with it
        return before.get("tx0_packets") == after.get("tx0_packets") and \
            not after.get("tx0_in_flight")
    _, seen, counters = wait_for(read, is_one_moment, 20, "a moment without a frame")
    return [frame for frame in seen if frame[6:12] == sender_mac(guest)], counters


class Sent:
    """What the driver counts as sent while a stream goes to the peer, and what the wire saw."""

    def __init__(self, guest, address):
        capture = Capture(guest.nics[NEAR])
        earlier, before = wire_and_counters(guest, capture)
        with handed_over(guest, "gso_size", "gso_size > 0") as events:
            stream(guest, address)
            self.large = events.total()
        seen, after = wire_and_counters(guest, capture)
        self.frames = seen[len(earlier):]
        self.counted = {name: after[name] - before[name] for name in after}
        self.packets = capture.connection(sender_mac(guest), PORT)


@offloads
@targets
def test_tso_segments_on_the_wire_are_right(guest, target):
    """TSO v4 (v6: by the stack), with and without VLAN: lengths, IP ids, sums; a whole stream."""
    address, tags = TARGETS[target]
    sent = Sent(guest, address)
    assert_stream_on_wire(sent.packets, tags)
    if sent.packets[0].version == 4:
        assert_idents_count_up(sent.packets)
        assert 0 < 2 * sent.large < len(sent.packets)
    else:
        # The emulator would write a wrong IPv6 length: the driver leaves this to the stack.
        assert sent.large == 0
    if IS_SLUICE:
        # The emulator adds an empty segment to a TSO frame that is a multiple of the segment size.
        assert 0 <= len(sent.frames) - sent.counted["tx0_packets"] <= sent.large
        assert sent.counted["tx0_accepted"] <= sent.counted["tx0_packets"]


@targets
def test_segments_of_the_stack_on_the_wire_are_right(guest, target):
    """TSO off: the driver gets single segments, the wire looks the same, the counters match it."""
    address, tags = TARGETS[target]
    features(guest, "tso off")
    sent = Sent(guest, address)
    assert sent.large == 0
    assert_stream_on_wire(sent.packets, tags)
    if IS_SLUICE:
        assert sent.counted["tx0_accepted"] == sent.counted["tx0_packets"] == len(sent.frames)
        # A tag that the NIC inserts is not part of what the stack handed over.
        tagged = sum(bool(frames.parse(frame).tags) for frame in sent.frames
                     if Nic.default_model.can("tags"))
        assert sent.counted["tx0_bytes"] == sum(map(len, sent.frames)) - 4 * tagged


@offloads
@pytest.mark.parametrize("tso", ["on", "off"])
@pytest.mark.parametrize("how", ["sendfile", "zerocopy"])
def test_fragments_of_pages_are_sent_without_a_copy(guest, how, tso):
    """Scatter-gather: sendfile and MSG_ZEROCOPY, pages at odd offsets; wire and completions."""
    features(guest, f"tso {tso}")
    capture = Capture(guest.nics[NEAR])
    with handed_over(guest, "ip_summed", "data_len > 0") as events:
        printed = stream(guest, PEER_V4, how)
        assert events.total() > STREAM_BYTES // 65536
    assert_stream_on_wire(capture.connection(sender_mac(guest), PORT), [])
    if how == "zerocopy":
        sends, done, copied = map(int, printed[1:4])
        assert done == sends > 0
        assert copied == 0


@offloads
def test_without_scatter_gather_the_stack_copies(guest):
    """Scatter-gather off: no fragments reach the driver, the stream is the same."""
    features(guest, "sg off")
    capture = Capture(guest.nics[NEAR])
    with handed_over(guest, "ip_summed", "data_len > 0") as events:
        stream(guest, PEER_V4, "sendfile")
        assert events.total() == 0
    assert_stream_on_wire(capture.connection(sender_mac(guest), PORT), [])


# Receive checksums

def host_flow(guest, version, port):
    source, target = {4: (HOST_V4, GUEST_V4), 6: (HOST_V6, GUEST_V6)}[version]
    return frames.Flow(guest.nics[HOST_WIRE].mac, HOST_MAC, source, target, 2000, port)


def rx_checksum(guest, state):
    guest.sh(f"ethtool -K {guest.ifname(HOST_WIRE)} rx {state}")


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("rx", ON_AND_OFF)
def test_bad_udp_checksum_is_dropped_and_good_passes(guest, version, rx):
    """RX checksum: 20 bad datagrams make InCsumErrors grow by 20, 20 good ones are delivered."""
    rx_checksum(guest, rx)
    ready = fresh_path("udp")
    receiver = guest.spawn(f"{program('udp_sequence.py')} {PORT} 20 --ready {ready}")
    wait_for_file(guest, ready)
    errors = Growth(lambda: snmp(guest))
    flow = host_flow(guest, version, PORT)
    for number in range(20):
        payload = number.to_bytes(4) + frames.pattern(70 * number, number)
        guest.wire(HOST_WIRE).send(frames.udp_frame(flow, payload, bad_checksum=True))
        guest.wire(HOST_WIRE).send(frames.udp_frame(flow, payload))
    assert receiver.wait().stdout.split() == ["20", "20", "0"]
    assert errors.of("Udp6InCsumErrors" if version == 6 else "UdpInCsumErrors") == 20


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("rx", ON_AND_OFF)
def test_bad_tcp_checksum_is_dropped_and_good_is_answered(guest, version, rx):
    """RX checksum: 10 bad segments make InCsumErrors grow by 10; the 10 good ones get a reset."""
    rx_checksum(guest, rx)
    wire = guest.wire(HOST_WIRE)
    errors = Growth(lambda: snmp(guest))
    wire.drain()
    for number in range(10):
        flow = host_flow(guest, version, 9)._replace(sport=3000 + number)
        wire.send(frames.tcp_frame(flow, flags=frames.TCP_SYN, bad_checksum=True))
        wire.send(frames.tcp_frame(flow, flags=frames.TCP_SYN))
    resets = []
    while len(resets) < 10:
        answer = frames.parse(wire.recv(5))
        resets += [answer] if answer.sport == 9 else []
    assert sorted(packet.dport for packet in resets) == [3000 + number for number in range(10)]
    assert all(packet.checksum_ok and packet.tcp_flags & frames.TCP_RST for packet in resets)
    grown = errors()
    assert (grown["TcpInCsumErrors"], grown["TcpOutRsts"]) == (10, 10)


# Receive aggregation

SEGMENTS = 32
HOLD_SECONDS = 2


def hold_polls(guest, ifname, seconds):
    """After its next frame the interface is not polled for a while, so that frames queue up."""
    guest.sh(f"echo {int(seconds * 1e9)} > /sys/class/net/{ifname}/gro_flush_timeout;"
             f"echo {1 if seconds else 0} > /sys/class/net/{ifname}/napi_defer_hard_irqs")


def segments(guest):
    """Consecutive segments of one connection; with equal IP ids they may only merge under DF."""
    made = []
    for number in range(SEGMENTS):
        segment = frames.tcp(HOST_V4, GUEST_V4, 2000, 9, frames.pattern(MSS, number),
                             seq=1 + number * MSS, ack=1)
        packet = frames.ipv4(HOST_V4, GUEST_V4, frames.IPPROTO_TCP, segment, fragment=0x4000)
        made.append(frames.ether(guest.nics[HOST_WIRE].mac, HOST_MAC, frames.ETH_P_IP, packet))
    return made


def payload_sizes(events):
    """What the stack was handed, as {TCP payload size: how often}."""
    return {size - 40: hits for size, hits in events.by_key().items()}


@pytest.mark.parametrize("version", ["gro on", "gro off"])
def test_gro_merges_segments_only_when_on(guest, version):
    """RX GRO: 32 segments reach the stack in at most 8 pieces; with gro off in 32. No byte less."""
    ifname = guest.ifname(HOST_WIRE)
    guest.sh(f"ethtool -K {ifname} {version}")
    received = Growth(lambda: guest.link_stats(HOST_WIRE)["rx"])
    hold_polls(guest, ifname, HOLD_SECONDS)
    guest.wire(HOST_WIRE).send(frames.pad(frames.ether(frames.BROADCAST, HOST_MAC, 0x88b5)))
    received.wait("packets", 1)
    with counted_events(guest, "net:netif_receive_skb", "len",
                        f'name=="{ifname}" && len > 1000') as events:
        guest.wire(HOST_WIRE).send_many(segments(guest))
        sizes = wait_for(lambda: payload_sizes(events),
                         lambda seen: sum(s * n for s, n in seen.items()) >= SEGMENTS * MSS,
                         4 * HOLD_SECONDS, "all segments")
    hold_polls(guest, ifname, 0)
    assert sum(size * hits for size, hits in sizes.items()) == SEGMENTS * MSS
    pieces = sum(sizes.values())
    if version == "gro off":
        assert pieces == SEGMENTS
    else:
        assert pieces <= SEGMENTS // 4, sizes
    assert attribute(guest, ifname, "napi_defer_hard_irqs") == "0"
