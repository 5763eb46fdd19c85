# SPDX-License-Identifier: GPL-2.0-only
"""What must hold while two things happen at once on different CPUs."""
import contextlib
import random
import re
import threading
import time

import pytest

import bpf
from counters import wait_for
from device_access import IMC, IMS, TCTL, TCTL_EN, DeviceAccess, qtest_arguments
from guest import Guest, Nic
from topology import GUEST_V4, HOST_MAC, HOST_V4
from tracepoints import counted_events
from xdp import Port, To, Verdict, received, restore, sources

pytest_plugins = ["device_access", "register_trace"]

LENGTH = 200
# The emulator holds 10,000 frames for a slow reader and then drops in silence: whoever sends waits
# this long after so many frames.
PIECE, PAUSE = 32, 0.001
FROM_REDIRECT, FROM_TX, FROM_STACK = 1, 2, 3


@pytest.fixture(scope="module")
def guest(register_trace, qtest_path):
    """Two NICs with the test on both wires, and a trace of their registers when asked for."""
    with Guest(nics=[Nic(), Nic()], parallel=True, extra_args=[
            *register_trace.arguments, *qtest_arguments(qtest_path)]) as running:
        register_trace.guest = running
        yield running


@pytest.fixture
def ports(guest):
    """Both NICs up, without a program and balanced afterwards."""
    both = [Port(guest, 0), Port(guest, 1)]
    yield both
    for port in both:
        port.sh("echo 0 >/sys/class/net/IF/threaded; ethtool -C IF rx-usecs 50; "
                "ethtool -G IF rx 256 tx 256", check=False)
    restore(both)


class Sender:
    """Sends different orders into one NIC for as long as the block runs."""

    def __init__(self, port, verdict, source):
        self.port, self.verdict, self.source = port, verdict, source
        self.sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stopping.wait(PAUSE):
            first = self.sent
            self.sent += self.port.wire.send_many(
                self.port.order(LENGTH, self.verdict, to=To.DEV_1, seq=i, source=self.source)
                for i in range(first, first + PIECE))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the wire is stuck"


# Redirect-in while the ring changes

class Redirects(Sender):
    """A flood from one NIC to the other, and where each of its frames ended."""

    def __init__(self, near, far):
        super().__init__(near, Verdict.REDIRECT, FROM_REDIRECT)
        self.far = far
        far.wire.drain()
        self.before = near.stats(), far.stats()

    def grown(self):
        now = self.port.stats(), self.far.stats()
        return [{name: after[name] - before[name] for name in before}
                for before, after in zip(self.before, now)]

    def wait_all(self):
        """Until the first NIC has taken what was sent and the second has sent what it took."""
        def done():
            near, far = self.grown()
            return near["rx0_frames"] >= self.sent and not far["tx0_in_flight"]
        wait_for(done, bool, 20, "an end of the flood")

    def check(self, refused):
        """refused: how many frames the target did not take, as the kernel's devmap has it."""
        near, far = self.grown()
        assert near["rx0_frames"] == self.sent == \
            near["rx0_xdp_redirect"] + near["rx0_xdp_redirect_err"]
        assert near["rx0_xdp_redirect"] == refused + far["tx0_xdp_accepted"]
        assert far["tx0_xdp_full"] <= refused
        got = received(self.far.wire, far["tx0_completed"])
        assert len(set(got)) == len(got), "a frame is on the wire twice"
        assert 0 < sources(got)[FROM_REDIRECT] <= far["tx0_xdp_accepted"]
        # what was in the ring at a reset may have been sent, and not yet been cleaned
        assert far["tx0_completed"] <= len(got) <= far["tx0_completed"] + far["tx0_reset_drop"]


@contextlib.contextmanager
def redirects(near, far):
    """Flood while the block runs, then account for every frame."""
    near.attach("obey_linear")
    near.redirect_to(To.DEV_1, far.name)
    with counted_events(near.guest, "xdp:xdp_devmap_xmit", "drops") as drops:
        with Redirects(near, far) as flood:
            yield flood
        flood.wait_all()
        refused = sum(number * hits for number, hits in drops.by_key().items())
    flood.check(refused)


def test_redirect_in_while_the_rings_are_swapped(ports):
    """A resize under redirect-in: no oops, and each frame is on the wire or refused by count.

    A ring that is open before the device is started has no doorbell yet.
    """
    near, far = ports
    with redirects(near, far) as flood:
        far.sh("for n in $(seq 5); do for size in 128 256; do ethtool -G IF tx $size; "
               "ethtool -G IF rx $size; done; done", timeout=60)
        assert flood.grown()[1]["tx0_reset_drop"] == 0


