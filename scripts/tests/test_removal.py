# SPDX-License-Identifier: GPL-2.0-only
"""PCI hot-unplug, unbind, dead reads and shutdown: the device goes while frames pass both ways.

Reads of a device that does not decode return 0 in this emulator, also behind a bridge whose window
is closed. Real hardware returns ones: a shared memory device full of ones, read-only and moved to
where the NIC's registers were, does the same.
"""
import contextlib
import re

import pytest

from counters import wait_for
from devlink import REPORTERS, health
from floods import BothWays
from guest import Guest, GuestError, Nic
from kernel_modules import pci_error
from ledger import ledger_of_all
from xdp import Port

ROUNDS = 5
# Seconds in which anything that removes must be over.
BOUND = 10
BAR, REGISTERS = Nic.default_model.registers
DRIVER = "/sys/bus/pci/drivers/sluice"
MEMORY, MASTER, INTX_OFF = 2, 4, 0x400
BAR_64 = 4


class RemovalGuest(Guest):
    """A NIC, and the memory that can stand in its place."""

    def __init__(self, ones):
        super().__init__(nics=[Nic()], extra_args=[
            "-object", f"memory-backend-file,id=ones,mem-path={ones},size={REGISTERS},share=on,"
                       "readonly=on", "-device", "ivshmem-plain,memdev=ones,id=ones"])

    def memory_device(self):
        text = self.sh("grep -l 0x1110 /sys/bus/pci/devices/*/device").stdout
        return text.split()[0].split("/")[5]

    def command(self, address, value, mask):
        """Change bits of a device's PCI command register."""
        self.sh(f"setpci -s {address} COMMAND={value:x}:{mask:x}")

    def read_ones(self, address):
        """Every register of the NIC reads as ones, and the device does nothing any more."""
        memory = self.memory_device()
        low, high = self.sh(f"setpci -s {address} BASE_ADDRESS_{BAR} BASE_ADDRESS_{BAR + 1}"
                            ).stdout.split()
        # of a BAR of 32 bits the next one is no half
        high = high if int(low, 16) & BAR_64 else 0
        self.command(address, INTX_OFF, MEMORY | MASTER | INTX_OFF)
        self.sh(f"setpci -s {memory} BASE_ADDRESS_2={low} BASE_ADDRESS_3={high} COMMAND=2:2")

    def read_registers(self, address):
        """The NIC's registers are the NIC's again.

        It still has the rings that nobody could take away, so only its driver may allow DMA.
        """
        self.command(self.memory_device(), 0, MEMORY)
        self.command(address, MEMORY, MEMORY | INTX_OFF)


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    ones = tmp_path_factory.mktemp("ones") / "ones"
    ones.write_bytes(b"\xff" * REGISTERS)
    with RemovalGuest(ones) as running:
        Port(running, 0)
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    """Whatever a test did, the NIC works and balances in the end."""
    yield
    if not guest.ifnames()[0]:
        guest.read_registers(guest.pci(0))
        bind(guest)
    Port(guest, 0)
    ledger_of_all(guest)


def bind(guest):
    guest.sh(f"echo {guest.pci(0)} >{DRIVER}/bind")
    guest.wait_interfaces()
    Port(guest, 0)


# The device goes

def unplugged(guest):
    with contextlib.suppress(GuestError):
        guest.pci(0)
        return False
    return True


def test_hot_unplug_under_traffic(guest):
    """device_del and device_add, 5 times, in a flood both ways: frames flow again each time."""
    nic = guest.nics[0]
    with BothWays(guest, 0) as floods:
        for _ in range(ROUNDS):
            floods.wait_flowing()
            guest.qmp("device_del", id=nic.id)
            wait_for(lambda: unplugged(guest), bool, BOUND, "the guest to let the NIC go")
            guest.plug(0)
            Port(guest, 0)
        floods.wait_flowing()


def test_unbind_under_traffic(guest):
    """Unbind and bind, 5 times, in a flood both ways."""
    with BothWays(guest, 0) as floods:
        for _ in range(ROUNDS):
            floods.wait_flowing()
            guest.sh(f"echo {guest.pci(0)} >{DRIVER}/unbind", timeout=BOUND)
            bind(guest)
        floods.wait_flowing()


# The device no longer answers

# Where a step takes seconds the watchdog is there before it, and is right.
WATCHDOG = "NETDEV WATCHDOG|transmit queue"


@contextlib.contextmanager
def reads_of_zero(guest, address):
    """Memory decoding and DMA off: reads are 0 and writes go nowhere, the line stays as it is.

    An interrupt that no driver can acknowledge ends with the kernel disabling the line.
    """
    guest.expect_console(r"irq \d+: nobody cared|^\[ *[0-9.]+\] Call Trace:$")
    guest.expect_console(WATCHDOG)
    guest.command(address, 0, MEMORY | MASTER)
    yield
    guest.command(address, MEMORY, MEMORY)


