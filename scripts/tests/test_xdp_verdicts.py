# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP, the matrix: verdict x size x frags x mode, exact counts and every byte compared."""
import collections

import pytest

from counters import wait_for
from ledger import assert_balanced
from tracepoints import counted_events
from xdp import COUNTER, LONGEST, SHORTEST, To, Verdict, check_ledger, growth, received, restore

pytest_plugins = ["xdp"]

BUFFER = 2048
SHORT_SIZES = [SHORTEST, 64, 128, 1500, 1514]
BUFFER_EDGE = [BUFFER - 1, BUFFER]
LONG_SIZES = [BUFFER + 1, 2 * BUFFER, 2 * BUFFER + 1, 9014, LONGEST]
LINEAR_MTU = BUFFER - 14 - 4
LONGEST_MTU = LONGEST - 14

SETUPS = {
    "native-linear": ("native", "obey_linear", LINEAR_MTU, SHORT_SIZES + BUFFER_EDGE),
    "native-frags": ("native", "obey_frags", LONGEST_MTU, SHORT_SIZES + BUFFER_EDGE + LONG_SIZES),
    "generic-linear": ("generic", "obey_linear", LINEAR_MTU, SHORT_SIZES + BUFFER_EDGE),
    "generic-frags": ("generic", "obey_frags", LONGEST_MTU, SHORT_SIZES + BUFFER_EDGE + LONG_SIZES),
}


class Setup:
    """One attached program, and the frame sizes that it must cope with."""

    def __init__(self, ports, mode, program, mtu, sizes):
        self.rx, self.other = ports
        self.mode = mode
        self.sizes = sizes
        for port in ports:
            port.set_mtu(mtu)
        self.rx.attach(program, mode)
        self.rx.redirect_to(To.DEV_1, self.other.name)

    def frames(self, verdict):
        return [self.rx.order(size, verdict, seq=i, to=To.DEV_1)
                for i, size in enumerate(self.sizes)]


@pytest.fixture(scope="module", params=SETUPS)
def setup(module_ports, request):
    made = Setup(module_ports, *SETUPS[request.param])
    yield made
    for port in module_ports:
        restore(port)
        check_ledger(port)


def expected_counts(setup, verdict, frames):
    """What the program must have counted; generic mode lays out a frame as the stack likes."""
    long_frames = sum(size > BUFFER for size in setup.sizes)
    expected = {verdict.name: len(frames), "BYTES": sum(map(len, frames)), "FRAGS": long_frames}
    if setup.mode == "generic":
        del expected["FRAGS"]
    return collections.Counter(expected)


@pytest.mark.parametrize("verdict", Verdict, ids=lambda v: v.name)
def test_matrix(setup, verdict):
    """Verdict x size x frags x mode: program, ethtool, stack and both wires agree on each frame."""
    frames = setup.frames(verdict)
    before = setup.rx.stats()
    setup.rx.counts(reset=True)
    with setup.rx.sink() as sunk:
        setup.rx.wire.send_many(frames)
        counts = setup.rx.wait_count(len(frames))
        passed = [s.frame for s in sunk(len(frames) if verdict is Verdict.PASS else 0)]
    if setup.mode == "generic":
        del counts["FRAGS"]
    assert counts == expected_counts(setup, verdict, frames)
    assert passed == (frames if verdict is Verdict.PASS else [])
    for wire, owner in ((setup.rx.wire, Verdict.TX), (setup.other.wire, Verdict.REDIRECT)):
        expected = frames if verdict is owner else []
        assert received(wire, len(expected)) == expected
    check_counters(setup, verdict, before, len(frames))


def check_counters(setup, verdict, before, count):
    """ethtool -S names the verdict in native mode; generic mode lies behind the driver."""
    name = COUNTER[verdict] if setup.mode == "native" else "rx0_passed"
    after = setup.rx.wait_stat(before, name, count)
    names = {"rx0_frames", *COUNTER.values()}
    assert growth(before, after, names) == {"rx0_frames": count, name: count}
    assert_balanced(after)


@pytest.mark.parametrize("verdict", [Verdict.ABORTED, Verdict.UNKNOWN], ids=lambda v: v.name)
def test_exception_tracepoint(ports, verdict):
    """ABORTED and an unknown verdict hit xdp:xdp_exception once a frame; DROP does not."""
    port = ports[0]
    port.attach("obey_linear")
    with counted_events(port.guest, "xdp:xdp_exception", "act") as events:
        port.wire.send_many(port.order(100, v) for v in [verdict, Verdict.DROP] * 5)
        port.wait_count(10)
        wait_for(events.by_key, lambda seen: seen == {int(verdict): 5}, 5, "5 exceptions")


def test_long_frame_meets_linear_program(ports):
    """A multi-buffer frame that a program without frags support must not see is a named loss."""
    port = ports[0]
    port.set_mtu(LINEAR_MTU)
    port.attach("obey_linear")
    before = port.stats()
    port.wire.send_many(port.order(size, Verdict.PASS) for size in [BUFFER + 1, 9014, 100])
    port.wait_count(1)
    after = port.wait_stat(before, "rx0_frames", 3)
    names = ["rx0_passed", "rx0_xdp_no_frags", *COUNTER.values()]
    assert growth(before, after, names) == {"rx0_passed": 1, "rx0_xdp_no_frags": 2}
    assert port.counts()["PASS"] == 1


def test_foreign_frames_pass(ports):
    """Frames without an order, 14 bytes long at the sender, are padded by the wire and passed."""
    port = ports[0]
    port.attach("obey_linear")
    with port.sink() as sunk:
        port.wire.send(port.mac + bytes(6) + b"\x88\xb5")
        port.wait_count(1, names=["FOREIGN"])
        assert [s.frame for s in sunk(1)] == [port.mac + bytes(6) + b"\x88\xb5" + bytes(46)]
