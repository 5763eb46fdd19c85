# SPDX-License-Identifier: GPL-2.0-only
"""Accesses to a NIC's registers, counted by the emulator's own trace of the device."""
import collections
import os
import re

import pytest

REGION = 0x20000
# An event that never happens: the emulator opens its trace file only for one asked for at start.
NEVER = "memory_region_ram_device_read"
EVENTS = ["memory_region_ops_read", "memory_region_ops_write"]


class RegisterTrace:
    """The emulator's trace file, read between two points of a test."""

    def __init__(self, path):
        self.path = path
        # What the emulator must be started with; the guest that it then is
        self.arguments = ["-D", path, "-trace", NEVER]
        self.guest = None

    def watch(self, on):
        for event in EVENTS:
            self.guest.qmp("trace-event-set-state", name=event, enable=on)

    def during(self, work):
        """Accesses to the NICs' registers while work runs, as {offset: count}."""
        start = os.path.getsize(self.path) if os.path.exists(self.path) else 0
        self.watch(True)
        work()
        self.watch(False)
        with open(self.path, encoding="utf-8") as trace:
            trace.seek(start)
            return count(trace)


def count(lines):
    found = collections.Counter()
    for line in lines:
        match = re.search(r" addr 0x([0-9a-f]+) .* name 'e1000-mmio'", line)
        if match:
            found[int(match[1], 16) % REGION] += 1
    return found


@pytest.fixture(scope="module")
def register_trace(tmp_path_factory):
    return RegisterTrace(str(tmp_path_factory.mktemp("trace") / "accesses"))
