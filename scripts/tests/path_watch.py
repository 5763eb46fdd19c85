# SPDX-License-Identifier: GPL-2.0-only
"""`sluice path` at work in the guest, and what it says of the time in which packets are lost."""
import collections
import contextlib
import json

from counters import wait_for
from guest import in_netns
from kernels import SCRIPTS
from packet_path import probes
from taps import fresh_path
from topology import GUEST_V4, HOST_MAC, HOST_V4, NEAR_V4, PEER_V4, bring_up

COMMAND = f"/usr/bin/python3 -B {SCRIPTS}/sluice path"
NEAR, FAR = range(2)
QUIET = "net.ipv4.ip_forward=1 net.ipv6.conf.all.disable_ipv6=1 " \
    "net.ipv6.conf.default.disable_ipv6=1"
# The guest's kernel cannot ask for them by itself.
MODULES = "nf_tables nft_queue sch_ingress cls_matchall act_gact veth"
# Under emulation even Python takes seconds.
START = 60


def router_up(guest):
    """Two wires with a router between them, and no packet but the tests'."""
    guest.sh(f"sysctl -qw {QUIET}; modprobe -aq {MODULES} || true")
    for i, own, other in ((NEAR, GUEST_V4, HOST_V4), (FAR, NEAR_V4, PEER_V4)):
        ifname = bring_up(guest, i, f"{own}/24")
        guest.sh(f"ip neigh replace {other} lladdr {HOST_MAC} dev {ifname}")


class Seen:
    """The sum of some intervals."""

    def __init__(self):
        self.received, self.sent = collections.Counter(), collections.Counter()
        self.losses, self.ledgers, self.reports = collections.Counter(), [], []

    def add(self, report):
        self.reports.append(report)
        for way, total in (("received", self.received), ("sent", self.sent)):
            total.update({name: packets for name, packets in report[way].items() if packets})
        for loss in report["losses"]:
            self.losses[loss["way"], loss["station"], loss["reason"]] += loss["packets"]
        self.ledgers.append(report["ledger"]["balances"])


class PathWatch:
    """The command with --json, for as long as the block runs."""

    def __init__(self, guest, ifname, netns=None):
        self.guest = guest
        # here it takes less time than in the guest, which sees the cache
        probes.compiled()
        self.path = fresh_path("path")
        self.job = guest.spawn(f"exec {in_netns(netns)}{COMMAND} {ifname} --json "
                               f">{self.path} 2>{self.path}.errors")

    def __enter__(self):
        wait_for(self._lines, lambda count: count, START, "the first interval")
        return self

    def __exit__(self, *_):
        self.job.stop()

    def _lines(self):
        assert not self.job.done(), self.guest.sh(f"cat {self.path}.errors").stdout
        return int(self.guest.sh(f"cat {self.path} 2>/dev/null | wc -l").stdout)

    def _wait_intervals(self, count):
        """The number of intervals that have ended, once there are so many more."""
        goal = self._lines() + count
        return wait_for(self._lines, lambda lines: lines >= goal, 30, "intervals")

    def settle(self):
        """Wait until what has happened is in an interval that has ended, as the one that is under
        way may have read some numbers already; the number of intervals.
        """
        return self._wait_intervals(2)

    @contextlib.contextmanager
    def during(self):
        """What is seen while the block runs; nothing else may be under way when it begins."""
        seen, first = Seen(), self._wait_intervals(1)
        yield seen
        last = self.settle()
        text = self.guest.sh(f"sed -n {first + 1},{last}p {self.path}").stdout
        for line in text.splitlines():
            seen.add(json.loads(line))
