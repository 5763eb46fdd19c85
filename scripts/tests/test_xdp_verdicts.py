# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP, the matrix: verdict x size x frags x mode, exact counts and every byte compared."""
import pytest

from counters import wait_for
from ledger import RX_ENDS, assert_balanced
from tracepoints import counted_events
from xdp import (COUNTER, LONGEST, SHORTEST, SHORTEST_ON_WIRE, To, Verdict, growth, received,
                 restore)

pytest_plugins = ["xdp_fixtures"]

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
    """Frames without an order, 14 bytes long, are padded where the wire does, and passed."""
    port = ports[0]
    port.attach("obey_linear")
    with port.sink() as sunk:
        frame = port.mac + bytes(6) + b"\x88\xb5"
        port.wire.send(frame)
        port.wait_count(1, names=["FOREIGN"])
        assert [s.frame for s in sunk(1)] == [frame + bytes(SHORTEST_ON_WIRE - len(frame))]


class Run:
    """All verdicts at all sizes through one program, and what every observer saw of it.

    One pass for all verdicts, because a look at the guest costs more than a thousand frames.
    """

    def __init__(self, ports, mode, program, mtu, sizes):
        self.port, self.other = ports
        self.mode = mode
        self.sizes = sizes
        for port in ports:
            port.set_mtu(mtu)
        self.port.attach(program, mode)
        self.port.redirect_to(To.DEV_1, self.other.name)
        self.frames = {verdict: self._frames(verdict) for verdict in Verdict}
        self._send()

    def _frames(self, verdict):
        return [self.port.order(size, verdict, seq=i, to=To.DEV_1)
                for i, size in enumerate(self.sizes)]

    def _send(self):
        """Verdicts in turn, so that each follows each other one."""
        total = len(Verdict) * len(self.sizes)
        self.before = self.port.stats()
        with self.port.sink() as sunk:
            for row in zip(*self.frames.values()):
                self.port.wire.send_many(row)
            self.counts = self.port.wait_count(total)
            self.passed = [s.frame for s in sunk(len(self.sizes))]
        self.sent_back = received(self.port.wire, len(self.sizes))
        self.redirected = received(self.other.wire, len(self.sizes))
        self.after = self.port.wait_stat(self.before, "rx0_frames", total)


@pytest.fixture(scope="module", params=SETUPS)
def run(module_ports, request):
    yield Run(module_ports, *SETUPS[request.param])
    restore(module_ports)


@pytest.mark.parametrize("verdict", Verdict, ids=lambda v: v.name)
def test_matrix_counts(run, verdict):
    """Verdict x size x frags x mode: the program and ethtool -S agree on the number of frames."""
    assert run.counts[verdict.name] == len(run.sizes)
    name = COUNTER[verdict]
    grown = run.after[name] - run.before[name]
    if run.mode == "native":
        assert grown == len(run.sizes)
    else:
        # generic mode lies behind the driver, which has passed everything
        assert grown == (len(run.sizes) * len(Verdict) if verdict is Verdict.PASS else 0)


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.TX, Verdict.REDIRECT],
                         ids=lambda v: v.name)
def test_matrix_bytes(run, verdict):
    """Verdict x size x frags x mode: what arrives in the stack or on a wire is that, and no more.
    """
    arrived = {Verdict.PASS: run.passed, Verdict.TX: run.sent_back,
               Verdict.REDIRECT: run.redirected}
    assert arrived[verdict] == run.frames[verdict]


def test_matrix_ledger(run):
    """Verdict x size x frags x mode: nothing was lost, nothing refused, no byte miscounted."""
    total = len(Verdict) * len(run.sizes)
    expected = {"rx0_frames": total, "rx0_bytes": len(Verdict) * sum(run.sizes)}
    verdicts = {name: len(run.sizes) for name in COUNTER.values()}
    expected |= verdicts if run.mode == "native" else {"rx0_passed": total}
    names = [f"rx0_{name}" for name in ["frames", "bytes", *RX_ENDS]]
    assert growth(run.before, run.after, names) == expected
    assert run.counts["BYTES"] == len(Verdict) * sum(run.sizes)
    assert (run.counts["HELPER_ERR"], run.counts["FOREIGN"]) == (0, 0)
    if run.mode == "native":
        # one linear part of one buffer, the rest of a long frame as frags
        assert run.counts["FRAGS"] == len(Verdict) * sum(size > BUFFER for size in run.sizes)
    assert_balanced(run.after)