@contextlib.contextmanager
def reads_of_ones(guest, address):
    """What is left when the device has been pulled out."""
    guest.expect_console(WATCHDOG)
    guest.read_ones(address)
    yield
    guest.read_registers(address)


def rmmod(guest, _dev):
    guest.sh("rmmod sluice", timeout=BOUND)
    guest.insmod()


def unbind(guest, _dev):
    guest.sh(f"echo {guest.pci(0)} >{DRIVER}/unbind", timeout=BOUND)


def down(guest, dev):
    guest.sh(f"ip link set {dev} down", timeout=BOUND)


@pytest.mark.parametrize("reads", [reads_of_zero, reads_of_ones], ids=["zero", "ones"])
@pytest.mark.parametrize("way", [[down, unbind], [unbind], [rmmod]],
                         ids=["down and unbind", "unbind", "rmmod"])
def test_dead_device_can_be_let_go(guest, reads, way):
    """Registers read as 0, or as ones, under traffic: every way to let go ends in seconds."""
    dev, address = guest.ifname(0), guest.pci(0)
    with BothWays(guest, 0) as floods:
        floods.wait_flowing()
        with reads(guest, address):
            for step in way:
                step(guest, dev)
        if guest.ifnames()[0]:
            unbind(guest, dev)
        bind(guest)
        floods.wait_flowing()


def ask(guest, dev):
    """Everything that reads registers, without a care for what it says."""
    return guest.sh(f"ethtool {dev}; ethtool -S {dev}; ethtool -d {dev}; ethtool -e {dev};"
                    f"ethtool -a {dev}; ethtool -t {dev} online; ip -s link show {dev};"
                    f"ip link set {dev} promisc on; ip link set {dev} promisc off; true",
                    timeout=30).stdout


def counters(text):
    return {name: int(value) for name, value in re.findall(r"^\s+(dev_\w+): (\d+)$", text, re.M)}


def test_questions_to_a_device_of_ones(guest):
    """All-ones reads: each request ends, no device counter takes the ones for events."""
    dev, address = guest.ifname(0), guest.pci(0)
    before = guest.ethtool_stats(0)
    with reads_of_ones(guest, address):
        text = ask(guest, dev)
        now = counters(text)
        assert {n: v for n, v in now.items() if v - before[n] > 1000} == {}
        assert len(now) > 20 or not Nic.default_model.can("counters")
        unbind(guest, dev)
    bind(guest)


def refused_reload(guest, address):
    """What devlink says when it cannot reload the driver of a device."""
    refused = guest.sh(f"devlink dev reload pci/{address} 2>&1", timeout=BOUND, check=False)
    assert refused.status != 0
    return refused.stdout


def test_hang_of_a_device_of_ones_is_given_up(guest):
    """All-ones reads: the watchdog's reset finds no device, says so once, and lets go of it."""
    dev, address = guest.ifname(0), guest.pci(0)
    guest.expect_console(WATCHDOG)
    with BothWays(guest, 0):
        with reads_of_ones(guest, address):
            wait_for(guest.console, lambda text: "giving it up" in text, 40, "the driver to see it")
            assert "No such device" in guest.sh(f"ethtool {dev} 2>&1", check=False).stdout
            assert "the device is given up" in refused_reload(guest, address)
            down(guest, dev)
            unbind(guest, dev)
        bind(guest)
    assert guest.console().count("giving it up") == 1


def reporter_states(guest):
    return [health(guest, 0, reporter)["state"] for reporter in REPORTERS]


def test_device_that_was_given_up_is_taken_back(guest):
    """Recovered by PCI after its reset had failed: frames flow, devlink mends its next fault."""
    address = guest.pci(0)
    guest.expect_console(WATCHDOG)
    with BothWays(guest, 0) as floods:
        with reads_of_ones(guest, address):
            wait_for(lambda: reporter_states(guest), lambda states: "error" in states, 40,
                     "a recovery that fails")
        pci_error(guest)
        floods.wait_flowing()
    assert reporter_states(guest) == ["healthy", "healthy"]


def test_reload_of_a_device_of_ones_fails_by_a_sentence(guest):
    """All-ones reads, the interface down: the reload finds no device, and it cannot be opened."""
    dev, address = guest.ifname(0), guest.pci(0)
    down(guest, dev)
    with reads_of_ones(guest, address):
        assert "the device does not answer" in refused_reload(guest, address)
        assert "No such device" in guest.sh(f"ip link set {dev} up 2>&1", check=False).stdout
        unbind(guest, dev)
    bind(guest)
