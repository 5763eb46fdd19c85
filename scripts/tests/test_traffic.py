# SPDX-License-Identifier: GPL-2.0-only
"""Traffic through the NIC: streams, exact numbers of frames, every length, jumbo frames, MTU."""
import hashlib
import struct
import subprocess

import pytest

import frames
import pktgen
from counters import Growth, wait_for
from drivers import DRIVER, IS_SLUICE, assert_ledgers, sluice_only
from guest import Guest, Nic, in_netns
from taps import (BUFFER, TEST_TYPE, Tap, fresh_path, program, send_jumbo, sentinel, share_file,
                  wait_for_file)
from topology import (GUEST_V4, HOST_MAC, HOST_V4, NEAR_V4, NEAR_V6, PEER, PEER_V4, PEER_V6,
                      attribute, bring_up, pair_up)

HOST_WIRE, NEAR, FAR, USER = range(4)
STREAM_BYTES = 8_000_000
STREAM_PORT = 5001
SMALL_FRAMES = 100_000
UDP_PORT = 7000
HEADER = 14
SHORTEST_ON_WIRE = 60
# Where a frame would need too many of the usual ones.
LARGE_BUFFER = 2 * 4096 - 256 - 320
LARGEST_MTU = Nic.default_model.longest_mtu


@pytest.fixture(scope="module")
def guest():
    nics = [Nic(wire="dgram"), Nic(wire=("pair", 0)), Nic(wire=("pair", 0)), Nic(wire="user")]
    with Guest(nics=nics, driver=DRIVER) as running:
        # Without IPv6 of its own this interface carries only what a test sends.
        running.sh(f"sysctl -qw net.ipv6.conf.{running.ifname(HOST_WIRE)}.disable_ipv6=1")
        bring_up(running, HOST_WIRE, f"{GUEST_V4}/24")
        pair_up(running, NEAR, FAR)
        bring_up(running, USER, "10.0.2.15/24")
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest, {FAR: PEER})


# Streams

def stream(guest, receiver, sender, address):
    """One TCP stream between two namespaces; both ends must have seen the same bytes."""
    tool = program("tcp_stream.py")
    listening = guest.spawn(f"{in_netns(receiver)}{tool} receive {address} {STREAM_PORT} --listen")
    sent = guest.sh(f"{in_netns(sender)}{tool} send {address} {STREAM_PORT} "
                    f"--bytes {STREAM_BYTES}", timeout=90).stdout.split()
    received = listening.wait(30).stdout.split()
    assert sent == received
    assert int(received[0]) == STREAM_BYTES


@pytest.mark.parametrize("address", [PEER_V4, PEER_V6], ids=["v4", "v6"])
def test_tcp_stream_to_the_peer_arrives_intact(guest, address):
    """TCP v4/v6, transmitting data: length and SHA-256 agree at both ends."""
    stream(guest, PEER, None, address)


@pytest.mark.parametrize("address", [NEAR_V4, NEAR_V6], ids=["v4", "v6"])
def test_tcp_stream_from_the_peer_arrives_intact(guest, address):
    """TCP v4/v6, receiving data: length and SHA-256 agree at both ends."""
    stream(guest, None, PEER, address)


@pytest.mark.parametrize("role", ["send", "receive"])
def test_tcp_stream_with_a_server_on_the_host_arrives_intact(guest, role):
    """TCP up and down over user-mode networking: the other TCP is not the guest's."""
    other = {"send": "receive", "receive": "send"}[role]
    size = ["--bytes", str(STREAM_BYTES)]
    command = [*program("tcp_stream.py").split(), other, "127.0.0.1", str(STREAM_PORT)]
    with subprocess.Popen([*command, "--listen", *size], stdout=subprocess.PIPE,
                          text=True) as server:
        try:
            inside = guest.sh(f"{program('tcp_stream.py')} {role} 10.0.2.2 {STREAM_PORT} "
                              + " ".join(size), timeout=90).stdout.split()
            outside = server.communicate(timeout=30)[0].split()
        finally:
            server.kill()
    assert inside == outside
    assert int(inside[0]) == STREAM_BYTES


