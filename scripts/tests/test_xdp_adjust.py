# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP: programs that move the head, the tail and the metadata of a frame."""
import pytest

from xdp import LONGEST, PUSH_FILL, SHORTEST, SHORTEST_ON_WIRE, Op, Verdict, received

pytest_plugins = ["xdp_fixtures"]

ETH_LEN = 14
BUFFER = 2048
LONGEST_MTU = LONGEST - ETH_LEN
ROOM = 192
SIZES = [SHORTEST, 61, 128, 1000, 1514, BUFFER - 1, BUFFER, BUFFER + 1, 9014, LONGEST - ROOM]
RETURNS = [Verdict.PASS, Verdict.TX]


@pytest.fixture(scope="module")
def jumbo(module_ports):
    """The first NIC at its largest MTU for the whole module."""
    port = module_ports[0]
    port.usual_mtu = LONGEST_MTU
    port.set_mtu(LONGEST_MTU)
    return port


@pytest.fixture
def port(jumbo, ports):
    """The first NIC with the obeying program."""
    jumbo.attach("obey_frags")
    return jumbo


def padded(frame):
    """A frame as it must leave: a short one is filled up with zeros, not with old memory."""
    return frame + bytes(max(0, SHORTEST_ON_WIRE - len(frame)))


def check_all(port, verdict, frames, expected):
    """Send the frames; what the program returned must come out changed as expected."""
    with port.sink() as sunk:
        port.wire.send_many(frames)
        counts = port.wait_count(len(frames))
        assert counts["HELPER_ERR"] == 0
        if verdict is Verdict.PASS:
            got = [s.frame for s in sunk(len(frames))]
        else:
            expected = [padded(frame) for frame in expected]
            got = received(port.wire, len(frames))
    assert [len(frame) for frame in got] == [len(frame) for frame in expected]
    assert got == expected


@pytest.mark.parametrize("verdict", RETURNS, ids=lambda v: v.name)
@pytest.mark.parametrize("op, room", [(Op.PUSH_32, 32), (Op.PUSH_192, ROOM)])
def test_head_grows(port, verdict, op, room):
    """bpf_xdp_adjust_head makes room for a header; it goes to the stack and to the wire."""
    frames = [port.order(size, verdict, op=op, seq=i) for i, size in enumerate(SIZES)]
    filling = bytes([PUSH_FILL]) * room
    check_all(port, verdict, frames, [f[:ETH_LEN] + filling + f[ETH_LEN:] for f in frames])


@pytest.mark.parametrize("verdict", RETURNS, ids=lambda v: v.name)
def test_head_shrinks(port, verdict):
    """bpf_xdp_adjust_head cuts a header away; a frame that became short is padded on the wire."""
    frames = [port.order(size, verdict, op=Op.PULL_8, seq=i) for i, size in enumerate(SIZES)]
    check_all(port, verdict, frames, [f[:ETH_LEN] + f[ETH_LEN + 8:] for f in frames])


@pytest.mark.parametrize("verdict", RETURNS, ids=lambda v: v.name)
def test_tail_grows(port, verdict):
    """bpf_xdp_adjust_tail grows a frame within its buffer, by zeros."""
    cases = [(60, 4), (60, 1000), (1000, 500), (1514, 500), (BUFFER, 4), (BUFFER, 1000)]
    frames = [port.order(size, verdict, op=Op.TAIL, arg=grow) for size, grow in cases]
    check_all(port, verdict, frames, [f + bytes(grow) for f, (_, grow) in zip(frames, cases)])


@pytest.mark.parametrize("verdict", RETURNS, ids=lambda v: v.name)
def test_tail_shrinks(port, verdict):
    """bpf_xdp_adjust_tail shrinks down to a bare Ethernet header; TX pads that to 60."""
    cases = [(60, 59), (60, ETH_LEN), (1514, ETH_LEN), (1514, 60), (1514, 61), (BUFFER, 1000)]
    check_shrink(port, verdict, cases)


@pytest.mark.parametrize("verdict", RETURNS, ids=lambda v: v.name)
def test_tail_shrinks_across_fragments(port, verdict):
    """A multi-buffer frame loses its tail within, at and across the border of its buffers."""
    ends = [9013, 4 * BUFFER + 1, 4 * BUFFER, 4 * BUFFER - 1, 3 * BUFFER + 100, BUFFER + 1, BUFFER,
            BUFFER - 1, 100, 60, 40, ETH_LEN]
    check_shrink(port, verdict, [(9014, end) for end in ends] + [(LONGEST, 1000)])


def check_shrink(port, verdict, cases):
    frames = [port.order(size, verdict, op=Op.TAIL_TO, arg=end) for size, end in cases]
    check_all(port, verdict, frames, [f[:end] for f, (_, end) in zip(frames, cases)])


def test_tail_refused_beyond_the_buffer(port):
    """Growing beyond the buffer is the helper's refusal and leaves the frame as it was."""
    frames = [port.order(size, Verdict.PASS, op=Op.TAIL, arg=4000) for size in (60, 1514, BUFFER)]
    with port.sink() as sunk:
        port.wire.send_many(frames)
        assert port.wait_count(len(frames))["HELPER_ERR"] == len(frames)
        assert [s.frame for s in sunk(len(frames))] == frames


def test_metadata_reaches_the_skb(port):
    """bpf_xdp_adjust_meta: what the program writes is in front of the skb at tc ingress."""
    port.watch_stack()
    frames = [port.order(size, Verdict.PASS, op=Op.META, seq=0x1000 + i)
              for i, size in enumerate(SIZES)]
    plain = [port.order(size, Verdict.PASS, seq=i) for i, size in enumerate(SIZES)]
    with port.sink() as sunk:
        port.wire.send_many(frames + plain)
        counts = port.wait_count(len(frames + plain), names=["STACK"])
        assert [s.frame for s in sunk(len(frames + plain))] == frames + plain
    assert (counts["STACK_META"], counts["STACK_BAD_META"]) == (len(frames), 0)
    assert counts["HELPER_ERR"] == 0


def test_metadata_does_not_travel(port):
    """Metadata is no part of the frame: TX sends the frame alone."""
    frames = [port.order(size, Verdict.TX, op=Op.META, seq=i) for i, size in enumerate(SIZES)]
    check_all(port, Verdict.TX, frames, frames)
