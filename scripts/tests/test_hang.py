# SPDX-License-Identifier: GPL-2.0-only
"""A transmitter that hangs and recovers, and a receiver that overruns: every frame has a name."""
import os
import re
import socket
import tempfile
import time

import pytest

import frames
from counters import Growth
from drivers import DRIVER, IS_SLUICE, assert_ledgers, sluice_only
from guest import Guest, Nic
from steady_traffic import assert_carries_frames, frame_to
from taps import BUFFER, program
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up

HOST_WIRE = 0
PORT = 6000
TCTL, TCTL_EN = 0x400, 2
SIZES = range(1, 201)
# The watchdog looks after five seconds without progress.
RECOVERY = 30


class DeviceAccess:
    """The device's registers behind the driver's back, through the emulator's qtest protocol."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._stream = self._socket.makefile("rw")

    def _ask(self, line):
        self._stream.write(line + "\n")
        self._stream.flush()
        answer = self._stream.readline().split()
        assert answer[0] == "OK", answer
        return answer[1:]

    def read(self, address):
        return int(self._ask(f"readl {address:#x}")[0], 16)

    def write(self, address, value):
        self._ask(f"writel {address:#x} {value:#x}")

    def close(self):
        self._socket.close()


@pytest.fixture(scope="module")
def qtest_path():
    with tempfile.TemporaryDirectory(prefix="sluice-qtest-") as directory:
        yield os.path.join(directory, "socket")


@pytest.fixture(scope="module")
def guest(qtest_path):
    arguments = ["-qtest", f"unix:{qtest_path},server=on,wait=off", "-qtest-log", "none"]
    with Guest(nics=[Nic()], driver=DRIVER, extra_args=arguments) as running:
        running.expect_console(r"NETDEV WATCHDOG")
        running.expect_console(r"Detected Tx Unit Hang")
        running.sh(f"sysctl -qw net.ipv6.conf.{running.ifname(HOST_WIRE)}.disable_ipv6=1")
        ifname = bring_up(running, HOST_WIRE, f"{GUEST_V4}/24")
        running.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {ifname}")
        yield running


@pytest.fixture
def device(guest, qtest_path):
    access = DeviceAccess(qtest_path)
    yield access
    access.close()


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


def registers(guest):
    """The address of the NIC's registers."""
    address = guest.pci(HOST_WIRE)
    text = guest.sh(f"head -1 /sys/bus/pci/devices/{address}/resource").stdout
    return int(text.split()[0], 16)


def send_datagrams(guest):
    """200 datagrams, each of a size of its own."""
    guest.sh(f"{program('udp_sizes.py')} {HOST_V4} {PORT} " + " ".join(map(str, SIZES)))


def datagrams_on_wire(guest):
    """The sizes of those that have reached the host."""
    packets = [frames.parse(frame) for frame in guest.wire(HOST_WIRE).drain()]
    return [len(packet.payload) for packet in packets if packet.dport == PORT]


def assert_recovers(guest, counters):
    """The watchdog fires once, the driver resets, and what was in the ring is counted lost."""
    counters.wait("resets", 1, RECOVERY)
    assert re.search("NETDEV WATCHDOG", guest.console())
    now = counters()
    assert now["tx0_timeouts"] == now["resets"] == 1
    assert now["tx0_reset_drop"] > 0
    assert now["tx0_in_flight"] <= 0
    return now["tx0_reset_drop"]


@sluice_only
def test_transmitter_switched_off_is_reset_and_only_frames_in_the_ring_are_lost(guest, device):
    """TX hang by TCTL.EN: 200 datagrams = those on the wire + tx0_reset_drop; then it works."""
    tctl = registers(guest) + TCTL
    guest.wire(HOST_WIRE).drain()
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    device.write(tctl, device.read(tctl) & ~TCTL_EN)
    send_datagrams(guest)
    dropped = assert_recovers(guest, counters)
    assert device.read(tctl) & TCTL_EN
    counters.wait("tx0_completed", len(SIZES) - dropped)
    arrived = datagrams_on_wire(guest)
    assert len(arrived) == len(set(arrived)) == len(SIZES) - dropped
    assert_carries_frames(guest, HOST_WIRE)


