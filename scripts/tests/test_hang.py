# SPDX-License-Identifier: GPL-2.0-only
"""A transmitter that hangs and recovers, and a receiver that overruns: every frame has a name."""
import contextlib
import re
import threading
import time

import pytest

import frames
from counters import Growth, wait_for
from device_access import IMC, IMS, RDH, RDT, TCTL, TCTL_EN, DeviceAccess, qtest_arguments
from drivers import DRIVER, IS_SLUICE, assert_ledgers, sluice_only
from guest import Guest, Nic
from steady_traffic import assert_carries_frames, frame_to
from taps import BUFFER, program
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up

pytest_plugins = ["device_access"]

HOST_WIRE = 0
PORT = 6000
# Enough to fill the ring: the stack's watchdog looks at queues that are stopped, and how many bytes
# BQL lets in before it stops one depends on what was sent before.
SIZES = range(1, 251)
# The watchdog looks after five seconds without progress.
RECOVERY = 30


@pytest.fixture(scope="module")
def guest(qtest_path):
    with Guest(nics=[Nic()], driver=DRIVER, extra_args=qtest_arguments(qtest_path)) as running:
        running.expect_console(r"NETDEV WATCHDOG")
        running.expect_console(r"Detected Tx Unit Hang")
        running.sh(f"sysctl -qw net.ipv6.conf.{running.ifname(HOST_WIRE)}.disable_ipv6=1")
        ifname = bring_up(running, HOST_WIRE, f"{GUEST_V4}/24")
        running.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {ifname}")
        # fq_codel, the default, may drop what has waited so long
        running.sh(f"tc qdisc replace dev {ifname} root pfifo")
        yield running


@pytest.fixture
def device(guest, qtest_path):
    access = DeviceAccess(guest, HOST_WIRE, qtest_path)
    yield access
    access.close()


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


def send_datagrams(guest):
    """A ring full of datagrams, each of a size of its own."""
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


@pytest.mark.needs("8254x")
@sluice_only
def test_transmitter_switched_off_is_reset_and_only_frames_in_the_ring_are_lost(guest, device):
    """TX hang by TCTL.EN: all datagrams = those on the wire + tx0_reset_drop; then it works."""
    guest.wire(HOST_WIRE).drain()
    counters = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    device.set_register(TCTL, device.register(TCTL) & ~TCTL_EN)
    send_datagrams(guest)
    dropped = assert_recovers(guest, counters)
    assert device.register(TCTL) & TCTL_EN
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
ALL = 0xffffffff


@contextlib.contextmanager
def without_interrupts(device):
    """Nobody polls the ring, so nobody refills it."""
    mask = device.register(IMS)
    device.set_register(IMC, ALL)
    try:
        yield
    finally:
        device.set_register(IMS, mask)


def missed(guest):
    """What the link statistics and the device call missed, in one reading."""
    found = {"received": guest.link_stats(HOST_WIRE)["rx"]["packets"],
             "missed": guest.link_stats(HOST_WIRE)["rx"]["missed_errors"]}
    if IS_SLUICE:
        stats = guest.ethtool_stats(HOST_WIRE)
        found |= {name: stats[name] for name in ("dev_missed", "dev_no_buffer", "rx0_frames")}
    return found


@pytest.fixture
def received(guest):
    """Growth of the counters of the NIC, which is ready for jumbo frames."""
    guest.sh(f"ip link set {guest.ifname(HOST_WIRE)} mtu {MTU}")
    bring_up(guest, HOST_WIRE)
    ready = Growth(lambda: missed(guest))
    guest.wire(HOST_WIRE).send(frame_to(guest, HOST_WIRE))
    ready.wait("received", 1)
    yield Growth(lambda: missed(guest))
    guest.sh(f"ip link set {guest.ifname(HOST_WIRE)} mtu 1500")
    bring_up(guest, HOST_WIRE)


@pytest.mark.needs("8254x")
def test_jumbo_frames_beyond_the_ring_are_counted_missed_one_by_one(guest, received, device):
    """RX overrun: every jumbo frame is either received or in rx_missed and dev_missed, exactly."""
    with without_interrupts(device):
        guest.wire(HOST_WIRE).send_many([frame_to(guest, HOST_WIRE, MTU + 14)] * JUMBO_FRAMES)
        received.wait("missed", 1, 30)
    deadline = time.monotonic() + 30
    while (now := received())["received"] + now["missed"] < JUMBO_FRAMES:
        assert time.monotonic() < deadline, now
    assert now["received"] + now["missed"] == JUMBO_FRAMES
    if IS_SLUICE:
        assert now["dev_missed"] == now["dev_no_buffer"] == now["missed"]
        assert now["rx0_frames"] == now["received"]


@pytest.mark.needs("8254x")
def test_small_frames_wait_on_the_wire_and_none_is_missed(guest, received, device):
    """RX overrun: frames of one buffer, three times as many as the ring has, all arrive."""
    count = 3 * 256
    small = frame_to(guest, HOST_WIRE, BUFFER // 2)
    # it blocks as soon as the wire is as full as the ring
    sender = threading.Thread(target=guest.wire(HOST_WIRE).send_many, args=([small] * count,),
                              daemon=True)
    with without_interrupts(device):
        sender.start()
        wait_for(lambda: device.register(RDH), lambda head: head == device.register(RDT), 30,
                 "a full ring")
    assert received.wait("received", count, 30) == count
    assert received.of("missed") == 0
