# SPDX-License-Identifier: GPL-2.0-only
"""What receiving costs in memory: bytes for each descriptor, and pages allocated under load."""
import dataclasses
import re

from rates import Rates, booted

MILLION, PAGE = 1e6, 4096


@dataclasses.dataclass
class Plan:
    """Frames under load, as rates.Plan has them."""
    frames: int = 50_000
    warm: int = 5_000


class Memory(Rates):
    """The measurements, by the kernel's own counts of pages."""

    def pages(self):
        """Pages allocated since boot, and pages freed."""
        text = self.bed.sh("cat /proc/vmstat")
        return [sum(int(count) for count in re.findall(rf"^{name} (\d+)", text, re.M))
                for name in (r"pgalloc_\w+", "pgfree")]

    def held(self):
        allocated, freed = self.pages()
        return allocated - freed

    def ring(self):
        text = self.bed.sh(f"ethtool -g {self.bed.names[0]}")
        return int(re.findall(r"^RX:\s+(\d+)", text, re.M)[1])

    def held_by_driver(self, work):
        """Bytes per descriptor that are held after some work, and were not without a driver."""
        # once before, so that all that it reads is in memory
        for _ in range(2):
            self.bed.take()
            before = self.held()
            self.bed.give(self.bed.driver)
            work()
            found = self.held() - before
        return found * PAGE / self.ring()

    def at_rest(self):
        return self.held_by_driver(lambda: None)

    def after_load(self):
        """What it has kept of a load that has just ended."""
        holder = self.bed.hold_port()
        found = self.held_by_driver(self.load)
        holder.stop()
        return found

    def load(self):
        self.peers[0].send(self.plan.frames)
        self.bed.received()

    def allocated(self):
        """Pages per 10^6 frames to the stack, without those that asking takes."""
        holder = self.bed.hold_port()
        self.peers[0].send(self.plan.warm)
        asking = self.growth(self.bed.received)
        found = self.growth(self.load)
        holder.stop()
        return max(0, found - asking) / self.plan.frames * MILLION

    def growth(self, work):
        before = self.pages()[0]
        work()
        return self.pages()[0] - before


MEASURES = {
    "bytes per RX descriptor at rest": Memory.at_rest,
    "bytes per RX descriptor after a load": Memory.after_load,
    "pages allocated per 10^6 received packets": Memory.allocated,
}


def measure(record, model, rounds, plan):
    """All of it, the drivers in turn, in one boot."""
    with booted(model, plan, nics=1, kind=Memory) as memory:
        record.said(f"{model.name}: booted for memory")
        for number in range(rounds):
            for driver in record.drivers:
                memory.bed.give(driver)
                for quantity, function in MEASURES.items():
                    record.add(quantity, driver, number, function(memory))
