# SPDX-License-Identifier: GPL-2.0-only
"""What every test ends with, and the report: one line a test, then "N passed, N failed"."""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from guest import Guest  # noqa: E402


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