def test_bus_mastering_switched_off_is_noticed_and_repaired(guest):
    """TX hang by bus mastering off: the watchdog resets, traffic works in both directions again."""
    address = guest.pci(HOST_WIRE)
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    guest.sh(f"setpci -s {address} COMMAND=0:4")
    send_datagrams(guest)
    if IS_SLUICE:
        assert_recovers(guest, counters)
        assert int(guest.sh(f"setpci -s {address} COMMAND").stdout, 16) & 4
    else:
        counters.wait("tx_timeout_count", 1, RECOVERY)
        guest.sh(f"setpci -s {address} COMMAND=4:4")
    guest.wire(HOST_WIRE).drain()
    assert_carries_frames(guest, HOST_WIRE)


# Receive overrun

MTU = 9000
JUMBO_FRAMES = 200
HOLD_NANOSECONDS = 4_000_000_000


def hold_polls(guest, ifname, nanoseconds):
    """After its next frame the interface is not polled for a while: nobody refills the ring."""
    guest.sh(f"echo {nanoseconds} > /sys/class/net/{ifname}/gro_flush_timeout;"
             f"echo {int(nanoseconds > 0)} > /sys/class/net/{ifname}/napi_defer_hard_irqs")


def missed(guest):
    """What the link statistics and the device call missed, in one reading."""
    found = {"received": guest.link_stats(HOST_WIRE)["rx"]["packets"],
             "missed": guest.link_stats(HOST_WIRE)["rx"]["missed_errors"]}
    if IS_SLUICE:
        stats = guest.ethtool_stats(HOST_WIRE)
        found |= {name: stats[name] for name in ("dev_missed", "dev_no_buffer", "rx0_frames")}
    return found


@pytest.fixture
def held_receiver(guest):
    """Counters of the NIC, which takes jumbo frames and will not be polled for a while."""
    ifname = guest.ifname(HOST_WIRE)
    guest.sh(f"ip link set {ifname} mtu {MTU}")
    bring_up(guest, HOST_WIRE)
    ready = Growth(lambda: missed(guest))
    guest.wire(HOST_WIRE).send(frame_to(guest, HOST_WIRE))
    ready.wait("received", 1)
    hold_polls(guest, ifname, HOLD_NANOSECONDS)
    grown = Growth(lambda: missed(guest))
    guest.wire(HOST_WIRE).send(frame_to(guest, HOST_WIRE))
    grown.wait("received", 1)
    yield grown
    hold_polls(guest, ifname, 0)
    guest.sh(f"ip link set {ifname} mtu 1500")
    bring_up(guest, HOST_WIRE)


def test_jumbo_frames_beyond_the_ring_are_counted_missed_one_by_one(guest, held_receiver):
    """RX overrun: every jumbo frame is either received or in rx_missed and dev_missed, exactly."""
    wire = guest.wire(HOST_WIRE)
    wire.send_many(frame_to(guest, HOST_WIRE, MTU + 14) for _ in range(JUMBO_FRAMES))
    # One buffer may be left in which a jumbo frame does not fit but this one does.
    wire.send(frame_to(guest, HOST_WIRE))
    sent = 1 + JUMBO_FRAMES + 1
    deadline = time.monotonic() + 30
    while (now := held_receiver())["received"] + now["missed"] < sent:
        assert time.monotonic() < deadline, now
    assert now["received"] + now["missed"] == sent
    assert now["missed"] > 0
    if IS_SLUICE:
        assert now["dev_missed"] == now["dev_no_buffer"] == now["missed"]
        assert now["rx0_frames"] == now["received"]


def test_small_frames_wait_on_the_wire_and_none_is_missed(guest, held_receiver):
    """RX overrun: frames of one buffer, three times as many as the ring has, all arrive."""
    count = 3 * 256
    guest.wire(HOST_WIRE).send_many(frame_to(guest, HOST_WIRE, BUFFER // 2) for _ in range(count))
    assert held_receiver.wait("received", 1 + count, 30) == 1 + count
    assert held_receiver.of("missed") == 0
