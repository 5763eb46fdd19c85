# SPDX-License-Identifier: GPL-2.0-only
"""Holds a NIC's interrupts back, as the bus can with any device, while its ring fills."""
import contextlib

from qtest import Qtest

ADDRESS, DATA = 0xcf8, 0xcfc
ENABLE = 1 << 31
COMMAND, CAPABILITIES = 0x04, 0x34
NO_INTX = 1 << 10
MSIX, MSIX_CONTROL, MSIX_ENABLE, MASK_ALL = 0x11, 2, 1 << 15, 1 << 14


class InterruptGate(Qtest):
    """Of one NIC, by its configuration space; close() it."""

    def __init__(self, path, address):
        super().__init__(path)
        _, bus, rest = address.split(":")
        slot, function = rest.split(".")
        self.base = ENABLE | int(bus, 16) << 16 | int(slot, 16) << 11 | int(function) << 8

    def word(self, offset):
        self.ask(f"outl {ADDRESS:#x} {self.base | offset & ~3:#x}")
        return int(self.ask(f"inw {DATA + offset % 4:#x}")[0], 16)

    def set_word(self, offset, value):
        self.ask(f"outl {ADDRESS:#x} {self.base | offset & ~3:#x}")
        self.ask(f"outw {DATA + offset % 4:#x} {value:#x}")

    def msix(self):
        """Offset of its control word, None if it is not in use."""
        at = self.word(CAPABILITIES) & 0xff
        while at:
            kind = self.word(at)
            if kind & 0xff == MSIX:
                return at + MSIX_CONTROL if self.word(at + MSIX_CONTROL) & MSIX_ENABLE else None
            at = kind >> 8
        return None

    def switch(self, offset, bit, on):
        self.set_word(offset, self.word(offset) & ~bit | (bit if on else 0))

    @contextlib.contextmanager
    def closed(self):
        """No interrupt while the block runs, and after it the one that was due."""
        control = self.msix()
        place = (control, MASK_ALL) if control else (COMMAND, NO_INTX)
        self.switch(*place, True)
        yield
        self.switch(*place, False)
