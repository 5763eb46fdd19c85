# SPDX-License-Identifier: GPL-2.0-only
"""Count kernel trace events of the guest, exactly, by one of their fields."""

import contextlib
import re

TRACING = "/sys/kernel/tracing"


def mount(guest):
    guest.sh(f"grep -q ' {TRACING} ' /proc/mounts || mount -t tracefs tracefs {TRACING}")


class EventCount:
    """A histogram trigger: the kernel counts in place, so no event is lost in a trace buffer."""

    def __init__(self, guest, event, key, condition):
        self._guest = guest
        self._directory = f"{TRACING}/events/{event.replace(':', '/')}"
        self._trigger = f"hist:keys={key}" + (f" if {condition}" if condition else "")
        self._key = key

    def start(self):
        mount(self._guest)
        # the file is opened to append: truncating it removes the event's other triggers
        self._guest.sh(f"echo '{self._trigger}' >> {self._directory}/trigger")

    def stop(self):
        self._guest.sh(f"echo '!{self._trigger}' >> {self._directory}/trigger", check=False)

    def by_key(self):
        """How often each value of the key was seen."""
        text = self._guest.sh(f"cat {self._directory}/hist").stdout
        pattern = rf"{{ {self._key}:\s*(-?\w+)\s*}} hitcount:\s*(\d+)"
        return {int(value, 0): int(hits) for value, hits in re.findall(pattern, text)}

    def total(self):
        return sum(self.by_key().values())


@contextlib.contextmanager
def counted_events(guest, event, key, condition=""):
    """Count an event by the value of one field while the block runs."""
    count = EventCount(guest, event, key, condition)
    count.start()
    try:
        yield count
    finally:
        count.stop()


@contextlib.contextmanager
def counted_calls(guest, function):
    """Count the calls of one of the kernel's functions while the block runs."""
    probes, name = f"{TRACING}/kprobe_events", f"sluice_tests/{function}"
    mount(guest)
    guest.sh(f"echo 'p:{name} {function}' >>{probes}")
    try:
        with counted_events(guest, name.replace("/", ":"), "common_cpu") as count:
            yield count
    finally:
        guest.sh(f"echo '-:{name}' >>{probes}")
