# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel the guests run, what every test ends with, and the report: one line a test, then
"N passed, N failed"."""
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
from guest import Guest  # noqa: E402

# These ask nothing of the driver, or nothing that depends on the kernel: once is enough.
KERNEL_INDEPENDENT = {"test_console.py", "test_docs.py", "test_kernel.py", "test_make.py",
                      "test_line_coverage.py", "test_mutations.py", "test_runner.py",
                      "test_static.py", "test_wire.py"}
# They need a kernel that watches, which the distribution's does not.
OF_THE_WATCHERS = {"test_faults.py", "test_kunit.py", "test_sanitizers.py"}

NO_TESTS = int(pytest.ExitCode.NO_TESTS_COLLECTED)


# The kernel

def pytest_addoption(parser):
    parser.addoption("--kernel", default="distribution", choices=("distribution", *kernels.BUILT),
                     help="run the tests of the driver on this kernel of scripts/kernel-build")
    parser.addoption("--tally", help="file with the counts of the sessions before this one, to "
                     "which it adds its own: the last line says the sum")
    parser.addoption("--coverage", help="directory that gets what the guests of kernel gcov have "
                     "counted")


def pytest_configure(config):
    config.addinivalue_line("markers", "distribution_kernel(reason): what is tested is not to be "
                            "had in a kernel that watches itself")
    name = config.option.kernel
    if config.option.coverage:
        Guest.before_off = lambda guest: line_coverage.save(guest, config.option.coverage)
    Guest.default_kernel = staticmethod(lambda: kernels.named_kernel(name))
    # a worker of xdist runs tests for a process that reports them
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Report(name, config.option.tally))


def pytest_collection_modifyitems(config, items):
    """On another kernel only what it can show more of than the distribution's."""
    kernel = config.option.kernel
    left_out = KERNEL_INDEPENDENT if kernel != "distribution" else set()
    if kernel in ("distribution", "gcov"):
        left_out = left_out | OF_THE_WATCHERS
    items[:] = [item for item in items if item.path.name not in left_out]


def pytest_runtest_setup(item):
    mark = item.get_closest_marker("distribution_kernel")
    if mark and item.config.option.kernel != "distribution":
        pytest.skip(mark.args[0])


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


class Tally:
    """The counts of several sessions of pytest, in a file if there is one."""

    def __init__(self, path):
        self.path = path and pathlib.Path(path)
        text = self.path.read_text(encoding="utf-8") if path and self.path.exists() else ""
        self.counts = json.loads(text) if text else {"passed": 0, "failed": 0}

    def add(self, outcomes):
        for status in self.counts:
            self.counts[status] += outcomes.count(status)
        if self.path:
            self.path.write_text(json.dumps(self.counts), encoding="utf-8")

    def line(self):
        return ", ".join(f"{count} {status}" for status, count in self.counts.items())


def say(text):
    # pytest captures what tests print; progress must be seen at once
    print(text, file=sys.__stdout__, flush=True)


class Report:
    """One line a test as it ends, the skips with their reasons, and the sum as the last line."""

    def __init__(self, kernel, tally):
        self.outcomes = Outcomes()
        self.tally = Tally(tally)
        self.started = time.monotonic()
        # what ran on the distribution's kernel is not marked
        self.where = "" if kernel == "distribution" else f"[{kernel}] "

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
        self.tally.add(self.outcomes)
        if not self.tally.counts["passed"] and session.exitstatus == 0:
            session.exitstatus = 1
        if self.tally.counts["passed"] and session.exitstatus == NO_TESTS:
            session.exitstatus = 0

    def pytest_unconfigure(self, config):
        if config.option.collectonly or config.option.help:
            return
        say("")
        for reason in self.outcomes.reasons:
            say(f"skipped {self.where}{reason}")
        say(f"{self.where}{self.outcomes.count('skipped')} skipped, "
            f"{time.monotonic() - self.started:.0f} s in all")
        say(self.tally.line())
