# SPDX-License-Identifier: GPL-2.0-only
"""Suspend to idle and resume keep everything that was configured, and the ledger.

Twice: suspend to idle as far as the drivers are concerned (pm_test "devices"), where the NIC keeps
its registers, and suspend to RAM, where the emulator resets every device.
"""
import pytest

import frames
from configuration import (MAC, MTU, OTHER_GROUP, OTHER_STATION, OTHER_VID, TYPE, Configured,
                           addressed, heard, let_in, no_ipv6, settings)
from counters import wait_for
from device_access import bar
from floods import BothWays
from guest import Nic
from ledger import ledger, ledger_of_all
from memory_guest import MemoryGuest
from topology import HOST_MAC, bring_up
from xdp import Port, Verdict, is_order, order

CONFIGURED, PROMISCUOUS, DOWN = range(3)
DOWN_MAC, DOWN_MTU = "02:00:00:00:56:78", 2500
ROUNDS = 3
MPC = 0x4010
INTX_OFF = 0x400


def send_burst(g):
    """More than the ring takes. Each frame wants 4 buffers: of 255 some stay, so that the emulator
    takes the rest of the frames and drops them; at none it would let them wait."""
    frame = frames.ether(MAC, HOST_MAC, TYPE, bytes(7000))
    return g.wire(CONFIGURED).send_many([frame] * 300)


def overrun(g):
    """Frames of many buffers while no interrupt reaches the driver: the device misses some, and
    counts them in a register."""
    address, stood = g.pci(CONFIGURED), missed_register(g)
    g.sh(f"setpci -s {address} COMMAND={INTX_OFF:x}:{INTX_OFF:x}")
    sent = send_burst(g)
    wait_for(lambda: missed_register(g), lambda missed: missed > stood, 20, "a missed frame")
    g.sh(f"setpci -s {address} COMMAND=0:{INTX_OFF:x}")
    return sent


def missed_register(g):
    """MPC, read by the monitor: the driver learns nothing of it."""
    return int(g.hmp(f"xp /1wx {bar(g, CONFIGURED) + MPC:#x}").split()[-1], 16)


# The suspend

def suspend_to_idle(g):
    """The drivers are suspended and, a second later, resumed: pm_test needs no wake source."""
    g.sh("echo 1 >/sys/module/suspend/parameters/pm_test_delay; echo devices >/sys/power/pm_test;"
         "echo freeze >/sys/power/state", timeout=60)


# Where the south bridge of machine pc leads the four interrupts of its slots.
ROUTES = "-s 0:1.0 60.l"


def suspend_to_ram(g):
    """The monitor wakes the machine, which resets all its devices. ACPI leads their interrupts to
    where they went before; a kernel that watches does without its interrupts, see guest.py."""
    routes = g.sh(f"setpci {ROUTES}").stdout.strip()
    asleep = g.spawn("echo none >/sys/power/pm_test; echo deep >/sys/power/mem_sleep;"
                     "echo mem >/sys/power/state")
    wait_for(lambda: g.qmp("query-status")["status"], lambda s: s == "suspended", 30, "sleep")
    g.qmp("system_wakeup")
    assert asleep.wait(30).status == 0
    g.sh(f"! grep -q acpi=noirq /proc/cmdline || setpci {ROUTES}={routes}")


SUSPEND = {"idle": suspend_to_idle, "RAM": suspend_to_ram}


class Slept:
    """A guest that has slept, and what it said before."""

    def __init__(self, guest, kind):
        self.guest = guest
        self.suspend = SUSPEND[kind]
        self._configure_others(*guest.ifnames()[1:])
        self.configured = Configured(guest, CONFIGURED)
        assert self.configured.answers()
        if Nic.default_model.can("counters"):
            overrun(guest)
        guest.move_to_memory()
        self.settings = [settings(guest, i) for i in range(3)]
        self.stats = ledger(guest, CONFIGURED)
        self.suspend(guest)

    def _configure_others(self, promiscuous, down):
        no_ipv6(self.guest)
        self.guest.sh(f"set -e; ip link set {promiscuous} promisc on; "
                      f"ip link set {down} address {DOWN_MAC} mtu {DOWN_MTU}; "
                      f"ethtool -G {down} rx 128")
        bring_up(self.guest, PROMISCUOUS)


@pytest.fixture(scope="module", params=SUSPEND)
def slept(request):
    with MemoryGuest(nics=[Nic(), Nic(), Nic()]) as guest:
        yield Slept(guest, request.param)


@pytest.fixture(autouse=True)
def balanced(slept):
    yield
    ledger_of_all(slept.guest)


# After the suspend