def test_redirect_in_while_the_device_is_reset(ports):
    """Through a hang (bus mastering off) and its reset: the same, and what was lost has a name."""
    near, far = ports
    far.guest.expect_console("NETDEV WATCHDOG|transmit queue .* timed out")
    address = far.guest.pci(far.index)
    with redirects(near, far) as flood:
        # only a queue that the stack has filled is watched
        far.sh(f"setpci -s {address} COMMAND=0:4; BIN/framegun IF 20 {LENGTH} {FROM_STACK} 2 0")
        wait_for(lambda: flood.grown()[1]["resets"], bool, 30, "the reset")
        hung = flood.grown()[1]
        assert hung["tx0_reset_drop"] > 0
        wait_for(lambda: flood.grown()[1]["tx0_completed"] - hung["tx0_completed"],
                 lambda sent: sent > 1000, 20, "frames after the reset")


# Interrupt and poll on different CPUs

ROUND, BURST, GAP = 100, 12, 0.0002
STALL_SECONDS = 8


def split_cpus(port):
    """The interrupt to the first CPU, the NAPI thread to the second."""
    port.sh("set -e; echo 1 >/sys/class/net/IF/threaded; "
            "for t in $(pgrep napi/IF); do taskset -pc 1 $t; done; "
            "irq=$(sed -n 's/^ *\\([0-9]*\\):.*\\<IF$/\\1/p' /proc/interrupts); "
            "echo 1 >/proc/irq/$irq/smp_affinity")
    # the more interrupts, the sooner one of them meets the end of a poll
    port.sh("ethtool -C IF rx-usecs 0")


def send_round(port, rng):
    """Bursts with random gaps; the last frame alone comes back. How many were sent."""
    drop = port.order(60, Verdict.DROP)
    sent = 0
    while sent < ROUND:
        sent += port.wire.send_many([drop] * rng.randint(1, BURST))
        until = time.perf_counter() + rng.random() * GAP
        while time.perf_counter() < until:
            pass
    port.wire.send(port.order(60, Verdict.TX))
    return sent + 1


@pytest.mark.needs("8254x")
def test_interrupt_meets_the_end_of_a_poll(ports, register_trace):
    """Receive never stalls: the device is masked before the flag says so, else it stays masked.

    At the end the trace of register writes shows that this traffic does make the driver mask.
    """
    port = ports[0]
    port.attach("obey_linear")
    split_cpus(port)
    before, rng, sent = port.stats(), random.Random(1), 0

    def rounds(seconds):
        nonlocal sent
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sent += send_round(port, rng)
            assert port.wire.recv(3), f"stalled after {sent} frames"

    rounds(STALL_SECONDS)
    seen = register_trace.during(lambda: rounds(1))
    after = port.stats()
    assert after["rx0_frames"] - before["rx0_frames"] == sent
    assert seen.get(IMC, 0) > 0, seen


# Everything at once

STORM_SECONDS = 8
STORM = [
    "ip link set dev IF down; sleep 0.2; ip link set dev IF up; sleep 1.2",
    "ethtool -G IF rx 128 tx 128; sleep 0.3; ethtool -G IF rx 256 tx 256; sleep 0.3",
    "ip link set dev IF mtu 1400; sleep 0.2; ip link set dev IF mtu 1500; sleep 0.2",
    "BIN/xdpctl detach IF native; BIN/xdpctl attach IF BIN/obey.bpf.o obey_linear native; "
    "sleep 0.3",
    f"BIN/framegun IF 2000 {LENGTH} {FROM_STACK} 2 0 || sleep 0.1",
    "ethtool -S IF; ip -s link show IF; sleep 0.3",
]


KINDS = ("rx0_xdp_tx", "rx0_xdp_redirect", "rx0_passed", "tx0_accepted")


def storm_job(port, command):
    """A loop in the guest's background."""
    command = command.replace("BIN", str(bpf.build())).replace("IF", port.name)
    return port.guest.spawn(f"while :; do {command}; done >/dev/null 2>&1")


def test_storm(ports):
    """Traffic of all kinds while everything changes on two CPUs: no complaint, balanced ledgers."""
    near, far = ports
    for port, other in ((near, far), (far, near)):
        port.attach("obey_linear")
        port.redirect_to(To.DEV_1, other.name)
    before = [port.stats() for port in ports]
    jobs = [storm_job(port, command) for port in ports for command in STORM]
    with contextlib.ExitStack() as senders:
        for port in ports:
            for verdict in (Verdict.TX, Verdict.REDIRECT, Verdict.PASS):
                senders.enter_context(Sender(port, verdict, FROM_TX))
        time.sleep(STORM_SECONDS)
        # on a busy host some kinds need longer to get their turn
        for port, stats in zip(ports, before):
            wait_for(port.stats, lambda now, stats=stats: all(now[n] > stats[n] for n in KINDS),
                     120, f"all of {KINDS}")
        for job in jobs:
            job.stop()
        near.sh("; ".join(f"ip link set dev {port.name} up" for port in ports))
    assert_both_work(ports)


