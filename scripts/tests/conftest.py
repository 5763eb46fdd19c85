# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel the guests run, what every test ends with, and the report: one line a test, then
"N passed, N failed"."""
import os
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
OF_THE_WATCHERS = {"test_faults.py", "test_sanitizers.py"}


# The kernel

def pytest_addoption(parser):
    parser.addoption("--kernel", default="distribution", choices=("distribution", *kernels.BUILT),
                     help="run the tests of the driver on this kernel of scripts/kernel-build")
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
        config.pluginmanager.register(Report())


def pytest_ignore_collect(collection_path, config):
    """On another kernel only what it can show more of than the distribution's."""
    kernel = config.option.kernel
    left_out = KERNEL_INDEPENDENT if kernel != "distribution" else set()
    if kernel in ("distribution", "gcov"):
        left_out = left_out | OF_THE_WATCHERS
    return collection_path.name in left_out or None


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

    def line(self):
        return f"{self.count('passed')} passed, {self.count('failed')} failed"


def say(text):
    # pytest captures what tests print; progress must be seen at once
    print(text, file=sys.__stdout__, flush=True)


class Report:
    """One line a test as it ends, the skips with their reasons, and the sum as the last line."""

    def __init__(self):
        self.outcomes = Outcomes()
        self.started = time.monotonic()

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
            say(f"{self.outcomes.status[report.nodeid]:7} {seconds:6.1f} s  {report.nodeid}")

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes.status[report.nodeid] = "failed"

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        """A run in which no test passed has shown nothing."""
        if not self.outcomes.count("passed") and session.exitstatus == 0:
            session.exitstatus = 1

    def pytest_unconfigure(self, config):
        if config.option.collectonly or config.option.help:
            return
        say("")
        for reason in self.outcomes.reasons:
            say(f"skipped {reason}")
        say(f"{self.outcomes.count('skipped')} skipped, "
            f"{time.monotonic() - self.started:.0f} s in all")
        say(self.outcomes.line())
