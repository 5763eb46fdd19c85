# SPDX-License-Identifier: GPL-2.0-only
"""What an interface, its driver and its qdiscs count by themselves."""
import contextlib
import json
import pathlib
import re
import subprocess
import time

import ledger
from packet_path.ethtool import Statistics
from packet_path.probes import Unwatchable

NET = pathlib.Path("/sys/class/net")
OURS = "sluice"
# Readings of the driver's counters before a driver that is never quiet is left unjudged.
ATTEMPTS = 3
A_LITTLE = 0.05


def ask(*command):
    """What a tool of iproute2 prints in JSON; an interface can go while it is looked at."""
    try:
        done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise Unwatchable(f"{command[0]} is missing: apt-get install iproute2") from None
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or ["failed"])[-1]
        raise Unwatchable(f"{' '.join(command)}: {complaint}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Unwatchable(f"{' '.join(command)}: what it prints is no JSON") from None


class Interface:
    """One interface of this network namespace."""

    def __init__(self, name):
        self.path = NET / name
        if "/" in name or not (self.path / "ifindex").is_file():
            raise Unwatchable(f"{name}: no such interface; 'ip link' lists them")
        self.name = name
        self.index = int((self.path / "ifindex").read_text())
        self.driver = self._driver()
        self.is_ours = self.driver == OURS
        self.statistics = Statistics(name) if self.is_ours else None

    def _driver(self):
        link = self.path / "device" / "driver"
        return link.resolve().name if link.exists() else None

    def link(self):
        """What ip says now: flags, MTU, program."""
        return ask("ip", "-json", "-d", "link", "show", "dev", self.name)[0]

    @contextlib.contextmanager
    def _still_there(self):
        """What is read within fails with one sentence if the interface goes meanwhile."""
        try:
            yield
        except OSError:
            raise Unwatchable(f"{self.name}: the interface is gone") from None

    def standard(self):
        """The counters that every interface has."""
        with self._still_there():
            return {file.name: int(file.read_text())
                    for file in (self.path / "statistics").iterdir()}

    def own(self):
        """The driver's counters by their names; another driver's mean nothing here."""
        with self._still_there():
            return self.statistics.read() if self.is_ours else {}

    def qdiscs(self):
        return ask("tc", "-s", "-json", "qdisc", "show", "dev", self.name)

    def byte_limits(self):
        """Of all queues: the bytes that BQL lets into the rings, and those that are there."""
        found = {}
        for what in ("limit", "inflight"):
            files = self.path.glob(f"queues/tx-*/byte_queue_limits/{what}")
            with self._still_there():
                if values := [int(file.read_text()) for file in files]:
                    found[what] = sum(values)
        return found

    def judge(self):
        """(whether the ledger balances, a sentence); None while nobody can know.

        A reading is not of one instant, and a poll publishes its counters when it ends. It was of a
        quiet moment if nothing has moved a little later.
        """
        if not self.is_ours:
            return None, f"{self.driver or 'this interface'} keeps no ledger"
        then = self.own()
        for _ in range(ATTEMPTS):
            time.sleep(A_LITTLE)
            now = self.own()
            flying = ledger.in_flight(then)
            if ledger.moving(then) == ledger.moving(now) and not flying:
                return verdict(then)
            then = now
        return None, f"cannot be judged while frames move ({flying} in flight)"


def verdict(stats):
    """The ledger of one quiet moment, since the driver has had the device."""
    if wrong := list(ledger.imbalances(stats)):
        return False, "DOES NOT BALANCE: " + "; ".join(wrong)
    total = sums(stats)
    return True, f"balances: {total['rx_frames']} frames received and " \
        f"{total['tx_accepted'] + total['tx_xdp_accepted']} accepted for sending, all accounted for"


def sums(own):
    """The driver's counters, those of queues added up: rx0_frames and rx1_frames are rx_frames."""
    found = {}
    for name, value in own.items():
        name = re.sub(r"^(rx|tx)\d+_", r"\1_", name)
        found[name] = found.get(name, 0) + value
    return found
