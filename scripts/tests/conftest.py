# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures shared by the tests, and the report: one line a test, then "N passed, N failed"."""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from guest import Guest, Nic  # noqa: E402
from ledger import ledger_of_all  # noqa: E402

MODELS = ["e1000", "e1000-82545em", "e1000-82544gc"]


# Fixtures

@pytest.fixture(scope="module")
def guest():
    """One boot for all tests of a file: NIC 0 on a wire to the test, NICs 1 and 2 connected."""
    nics = [Nic(wire="dgram", pcap=True), Nic(wire=("pair", 0)), Nic(wire=("pair", 0))]
    with Guest(nics=nics) as g:
        yield g


@pytest.fixture(params=MODELS)
def model(request):
    """Name of each emulated device that the driver claims, one after the other."""
    return request.param


@pytest.fixture
def fresh(guest):
    """The shared guest, whose interfaces are default again and balanced after the test."""
    if not hasattr(guest, "defaults"):
        guest.defaults = settings(guest)
    yield guest
    restore(guest)
    ledger_of_all(guest)
    changed = [i for i, text in enumerate(settings(guest)) if text != guest.defaults[i]]
    for i in changed:
        rebind(guest, i)


def settings(g):
    """What ethtool and sysfs can change, per NIC, as text to compare."""
    text = g.sh("\n".join(
        f"echo //; for o in g c k a; do ethtool -$o {dev}; done; cd /sys/class/net/{dev};"
        "cat mtu tx_queue_len threaded napi_defer_hard_irqs gro_flush_timeout"
        for dev in g.ifnames()), check=False).stdout
    return text.split("//\n")[1:]


def rebind(g, i):
    """Probing again is the one way back to every default."""
    address = g.pci(i)
    g.sh(f"cd /sys/bus/pci/drivers/sluice; echo {address} >unbind; echo {address} >bind")
    g.wait_interfaces()


def restore(g):
    """Undo what tests commonly change; each command may find nothing to undo."""
    g.sh("for ns in $(ip netns list | cut -d' ' -f1); do ip netns del $ns; done")
    g.wait_interfaces()
    g.sh("\n".join(
        f"ip link set dev {dev} xdp off; ip link set dev {dev} xdpgeneric off;"
        f"tc qdisc del dev {dev} clsact; tc qdisc del dev {dev} root; ip addr flush dev {dev};"
        f"ip link set dev {dev} down; ip link set dev {dev} promisc off allmulticast off "
        f"mtu 1500 address {nic.mac}" for dev, nic in zip(g.ifnames(), g.nics)), check=False)
    for nic in g.nics:
        g.qmp("set_link", name=nic.id, up=True)
    for wire in g.wires.values():
        wire.drain()


@pytest.fixture(autouse=True)
def quiet_console():
    """A test during which any guest's kernel complains has failed."""
    yield
    for g in list(Guest.running):
        g.check_console()


# Report

class Outcomes:
    """What became of each test.  A test whose set-up or tear-down fails has failed."""

    def __init__(self):
        self.status = {}
        self.reasons = []
        self.seconds = {}

    def record(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.status[report.nodeid] = "failed"
        elif report.skipped:
            self.status[report.nodeid] = "skipped"
            self.reasons.append(f"{report.nodeid}: {report.longrepr[2]}")
        elif report.when == "call":
            self.status[report.nodeid] = "passed"

    def count(self, status):
        return list(self.status.values()).count(status)

    def line(self):
        skipped = self.count("skipped")
        tail = f", {skipped} skipped" if skipped else ""
        return f"{self.count('passed')} passed, {self.count('failed')} failed{tail}"


outcomes = Outcomes()
started = time.monotonic()


def say(text):
    # pytest captures what tests print; progress must be seen at once
    print(text, file=sys.__stdout__, flush=True)


def pytest_report_teststatus(report):
    """Replaces pytest's dots: pytest_runtest_logreport prints a line instead."""
    if report.when == "call" or not report.passed:
        return report.outcome, "", ""
    return "", "", ""


def pytest_runtest_logreport(report):
    outcomes.record(report)
    if report.when == "teardown":
        seconds = outcomes.seconds[report.nodeid]
        say(f"{outcomes.status[report.nodeid]:7} {seconds:6.1f} s  {report.nodeid}")


def pytest_collectreport(report):
    if report.failed:
        outcomes.status[report.nodeid] = "failed"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """A run in which no test passed has shown nothing."""
    if not outcomes.count("passed") and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_unconfigure(config):
    if config.option.collectonly or config.option.help:
        return
    say("")
    for reason in outcomes.reasons:
        say(f"skipped {reason}")
    say(f"{time.monotonic() - started:.0f} s")
    say(outcomes.line())
