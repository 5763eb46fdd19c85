# SPDX-License-Identifier: GPL-2.0-only
"""What has been measured so far, and a line of progress for each number."""
import time

from ratios import DRIVERS, Sample
from targets import STOCK


class Record:
    """The samples of a run; each measure() is given one for its NIC and conditions."""

    def __init__(self, nic=None, conditions=STOCK, parent=None, drivers=DRIVERS):
        self.nic, self.conditions, self.drivers = nic, conditions, drivers
        self.samples = parent.samples if parent else []
        self.profiles = parent.profiles if parent else {}
        self.started = parent.started if parent else time.monotonic()

    def of(self, nic, conditions=STOCK):
        return Record(nic, conditions, self, self.drivers)

    def turns(self, number):
        """The drivers in the order of a round; who is first changes from round to round."""
        return self.drivers[::-1] if number % 2 else self.drivers

    def add(self, quantity, driver, number, value):
        self.samples.append(Sample(self.nic, self.conditions, quantity, driver, number, value))
        self.said(f"{self.nic}, {self.conditions}, round {number + 1}, {driver}: {quantity}: "
                  f"{value:,.4g}")

    def add_profile(self, quantity, driver, lines):
        """Where the instructions go; the last round's stays."""
        self.profiles[self.nic, self.conditions, quantity, driver] = lines

    def seconds(self):
        """Since it was made."""
        return time.monotonic() - self.started

    def said(self, text):
        print(f"{self.seconds():6.0f} s  {text}", flush=True)
