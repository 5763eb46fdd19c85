# SPDX-License-Identifier: GPL-2.0-only
"""sock-*, ss: what a socket sends is what the other host's socket receives, and who counts it."""
import re

import pytest

from connections import PORT as TCP_PORT
from connections import Connection, talk
from counters import Growth, wait_for
from datagrams import Receiver, intact, send
from guest import Nic
from hosts import LEFT_V4, LEFT_V6, ROUTER_V4, ROUTER_V6, rx_losses
from taps import fresh_path, program, wait_for_file

STREAM = 100_000_000
STAMPS = 100
ZC_BYTES = {"sendfile": 4_000_000, "splice": 4_000_000, "zerocopy": 4_000_000, "crumbs": 40_000}
ZC_PORT = 7200


# TCP

@pytest.mark.parametrize("address", [ROUTER_V4, ROUTER_V6], ids=["v4", "v6"])
def test_sock_tcp(bed, address):
    """sock-tcp: 100 MB each way at once; what one end sent the other received, by the CRC."""
    growth = Growth(lambda: bed.left.link()["rx"]), Growth(lambda: bed.left.link()["tx"])
    talk(bed.router, bed.left, address, STREAM, timeout=600)
    for direction in growth:
        assert direction.of("bytes") > STREAM


# UDP

FLOWS = {6001: 301, 6002: 402, 6003: 503, 6004: 604}


@pytest.mark.parametrize("ours, theirs", [(ROUTER_V4, LEFT_V4), (ROUTER_V6, LEFT_V6)],
                         ids=["v4", "v6"])
def test_sock_udp(bed, ours, theirs):
    """sock-udp: two connected sockets and an open one share a port; each gets its own flows."""
    sockets = [f"{ours}/7000/{theirs}/6001", f"{ours}/7000/{theirs}/6002", f"{ours}/7000",
               f"{ours}/7001"]
    receiver = Receiver(bed.router, *sockets, expect=sum(FLOWS.values()) + 77)
    counters = Growth(bed.router.snmp)
    send(bed.left, ours, 7000, FLOWS)
    send(bed.left, ours, 7001, {6001: 77})
    found = receiver.result()["sockets"]
    assert [sorted(flows) for flows in found] == [[6001], [6002], [6003, 6004], [6001]]
    for flows, counts in zip(found, (FLOWS, FLOWS, FLOWS, {6001: 77})):
        assert all(intact(flow, counts[sport]) for sport, flow in flows.items()), flows
    name = "Udp6InDatagrams" if ":" in ours else "UdpInDatagrams"
    assert counters.of(name) == sum(FLOWS.values()) + 77


# A receive buffer that is too small

SMALL = 4608
BURST = 500


@pytest.fixture
def small_buffers(bed):
    """No socket gets more than so many bytes of receive buffer by SO_RCVBUF."""
    before = bed.edge.sh("sysctl -n net.core.rmem_max").stdout.strip()
    bed.edge.sh(f"sysctl -qw net.core.rmem_max={SMALL}")
    yield
    bed.edge.sh(f"sysctl -qw net.core.rmem_max={before}")


def test_sock_rmem(bed, small_buffers):
    """sock-rmem: RcvbufErrors are the datagrams that are missing; the driver has lost none."""
    receiver = Receiver(bed.router, f"{ROUTER_V4}/7000", expect=BURST, rcvbuf=1 << 20, held=True,
                        quiet=1)
    losses, protocol = Growth(bed.router.stats), Growth(bed.router.snmp)
    assert send(bed.left, ROUTER_V4, 7000, {6000: BURST}) == (BURST, 0, 0)
    losses.wait("rx0_frames", BURST)
    receiver.release()
    result = receiver.result()
    arrived = result["sockets"][0][6000]
    assert result["rcvbuf"] == 2 * SMALL
    assert 0 < arrived["received"] < BURST
    assert intact(arrived, arrived["received"])
    grown = protocol()
    assert grown["UdpRcvbufErrors"] == grown["UdpInErrors"] == BURST - arrived["received"]
    assert grown["UdpInDatagrams"] == arrived["received"]
    assert rx_losses(losses()) == 0


# Zero copy

@pytest.mark.parametrize("how", ZC_BYTES)
def test_sock_zc(bed, how):
    """sock-zc: from files, pipes and user pages; the data is intact, all completions come."""
    tool = program("tcp_stream.py")
    listening = bed.router.spawn(f"{tool} receive {ROUTER_V4} {ZC_PORT} --listen")
    sent = bed.left.sh(f"{tool} send {ROUTER_V4} {ZC_PORT} --bytes {ZC_BYTES[how]} --how {how}",
                       timeout=90).stdout.split()
    assert sent[-2:] == listening.wait(30).stdout.split()
    assert sent[-2] == str(ZC_BYTES[how])
    if how in ("zerocopy", "crumbs"):
        sends, done, copied = (int(word) for word in sent[1:4])
        assert done == sends > 0
        # A device without checksums has no scatter-gather either: there the stack copies all, but
        # says so only of what it has linearized and not of what it has segmented.
        assert copied == 0 or not Nic.default_model.can("offloads")


# Timestamps

def stamped(bed):
    """Rows of the sender (number, kind, before, stamp, after), of the receiver (stamp, read)."""
    tool, ready = program("timestamps.py"), fresh_path("stamps")
    receiver = bed.router.spawn(f"{tool} receive 7300 {STAMPS} --ready {ready}")
    wait_for_file(bed.guest, ready)
    sent = bed.left.sh(f"{tool} send {ROUTER_V4} 7300 {STAMPS}", timeout=60).stdout
    received = receiver.wait(30)
    assert received.status == 0, received.stdout
    return [[[int(word) for word in line.split()] for line in text.splitlines()]
            for text in (sent, received.stdout)]


def test_sock_ts(bed):
    """sock-ts: each datagram has a stamp of sending, then one of receiving, then is read."""
    sent, received = stamped(bed)
    assert [row[:2] for row in sent] == [[number, 0] for number in range(STAMPS)]
    assert len(received) == STAMPS
    for (_, _, before, left, _), (arrived, read) in zip(sent, received):
        assert before <= left <= arrived <= read


# ss

def sockets(host, state):
    """The lines of ss for the suite's port; a socket and its details are one line with -O."""
    return host.sh(f"ss -HOntpi state {state} '( sport = {TCP_PORT} or dport = {TCP_PORT} )'"
                   ).stdout.splitlines()


def test_ss(bed):
    """ss: the listener with its backlog, both ends of a connection with what they have carried."""
    size = 300_000
    connection = Connection(bed.router, bed.left, ROUTER_V4, size, held=True)
    connection.wait_exchanged()
    listening, = sockets(bed.router, "listening")
    server, client = wait_for(
        lambda: [line for host in (bed.router, bed.left) for line in sockets(host, "established")],
        lambda lines: all(f" bytes_acked:{size + n} " in line for n, line in enumerate(lines)), 10,
        "the last acknowledgements; the SYN counts as one byte")
    connection.finish()
    assert re.match(rf"0\s+\d+\s+{ROUTER_V4}:{TCP_PORT}\s", listening)
    assert re.match(rf"0\s+0\s+{ROUTER_V4}:{TCP_PORT}\s+{LEFT_V4}:\d+\s", server)
    assert re.match(rf"0\s+0\s+{LEFT_V4}:\d+\s+{ROUTER_V4}:{TCP_PORT}\s", client)
    for line in (server, client):
        assert 'users:(("python3",pid=' in line and " mss:1448 " in line
        assert f" bytes_received:{size} " in line
    assert not sockets(bed.left, "established")
