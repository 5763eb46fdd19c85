# SPDX-License-Identifier: GPL-2.0-only
"""The emulator's own trace of a device, above all accesses to a NIC's registers.

Each of these is a VM exit, and their number does not depend on the machine's speed.
"""
import collections
import os
import re

# An event that never happens: the emulator opens its trace file only for one asked for at start.
NEVER = "memory_region_ram_device_read"
EVENTS = ("memory_region_ops_read", "memory_region_ops_write")
LINE = re.compile(r" addr 0x([0-9a-f]+) .* name '([^']+)'")


class DeviceTrace:
    """The emulator's trace file, read between two points of a measurement."""

    def __init__(self, path, events=EVENTS):
        self.path, self.events = path, events
        # What the emulator must be started with; the guest that it then is
        self.arguments = ["-D", path, "-trace", NEVER]
        self.guest = None

    def watch(self, on):
        for event in self.events:
            self.guest.qmp("trace-event-set-state", name=event, enable=on)

    def during(self, work, regions):
        """Accesses while work runs, as {(region, address): count}; regions is a pattern."""
        return count(self.lines(work), regions)

    def lines(self, work):
        """What is traced while work runs."""
        start = os.path.getsize(self.path) if os.path.exists(self.path) else 0
        self.watch(True)
        work()
        self.watch(False)
        with open(self.path, encoding="utf-8") as trace:
            trace.seek(start)
            return trace.readlines()


def count(lines, regions):
    found = collections.Counter()
    for line in lines:
        match = LINE.search(line)
        if match and re.fullmatch(regions, match[2]):
            found[match[2], int(match[1], 16)] += 1
    return found
