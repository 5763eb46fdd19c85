# SPDX-License-Identifier: GPL-2.0-only
"""How long a reset takes that a program needs: the host's device cannot be told to leave checksums
alone, so sluice negotiates anew.  In-tree virtio_net refuses the program.

The guest's kernel times the driver's function for it, by its own clock: from new rings, over the
device's silence, to frames again and the old rings freed.
"""
import dataclasses
import re

import bed
import tcp
from bed import Bed
from guest import Nic
from ratios import SLUICE, percentile
from tap_namespace import why_not

QUANTITY = "ms of a reset for a program"
TRACING, TIMED = "/sys/kernel/tracing", "sluice_rebuild"
# Behind the end of a call, or behind the whole of it if nothing was traced meanwhile on its CPU.
DURATION = re.compile(rf"([\d.]+) us +\| +(?:\}} /\* )?{TIMED}\b")


@dataclasses.dataclass
class Plan:
    """Programs attached; each is detached again, which takes one more."""
    attached: int = 20


class Resets:
    """The measurement."""

    def __init__(self, running):
        self.bed = running

    def begin(self):
        self.bed.sh(f"cd {TRACING}; echo {TIMED} >set_ftrace_filter; "
                    "echo function_graph >current_tracer; echo 1 >options/funcgraph-tail")

    def end(self):
        self.bed.sh(f"cd {TRACING}; echo nop >current_tracer; echo >set_ftrace_filter")

    def attach(self):
        """Milliseconds that the device was being reset to attach a program."""
        self.bed.sh(f"echo >{TRACING}/trace")
        self.bed.attach("bare_drop")
        found = durations(self.bed.sh(f"cat {TRACING}/trace"))
        self.bed.detach()
        if len(found) != 1:
            raise RuntimeError(f"{len(found)} resets to attach a program, not 1")
        return found[0]

    def median(self, plan):
        self.begin()
        found = [self.attach() for _ in range(plan.attached)]
        self.end()
        return percentile(found, 0.5)


def durations(trace):
    """Milliseconds of each call that the function_graph tracer has timed."""
    return [float(microseconds) / 1000 for microseconds in DURATION.findall(trace)]


def measure(record, model, rounds, plan):
    """Only sluice does it."""
    if why_not():
        record.said(f"{model.name}: no resets: {why_not()}")
        return
    nic = Nic(model.name, ("tap", 1), bed.mac(0), options="ctrl_guest_offloads=off")
    with tcp.between(Bed([nic])) as running:
        record.said(f"{model.name}: booted for resets")
        running.bed.give(SLUICE)
        resets = Resets(running.bed)
        for number in range(rounds):
            record.add(QUANTITY, SLUICE, number, resets.median(plan))
