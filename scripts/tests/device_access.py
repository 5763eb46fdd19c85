# SPDX-License-Identifier: GPL-2.0-only
"""A NIC behind the driver's back: its registers, and memory as the device sees it.

Through the emulator's qtest protocol; the fixture is a plugin for whoever asks for it.
"""
import os
import tempfile

import pytest

import qtest

# Offsets and bits of registers: the 8254x manual, chapter 13
CTRL = 0x0
CTRL_SWDPIN0, CTRL_SWDPIO0 = 1 << 18, 1 << 22
CTRL_RFCE, CTRL_TFCE = 1 << 27, 1 << 28
ICR, ITR, ICS, IMS, IMC = 0xc0, 0xc4, 0xc8, 0xd0, 0xd8
ICS_RXT0 = 0x80
TCTL, TCTL_EN = 0x400, 2
LEDCTL = 0xe00
RDBAL, RDBAH, RDLEN, RDH, RDT = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818
STATISTICS = 0x4000
VFTA = 0x5600

qtest_arguments = qtest.arguments


@pytest.fixture(scope="module")
def qtest_path():
    """Where the socket of the protocol is."""
    with tempfile.TemporaryDirectory(prefix="sluice-qtest-") as directory:
        yield os.path.join(directory, "socket")


def bar(guest, i):
    """The address of the NIC's registers."""
    text = guest.sh(f"head -1 /sys/bus/pci/devices/{guest.pci(i)}/resource").stdout
    return int(text.split()[0], 16)


class DeviceAccess(qtest.Qtest):
    """One NIC; close() it."""

    def __init__(self, guest, i, path):
        super().__init__(path)
        self._bar = bar(guest, i)

    def register(self, offset):
        return int(self.ask(f"readl {self._bar + offset:#x}")[0], 16)

    def set_register(self, offset, value):
        self.ask(f"writel {self._bar + offset:#x} {value:#x}")

    def memory(self, address, size):
        return bytes.fromhex(self.ask(f"read {address:#x} {size:#x}")[0][2:])

    def set_memory(self, address, data):
        self.ask(f"write {address:#x} {len(data):#x} 0x{data.hex()}")
