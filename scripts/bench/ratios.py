# SPDX-License-Identifier: GPL-2.0-only
"""The arithmetic of the bench: medians, ratios with their spread, and what they are to reach.

The two drivers take turns, so a ratio is made of neighbours: of one round, in which the machine was
as busy for the one as for the other.
"""
import collections
import math
import statistics

IN_TREE, SLUICE, DPDK = "in-tree", "sluice", "DPDK"
DRIVERS = (IN_TREE, SLUICE)

# One number: what was measured of which NIC under which conditions, in which round.
Sample = collections.namedtuple("Sample", "nic conditions quantity driver round value")
# The median ratio and the least and largest one.
Ratio = collections.namedtuple("Ratio", "median least largest")


class Target:
    """What the median is to reach; of is "ratio" (sluice to the other) or "own" (sluice's number).
    """

    def __init__(self, of, sign, bound):
        assert of in ("ratio", "own") and sign in ("<=", ">=", "<")
        self.of, self.sign, self.bound = of, sign, bound

    def met_by(self, value):
        return {"<=": value <= self.bound, ">=": value >= self.bound,
                "<": value < self.bound}[self.sign]

    def __str__(self):
        return f"{self.sign} {self.bound:g}{'x' if self.of == 'ratio' else ''}"


class Row:
    """All that was measured of one quantity with sluice and with one other driver."""

    def __init__(self, samples, other=IN_TREE):
        self.nic, self.conditions, self.quantity = samples[0][:3]
        self.other = other
        self.ours = {s.round: s.value for s in samples if s.driver == SLUICE}
        self.theirs = {s.round: s.value for s in samples if s.driver == other}

    def ratio(self):
        """Of sluice to the other over the rounds that both have; None where the other is nothing.
        """
        both = sorted(self.ours.keys() & self.theirs.keys())
        ratios = [self.ours[n] / self.theirs[n] for n in both if self.theirs[n]]
        if not ratios:
            return None
        return Ratio(statistics.median(ratios), min(ratios), max(ratios))

    def judged(self, target):
        """The number that a target is about, None if it was not measured."""
        ratio = self.ratio()
        return median(self.ours) if target.of == "own" else ratio and ratio.median


def median(values):
    """Of the rounds, None if there are none."""
    return statistics.median(values.values()) if values else None


def rows(samples):
    """A row for each quantity and other driver, in the order of their first samples."""
    groups = collections.defaultdict(list)
    for sample in samples:
        groups[sample[:3]].append(sample)
    return [Row(group, other) for group in groups.values() for other in others(group)]


def others(group):
    """The drivers that sluice is compared with; in-tree has a row even if it was not measured."""
    return [IN_TREE] + [DPDK] * any(sample.driver == DPDK for sample in group)


def spread(values):
    """How far the largest is above the least, as a share of the least."""
    return max(values) / min(values) - 1


def percentile(values, share):
    """The nearest rank."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def verdict(row, target):
    """"met", "MISSED", or nothing to say."""
    if not target:
        return ""
    value = row.judged(target)
    if value is None:
        return "not measured"
    return "met" if target.met_by(value) else "MISSED"