# Exact numbers of frames

def numbered_datagrams(guest):
    """UDP frames of 60 bytes whose payload starts with their number."""
    flow = frames.Flow(guest.nics[HOST_WIRE].mac, HOST_MAC, HOST_V4, GUEST_V4, UDP_PORT, UDP_PORT)
    head = frames.udp_frame(flow, bytes(18))[:-18]
    # UDP without a checksum: computing 100,000 of them here would take longer than sending.
    head = head[:-2] + bytes(2)
    return (head + struct.pack("!I", number) + bytes(14) for number in range(SMALL_FRAMES))


def test_100000_small_frames_from_the_host_are_each_counted_and_delivered(guest):
    """Host to guest: ethtool, ip -s and a UDP socket agree on 100,000, none twice, none late."""
    # All datagrams may be queued at once: memory must not be what limits the receiver.
    guest.sh("sysctl -qw net.ipv4.udp_mem='262144 262144 262144'")
    ready = fresh_path("udp")
    receiver = guest.spawn(f"{program('udp_sequence.py')} {UDP_PORT} {SMALL_FRAMES} "
                           f"--ready {ready}")
    wait_for_file(guest, ready)
    packets = Growth(lambda: guest.link_stats(HOST_WIRE)["rx"])
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    guest.wire(HOST_WIRE).send_many(numbered_datagrams(guest))
    assert receiver.wait(90).stdout.split() == [str(SMALL_FRAMES), str(SMALL_FRAMES), "0"]
    assert packets.of("packets") == SMALL_FRAMES
    assert packets.of("bytes") == SMALL_FRAMES * SHORTEST_ON_WIRE
    if IS_SLUICE:
        assert counters.of("rx0_frames") == counters.of("rx0_passed") == SMALL_FRAMES


def test_100000_small_frames_to_the_host_are_each_on_the_wire(guest):
    """Guest to host: every frame of pktgen arrives once, and the driver counts exactly these."""
    wire = guest.wire(HOST_WIRE)
    wire.drain()
    packets = Growth(lambda: guest.link_stats(HOST_WIRE)["tx"])
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    seen = pktgen.send_exactly(guest, guest.ifname(HOST_WIRE), wire, SMALL_FRAMES, clone_skb=100)
    assert len(seen) == SMALL_FRAMES
    assert {len(frame) for frame in seen} == {SHORTEST_ON_WIRE}
    assert wire.recv(0.5) is None
    assert packets.of("packets") == SMALL_FRAMES
    if IS_SLUICE:
        assert counters.of("tx0_accepted") == counters.of("tx0_packets") == SMALL_FRAMES


# Every length

def patterned_frame(guest_mac, length, seed):
    """A frame of one length whose bytes all depend on its number."""
    frame = frames.ether(guest_mac, HOST_MAC, TEST_TYPE, frames.pattern(length, seed))
    return frame[:length]


def on_wire(frame):
    """The frame as long as the wire has it at least."""
    return frames.pad(frame, Nic.default_model.shortest)


def mtu_is(guest, mtu, i=HOST_WIRE):
    """Set the MTU and wait until the link is back."""
    guest.sh(f"ip link set {guest.ifname(i)} mtu {mtu}")
    assert attribute(guest, guest.ifname(i), "mtu") == str(mtu)
    bring_up(guest, i)


def ends(buffer, longest):
    """Where a frame's buffers end; those behind the first have no header in front."""
    return range(buffer, longest + buffer, buffer + Nic.default_model.header)


def jumbo_lengths(mtu):
    """Both sides of every buffer boundary up to the longest frame, with and without its FCS."""
    longest = mtu + HEADER
    edges = {end + step for buffer in (BUFFER, LARGE_BUFFER) for end in ends(buffer, longest)
             for step in range(-5, 6)}
    spread = set(range(1515, longest, 487)) | set(range(longest - 8, longest + 1))
    return sorted(length for length in edges | spread if length <= longest)


