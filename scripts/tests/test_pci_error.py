# SPDX-License-Identifier: GPL-2.0-only
"""PCI error recovery, under traffic, and what is kept across it.

The e1000 is a conventional PCI device. On a root port of its own the recovery that an error of the
port starts reaches it. Behind a PCIe-to-PCI bridge the emulated port reports no link after its
reset, so the kernel gives up between error_detected and slot_reset; that is a test, too. A module
calls the handlers where there is neither.
"""
import pytest

from configuration import Configured
from counters import wait_for
from floods import BothWays
from guest import Guest, Nic
from kernel_modules import pci_error
from ledger import ledger_of_all
from xdp import Port

ROUNDS = 20
# The error itself, and that the kernel says so, is what the tests want.
RECOVERED = "AER: device recovery successful"
NOT_RECOVERED = "AER: device recovery failed"


def assert_carries(guest, i=0):
    Port(guest, i)
    with BothWays(guest, i) as floods:
        floods.wait_flowing()


# Handlers called by a module

@pytest.fixture
def guest():
    with Guest(nics=[Nic()]) as running:
        yield running


def test_recovery_keeps_the_configuration(guest):
    """Frozen, reset, resumed 20 times under traffic: all settings hold, the ledger balances."""
    configured = Configured(guest, 0)
    with BothWays(guest, 0, configured.port.mac) as floods:
        floods.wait_flowing()
        pci_error(guest, f"rounds={ROUNDS} pause_ms=200")
        floods.wait_flowing()
    ledger_of_all(guest)
    configured.assert_kept()
    ledger_of_all(guest)


def test_recovery_of_an_interface_that_is_down(guest):
    """Down: recovery leaves it down, and it comes up afterwards."""
    pci_error(guest, f"rounds={ROUNDS}")
    assert "state DOWN" in guest.sh(f"ip link show {guest.ifname(0)}").stdout
    assert_carries(guest)


@pytest.mark.parametrize("how", ["down first", "remove at once"])
def test_permanent_failure_ends_without_a_hang(guest, how):
    """Permanent failure under traffic: the interface is detached; down, unbind and rmmod end."""
    dev = guest.ifname(0)
    Port(guest, 0)
    with BothWays(guest, 0) as floods:
        floods.wait_flowing()
        pci_error(guest, "permanent=1")
        assert "No such device" in guest.sh(f"ethtool {dev} 2>&1", check=False).stdout
        if how == "down first":
            guest.sh(f"ip link set {dev} down", timeout=10)
            assert guest.sh(f"ip link set {dev} up", check=False).status != 0
        guest.sh("rmmod sluice", timeout=10)
        guest.insmod()
        guest.wait_interfaces()
        Port(guest, 0)
        floods.wait_flowing()
    ledger_of_all(guest)


# Errors injected at a root port

DIRECT, BEHIND_BRIDGE = range(2)


class PcieGuest(Guest):
    """Two root ports: one with a NIC on it, one with a PCIe-to-PCI bridge and a NIC behind it."""

    def __init__(self):
        super().__init__(nics=[Nic(bus="port0"), Nic(bus="bridge")], machine="q35")

    def _netdev_args(self, nic):
        # A bus must be named before the device on it.
        ports = {"port0": ["-device", "pcie-root-port,id=port0,chassis=1,slot=1"],
                 "bridge": ["-device", "pcie-root-port,id=port1,chassis=2,slot=2",
                            "-device", "pcie-pci-bridge,id=bridge,bus=port1"]}
        return ports[nic.bus] + super()._netdev_args(nic)


@pytest.fixture(scope="module")
def pcie_guest():
    with PcieGuest() as running:
        yield running


def inject(guest, port, outcome):
    """A fatal error at a root port, and the kernel's words when it is done with it."""
    known = guest.console().count(outcome)
    guest.hmp(f"pcie_aer_inject_error {port} DLP")
    wait_for(lambda: guest.console().count(outcome), lambda n: n > known, 30, outcome)


@pytest.mark.needs("recovery")
def test_error_at_the_root_port_is_recovered(pcie_guest):
    """Root port injection, 5 times under traffic, each with a reset of the bus: all is kept."""
    configured = Configured(pcie_guest, DIRECT)
    with BothWays(pcie_guest, DIRECT, configured.port.mac) as floods:
        for _ in range(5):
            floods.wait_flowing()
            inject(pcie_guest, "port0", RECOVERED)
        floods.wait_flowing()
    ledger_of_all(pcie_guest)
    configured.assert_kept()
    ledger_of_all(pcie_guest)


def test_error_that_is_not_recovered_ends_without_a_hang(pcie_guest):
    """The kernel gives up after error_detected: detached, and down and unbind end in seconds."""
    dev = pcie_guest.ifname(BEHIND_BRIDGE)
    Port(pcie_guest, BEHIND_BRIDGE)
    with BothWays(pcie_guest, BEHIND_BRIDGE) as floods:
        floods.wait_flowing()
        address = pcie_guest.pci(BEHIND_BRIDGE)
        inject(pcie_guest, "port1", NOT_RECOVERED)
        assert "No such device" in pcie_guest.sh(f"ethtool {dev} 2>&1", check=False).stdout
        pcie_guest.sh(f"ip link set {dev} down", timeout=10)
        pcie_guest.sh(f"echo {address} >/sys/bus/pci/drivers/sluice/unbind", timeout=10)
        # A NIC that nothing drives takes no frames; the sender would wait for ever.
        pcie_guest.hmp("device_del nic1")