def test_counters_go_on(slept):
    """Counters: those of frames stand where they stood."""
    now = ledger(slept.guest, CONFIGURED)
    same = [name for name in now if name.startswith(("rx0_", "tx0_")) and
            not name.endswith(("polls", "doorbells"))]
    assert {n: now[n] for n in same} == {n: slept.stats[n] for n in same}
    assert now["rx0_passed"] and now["tx0_completed"]


@pytest.mark.needs("counters")
def test_counters_of_the_device_go_on(slept):
    """Counters: the device's go on without a jump."""
    guest = slept.guest
    assert ledger(guest, CONFIGURED)["dev_missed"]
    sent = overrun(guest)
    later = ledger(guest, CONFIGURED)
    grown = {n: later[n] - slept.stats[n] for n in later if n.startswith("dev_")}
    assert 1 <= grown["dev_missed"] <= sent
    assert all(0 <= grown[n] <= sent + 100 for n in grown if not n.endswith("bytes")), grown


@pytest.mark.needs("counters")
def test_counter_that_began_again_may_pass_where_it_stood(slept):
    """A register that the sleep set to 0 and that then counts more than before: all is counted."""
    guest = slept.guest
    slept.suspend(guest)
    overrun(guest)
    before, stood = guest.ethtool_stats(CONFIGURED)["dev_missed"], missed_register(guest)
    slept.suspend(guest)
    while missed_register(guest) <= stood:
        overrun(guest)
    began = stood if slept.suspend is suspend_to_idle else 0
    wait_for(lambda: (guest.ethtool_stats(CONFIGURED)["dev_missed"] - before,
                      missed_register(guest) - began),
             lambda counts: counts[0] == counts[1], 10, "driver and device to agree")


@pytest.mark.parametrize("i", [CONFIGURED, PROMISCUOUS, DOWN],
                         ids=["configured", "promiscuous", "down"])
def test_interface_reports_what_it_reported_before(slept, i):
    """MAC, MTU, rings, coalescing, pause, features, groups, program: word for word as before."""
    assert settings(slept.guest, i) == slept.settings[i]


@pytest.mark.parametrize("size", [60, 1514, MTU + 14])
def test_frames_pass_both_ways(slept, size):
    """Host wire: a ping of the smallest, the usual and the MTU's size is answered."""
    assert slept.configured.answers(size)


def test_filters_hold(slept):
    """The changed MAC, the joined group and VLAN 5, stripped, arrive; others are kept out."""
    slept.configured.assert_filters()


def test_promiscuous_interface_still_is(slept):
    """Promiscuous mode: every address arrives, unknown VLANs too."""
    sent = addressed(OTHER_STATION, OTHER_GROUP)
    tagged = frames.vlan(sent[0], OTHER_VID)
    assert heard(Port(slept.guest, PROMISCUOUS), [*sent, tagged]) == [
        (OTHER_GROUP, None), (OTHER_STATION, OTHER_VID), (OTHER_STATION, None)]


@pytest.mark.parametrize("length", [60, MTU + 14])
def test_attached_program_still_decides(slept, length):
    """XDP: the program drops, passes and sends back as ordered, jumbo frames among them."""
    slept.configured.assert_program(length)


def test_interface_that_was_down_comes_up(slept):
    """Down during the suspend: it comes up and carries frames both ways with its own MAC."""
    port = Port(slept.guest, DOWN)
    mac = frames.mac_bytes(DOWN_MAC)
    assert heard(port, [order(mac, DOWN_MTU + 14, Verdict.PASS)]) == [(DOWN_MAC, None)]
    port.attach("obey_frags")
    port.wire.drain()
    port.wire.send(order(mac, DOWN_MTU + 14, Verdict.TX))
    wait_for(lambda: any(map(is_order, port.wire.drain())), bool, 10, "the frame back")
    port.detach()
    port.sh("ip link set dev IF down")


def test_suspend_under_traffic(slept):
    """Suspended in a flood both ways, three times: it flows again and nothing else changes."""
    for _ in range(ROUNDS):
        with BothWays(slept.guest, CONFIGURED, slept.configured.port.mac) as floods:
            floods.wait_flowing()
            slept.suspend(slept.guest)
            floods.wait_flowing()
    ledger(slept.guest, CONFIGURED)
    slept.configured.assert_settings()


def test_module_goes_and_comes_after_a_suspend(slept):
    """Unload after resume: no hang; loaded again, the interface carries frames."""
    guest = slept.guest
    guest.sh("rmmod sluice")
    guest.insmod()
    guest.wait_interfaces()
    mac = guest.nics[CONFIGURED].mac
    assert heard(Port(guest, CONFIGURED), addressed(mac, OTHER_STATION)) == \
        let_in([(mac, None)], [(OTHER_STATION, None)])