EVERY_LENGTH = {1500: list(range(HEADER, 1500 + HEADER + 1))} | \
    {mtu: jumbo_lengths(mtu) for mtu in (9000, LARGEST_MTU)}


@pytest.mark.parametrize("mtu", EVERY_LENGTH)
def test_every_frame_length_arrives_unchanged_in_the_guest(guest, mtu):
    """Every length 14 to 1514, jumbo 9000 and 16110, received: each payload is compared."""
    mtu_is(guest, mtu)
    mac, ifname = guest.nics[HOST_WIRE].mac, guest.ifname(HOST_WIRE)
    sent = [patterned_frame(mac, length, seed) for seed, length in enumerate(EVERY_LENGTH[mtu])]
    tap = Tap(guest, ifname, timeout=60)
    if mtu > 1500:
        send_jumbo(guest, HOST_WIRE, sent)
    else:
        guest.wire(HOST_WIRE).send_many(sent)
    guest.wire(HOST_WIRE).send(sentinel())
    seen = tap.delivered()
    padded = [on_wire(frame) for frame in sent]
    assert [frame.length for frame in seen] == [len(frame) for frame in padded]
    assert [frame.sha256 for frame in seen] == [hashlib.sha256(f).hexdigest() for f in padded]


@pytest.mark.parametrize("mtu", EVERY_LENGTH)
def test_every_frame_length_at_odd_addresses_arrives_unchanged_on_the_wire(guest, mtu):
    """Every length 14 to 1514, jumbo 9000 and 16110, sent from 16 alignments; payloads compared."""
    mtu_is(guest, mtu)
    wire = guest.wire(HOST_WIRE)
    sent = [patterned_frame("02:00:00:00:00:02", length, seed)
            for seed, length in enumerate(EVERY_LENGTH[mtu])]
    path = share_file(sent, guest.run_dir)
    wire.drain()
    guest.sh(f"{program('packet_socket.py')} send {guest.ifname(HOST_WIRE)} {path} --odd",
             timeout=60)
    seen = wire.recv_many(len(sent))
    assert [len(frame) for frame in seen] == [len(on_wire(frame)) for frame in sent]
    assert seen == [on_wire(frame) for frame in sent]
    assert wire.recv(0.2) is None


# MTU limits

@pytest.mark.parametrize("mtu", [68, LARGEST_MTU])
def test_mtu_limit_is_accepted_and_carries_traffic(guest, mtu):
    """MTU 68 to 16110 or more, the limits themselves: such a frame passes both ways."""
    mtu_is(guest, mtu)
    wire, mac = guest.wire(HOST_WIRE), guest.nics[HOST_WIRE].mac
    flow = frames.Flow(mac, HOST_MAC, HOST_V4, GUEST_V4)
    guest.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {guest.ifname(HOST_WIRE)}")
    wire.drain()
    payload = frames.pattern(mtu - 20 - 8)
    wire.send(frames.icmp_echo(flow, payload=payload))
    # an MTU that IPv6 can live with again makes it speak too
    frame = wait_for(lambda: wire.recv(10), lambda frame: frame and frame[12:14] == b"\x08\0", 20,
                     "the answer")
    answer = frames.parse(frame)
    assert answer.ip_length == mtu
    assert answer.payload[8:] == payload


@sluice_only
@pytest.mark.parametrize("mtu, text", [(67, "less than device minimum"),
                                       (LARGEST_MTU + 1, "greater than device maximum")])
def test_mtu_beyond_the_limit_is_refused_with_a_sentence(guest, mtu, text):
    """One byte beyond a limit is refused and the interface keeps its MTU."""
    mtu_is(guest, 1500)
    ifname = guest.ifname(HOST_WIRE)
    refused = guest.sh(f"ip link set {ifname} mtu {mtu}", check=False)
    assert refused.status != 0
    assert text in refused.stdout
    assert attribute(guest, ifname, "mtu") == "1500"