def assert_both_work(ports):
    """Each NIC still sends back, redirects, and sends for the stack."""
    near, far = ports
    restore(ports)
    for port, other in ((near, far), (far, near)):
        port.attach("obey_linear")
        port.redirect_to(To.DEV_1, other.name)
        for verdict, wire in ((Verdict.TX, port.wire), (Verdict.REDIRECT, other.wire)):
            sent = [port.order(LENGTH, verdict, to=To.DEV_1, seq=i) for i in range(20)]
            port.wire.send_many(sent)
            assert received(wire, 20) == sent
        port.sh(f"BIN/framegun IF 20 {LENGTH} {FROM_STACK} 2 0")
        assert sources(received(port.wire, 20)) == {FROM_STACK: 20}


# Netpoll

LINES = 300
LOG_PORT = 6666
ALL = 0xffffffff
# common_flags of an event that a softirq caused: TRACE_FLAG_SOFTIRQ
SERVES_SOFTIRQ = 0x10


@pytest.fixture
def device(ports, qtest_path):
    """The second NIC."""
    access = DeviceAccess(ports[1].guest, ports[1].index, qtest_path)
    yield access
    access.close()


@pytest.fixture
def netconsole(ports):
    """The second NIC carries the kernel's log to the host as UDP."""
    port = ports[1]
    port.sh(f"ip addr replace {GUEST_V4}/24 dev IF; "
            f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev IF")
    port.sh(f"modprobe netconsole netconsole=6665@{GUEST_V4}/IF,{LOG_PORT}@{HOST_V4}/{HOST_MAC}")
    yield port
    port.sh("modprobe -r netconsole; ip addr flush dev IF")


def log_lines(seen):
    """The numbers of our lines among the frames that netconsole has sent."""
    text = b"".join(frame[42:] for frame in seen if frame[36:38] == LOG_PORT.to_bytes(2, "big"))
    return [int(number) for number in re.findall(rb"race line (\d+)\n", text)]


def test_netconsole_while_frames_are_redirected_in(ports, netconsole):
    """Netpoll cleans the ring from any context: XDP frames are not freed there, lines arrive."""
    near, far = ports
    near.attach("obey_linear")
    near.redirect_to(To.DEV_1, far.name)
    seen = []
    with Sender(near, Verdict.REDIRECT, FROM_REDIRECT):
        far.sh(f"for n in $(seq {LINES}); do echo \"<1>race line $n\" >/dev/kmsg; done; "
               "echo w >/proc/sysrq-trigger")

        def arrived():
            seen.extend(far.wire.drain())
            return log_lines(seen)
        wait_for(arrived, lambda numbers: len(numbers) >= LINES, 20, "the lines")
    assert sorted(arrived()) == list(range(1, LINES + 1))
    assert sources(seen)[FROM_REDIRECT] > 0


@pytest.mark.needs("8254x")
def test_netpoll_leaves_xdp_frames_to_napi(ports, netconsole, device):
    """XDP frames found sent when a line of the log goes out are left to NAPI, and the line with
    them; NAPI comes without an interrupt.

    The transmitter is switched off, and interrupts when it goes on again, so that netpoll comes
    first.
    """
    near, far = ports
    near.attach("obey_linear")
    near.redirect_to(To.DEV_1, far.name)
    control = device.register(TCTL)
    device.set_register(TCTL, control & ~TCTL_EN)
    orders = [near.order(LENGTH, Verdict.REDIRECT, to=To.DEV_1, seq=i) for i in range(20)]
    near.wire.send_many(orders)
    wait_for(far.stats, lambda now: now["tx0_in_flight"] == 20, 10, "frames in the ring")
    # by now the driver has asked for completion interrupts
    mask = device.register(IMS)
    device.set_register(IMC, ALL)
    device.set_register(TCTL, control)
    assert received(far.wire, 20) == orders
    with counted_events(far.guest, "sluice:sluice_tx_completion", "frames",
                        f'name=="{far.name}" && common_flags & {SERVES_SOFTIRQ}') as completions:
        far.sh("echo '<1>race line 1' >/dev/kmsg")
        wait_for(lambda: log_lines(far.wire.drain()), bool, 10, "the line")
        wait_for(far.stats, lambda now: not now["tx0_in_flight"], 10, "NAPI")
        assert sum(number * hits for number, hits in completions.by_key().items()) == 21
    assert device.register(IMS) == 0
    device.set_register(IMS, mask)
