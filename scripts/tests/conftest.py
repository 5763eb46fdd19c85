# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel the guests run and with which NICs, what every test ends with, and the report: one
line a test, then "N passed, N failed"."""
import json
import os
import pathlib
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

# Fixtures and functions in one module: a plugin for pytest, an import for the tests.
pytest.register_assert_rewrite("device_access", "register_trace")

import kernels  # noqa: E402
import line_coverage  # noqa: E402
import models  # noqa: E402
from console import fault_of_the_emulator  # noqa: E402
from guest import Guest, Nic  # noqa: E402

# These ask nothing of the driver, or nothing that depends on the kernel: once is enough.
KERNEL_INDEPENDENT = {"test_bench.py", "test_console.py", "test_docs.py", "test_kernel.py",
                      "test_ktap.py", "test_make.py", "test_line_coverage.py", "test_mutations.py",
                      "test_runner.py", "test_static.py", "test_vhost_liar.py", "test_wire.py"}
# They need a kernel that watches, which the distribution's does not.
OF_THE_WATCHERS = {"test_faults.py", "test_kunit.py", "test_sanitizers.py"}
# These choose their NICs themselves, have none, or are about the 8254x from end to end.
NIC_INDEPENDENT = KERNEL_INDEPENDENT | {"test_accesses.py", "test_bind.py", "test_hostile.py",
                                        "test_kunit.py", "test_models.py", "test_sanitizers.py",
                                        "test_vhost_user.py", "test_virtio.py",
                                        "test_virtio_announce.py", "test_virtio_offload.py",
                                        "test_virtio_rss.py", "test_xdp_always.py"}
DEFAULT_KERNEL, DEFAULT_NIC = "distribution", "e1000"

NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)


# The kernel and the NICs

def pytest_addoption(parser):
    parser.addoption("--kernel", default=DEFAULT_KERNEL, choices=(DEFAULT_KERNEL, *kernels.BUILT),
                     help="run the tests of the driver on this kernel of scripts/kernel-build")
    parser.addoption("--nic", default=DEFAULT_NIC, choices=models.NAMES,
                     help="run the tests of the driver with this NIC of scripts/models.py")
    parser.addoption("--tally", help="file with the counts of the sessions before this one, to "
                     "which it adds its own: the last line says the sum.  Tests that the emulator "
                     "has failed are not counted but named there, to be run once more")
    parser.addoption("--coverage", help="directory that gets what the guests of kernel gcov have "
                     "counted")


def pytest_configure(config):
    config.addinivalue_line("markers", "distribution_kernel(reason): what is tested is not to be "
                            "had in a kernel that watches itself")
    config.addinivalue_line("markers", "built_kernel(reason): what is tested is to be had in a "
                            "kernel of scripts/kernel-build only")
    config.addinivalue_line("markers", "needs(ability): one of models.ABILITIES")
    name = config.option.kernel
    if config.option.coverage:
        Guest.before_off = lambda guest: line_coverage.save(guest, config.option.coverage)
    Guest.default_kernel = staticmethod(lambda: kernels.named_kernel(name))
    Nic.default_model = models.named(config.option.nic)
    # a worker of xdist runs tests for a process that reports them
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(config.option))


def pytest_collection_modifyitems(config, items):
    """On another kernel, or with another NIC, only what that can show more of."""
    kernel = config.option.kernel
    left_out = KERNEL_INDEPENDENT if kernel != DEFAULT_KERNEL else set()
    if kernel in (DEFAULT_KERNEL, "gcov"):
        left_out = left_out | OF_THE_WATCHERS
    if config.option.nic != DEFAULT_NIC:
        left_out = left_out | NIC_INDEPENDENT
    items[:] = [item for item in items if item.path.name not in left_out]


def pytest_runtest_setup(item):
    ours = item.config.option.kernel != DEFAULT_KERNEL
    mark = item.get_closest_marker("distribution_kernel" if ours else "built_kernel")
    if mark:
        pytest.skip(mark.args[0])
    for mark in item.iter_markers("needs"):
        if not Nic.default_model.can(mark.args[0]):
            pytest.skip(Nic.default_model.lacks[mark.args[0]])


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
        self.accused = set()

    def record(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.status[report.nodeid] = "failed"
            if fault_of_the_emulator(report.longreprtext):
                self.accused.add(report.nodeid)
        elif report.skipped:
            self.status[report.nodeid] = "skipped"
            self.reasons.append(f"{report.nodeid}: {report.longrepr[2]}")
        elif report.when == "call":
            self.status[report.nodeid] = "passed"

    def count(self, status):
        return list(self.status.values()).count(status)


class Tally:
    """The counts of several sessions of pytest, in a file if there is one.

    again are the tests that ended by a fault of the emulator's.  A session that finds some is their
    second try, in which whatever fails counts.
    """

    def __init__(self, path):
        self.path = path and pathlib.Path(path)
        text = self.path.read_text(encoding="utf-8") if path and self.path.exists() else ""
        self.counts = json.loads(text) if text else {"passed": 0, "failed": 0}
        self.again = self.counts.pop("again", [])

    def add(self, outcomes):
        accused = outcomes.accused if self.path and not self.again else set()
        for status in self.counts:
            self.counts[status] += outcomes.count(status)
        self.counts["failed"] -= len(accused)
        self.again = sorted(accused)
        if self.path:
            self.path.write_text(json.dumps({**self.counts, "again": self.again}),
                                 encoding="utf-8")

    def line(self):
        return ", ".join(f"{count} {status}" for status, count in self.counts.items())


def say(text):
    # pytest captures what tests print; progress must be seen at once
    print(text, file=sys.__stdout__, flush=True)


class Report:
    """One line a test as it ends, the skips with their reasons, and the sum as the last line."""

    def __init__(self, options):
        self.outcomes = Outcomes()
        self.tally = Tally(options.tally)
        self.started = time.monotonic()
        # what ran on the distribution's kernel with an e1000 is not marked
        self.where = "".join(f"[{chosen}] " for chosen in (options.kernel, options.nic)
                             if chosen not in (DEFAULT_KERNEL, DEFAULT_NIC))

    @staticmethod
    def pytest_report_teststatus(report):
        """Replaces pytest's dots: pytest_runtest_logreport prints a line instead."""
        if report.when == "call" or not report.passed:
            return report.outcome, "", ""
        return "", "", ""

    def pytest_runtest_logreport(self, report):
        self.outcomes.record(report)
        if report.when == "teardown":
            seconds = self.outcomes.seconds[report.nodeid]
            status = self.outcomes.status[report.nodeid]
            say(f"{status:7} {seconds:6.1f} s  {self.where}{report.nodeid}")

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes.status[report.nodeid] = "failed"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """Sessions in which no test passed have shown nothing; the second of them may be empty."""
        if session.config.option.collectonly:
            return
        self.tally.add(self.outcomes)
        if not self.tally.counts["passed"] and session.exitstatus == 0:
            session.exitstatus = 1
        if self.tally.counts["passed"] and session.exitstatus == NO_TESTS:
            session.exitstatus = 0
        if self.tally.again and self.outcomes.count("failed") == len(self.tally.again):
            session.exitstatus = 0

    def pytest_unconfigure(self, config):
        if config.option.collectonly or config.option.help:
            return
        say("")
        for test in self.tally.again:
            say(f"once more, as the emulator failed: {self.where}{test}")
        for reason in self.outcomes.reasons:
            say(f"skipped {self.where}{reason}")
        say(f"{self.where}{self.outcomes.count('skipped')} skipped, "
            f"{time.monotonic() - self.started:.0f} s in all")
        say(self.tally.line())
