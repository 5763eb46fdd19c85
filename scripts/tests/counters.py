# SPDX-License-Identifier: GPL-2.0-only
"""Counters of the guest before and after: what grew, and by how much."""

import re
import time

from guest import Guest, Nic


def snmp(guest, prefix=""):
    """The protocol counters of the guest's kernel, e.g. UdpInCsumErrors and Udp6InCsumErrors."""
    text = guest.sh(f"{prefix} cat /proc/net/snmp /proc/net/snmp6 /proc/net/netstat").stdout
    found = {}
    names = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w+)\s+(\d+)", line.strip()):
            found[match[1]] = int(match[2])
        elif match := re.match(r"(\w+): (.*)", line):
            words = match[2].split()
            if match[1] not in names:
                names[match[1]] = words
            else:
                found |= {match[1] + name: int(word)
                          for name, word in zip(names[match[1]], words)}
    return found


def missed(stats):
    """Frames that the device has dropped for want of a buffer; none where it lets them wait."""
    return stats["dev_missed"] if Nic.default_model.can("counters") else 0


class Growth:
    """What the counters of one reader gained since it was made."""

    def __init__(self, read):
        self._read = read
        self._before = read()

    def __call__(self):
        now = self._read()
        return {name: now[name] - self._before.get(name, 0) for name in now}

    def of(self, name):
        return self()[name]

    def wait(self, name, at_least, timeout=20.0):
        """The growth of one counter, once it has reached a number."""
        return wait_for(lambda: self.of(name), lambda grown: grown >= at_least, timeout,
                        f"{name} to grow by {at_least}")


def wait_for(read, good, timeout, what):
    """Read until the value is good: an event, never a fixed sleep.

    timeout is meant for the distribution's kernel.
    """
    timeout *= max((g.slowdown for g in Guest.running), default=1)
    deadline = time.monotonic() + timeout
    while True:
        value = read()
        if good(value):
            return value
        assert time.monotonic() < deadline, f"waited {timeout} s for {what}, last seen {value}"
        time.sleep(0.05)
