# SPDX-License-Identifier: GPL-2.0-only
"""make kunit: the suites of kunit/ in a guest on the sanitizer kernel.

Prints their KTAP as it comes.  Fails if a test fails or is skipped, if none ran, if the kernel
complains, also while the modules go, and if memory has leaked.  The last line is either the sum or
"FAILED: " and what was wrong.

Looking for leaked memory makes everything up to four times as slow. Suites that do for each kind of
virtio's rings what others do once for the engine are marked as very slow, and have a guest of their
own in which nobody looks.
"""
import argparse
import collections
import os
import re
import shlex
import sys
import time

from console import COMPLAINT, TIME
from guest import Guest, GuestError
from kernels import BUILT, built_kernel

# With bounce buffers a sync that is missing loses data.
CMDLINE = "kunit.enable=1 swiotlb=force"
# Seconds for all of it, and between two lines: no test takes a tenth of that on an idle machine.
LIMIT, SILENCE = 3600, 600
# A guest: which tests, as KUnit's filter, and whether leaked memory is looked for.
Turn = collections.namedtuple("Turn", "filter finds_leaks")
TURNS = [Turn("speed>very_slow", True), Turn("speed<=very_slow", False)]
# A complaint comes before the result of the test that caused it, which may never come.
RESULT_WAIT = 10
# With its end: what is printed once must not be half a line.
LINE = re.compile(r"^\[ *\d+\.\d+\] ( *(?:KTAP version|1\.\.|# |ok |not ok ).*)\n", re.M)
TEST = re.compile(r"^    (ok|not ok) \d+ (\S+)", re.M)
SAID = re.compile(r"^    # (\w+_test): ", re.M)
SUBTEST = re.compile(r"^        # Subtest: (\S+)$")
NOT_OK = re.compile(r"^( *)not ok \d+ (.*?)(?: # .*)?$")
# Of a complaint: offsets in functions, directories, values, the name of the device.
NOISE = [(re.compile(r"\+0x\S*"), ""), (re.compile(r"\S*/"), ""), (re.compile(r" \[.*"), ""),
         (re.compile(r"DMA-API: .*?: "), "DMA-API: ")]
LEAKED = re.compile(r"\b((?:sluice|e1000|fake)_\w+)\+0x")


class Ktap:
    """What the suites have printed on the console so far."""

    def __init__(self, guest):
        self.guest = guest
        self.lines = []
        self.changed = time.monotonic()

    def show(self):
        """Print what is new."""
        lines = LINE.findall(self.guest.console())
        for line in lines[len(self.lines):]:
            print(line, flush=True)
            self.changed = time.monotonic()
        self.lines = lines

    def outcomes(self):
        """Those of the tests, and whether they are good ones: a test that was skipped has shown
        nothing.
        """
        tests = [outcome for outcome, _ in TEST.findall("\n".join(self.lines))]
        bad = re.search(r"^ *not ok |# SKIP", "\n".join(self.lines), re.M)
        return collections.Counter(tests), bool(tests) and not bad

    def first_failure(self):
        """Name of the first test that failed, with its parameter; None if there is none yet."""
        subtest = None
        for line in self.lines:
            if match := SUBTEST.match(line):
                subtest = match[1]
            elif match := NOT_OK.match(line):
                return f"{subtest}[{match[2]}]" if len(match[1]) == 8 else match[2]
        return None


def summary(tests):
    """The last line."""
    return f"{tests['ok']} passed, {tests['not ok']} failed"


def silent(ktap):
    return time.monotonic() - ktap.changed > SILENCE


def run_suites(guest, ktap, modules=None, fail_fast=False):
    """Loading the module runs all of them; modules is where it lies if not in the cache."""
    def path(name):
        return shlex.quote(os.path.join(modules, f"{name}.ko") if modules else guest.module(name))

    guest.sh(f"insmod {path('sluice')}")
    job = guest.spawn(f"insmod {path('sluice_kunit')}")
    ktap.changed = time.monotonic()
    end = ktap.changed + LIMIT
    while not job.done() and guest.channel.alive and time.monotonic() < end and not silent(ktap):
        time.sleep(1)
        ktap.show()
        if fail_fast:
            expect_good(guest, ktap)
    loaded = job.wait(1)
    ktap.show()
    assert loaded.status == 0, loaded.stdout


def expect_good(guest, ktap):
    """AssertionError if anything has gone wrong so far."""
    failure = ktap.first_failure()
    assert not failure, failure
    complaint = guest.log.complaint()
    if not complaint:
        return
    end = time.monotonic() + RESULT_WAIT
    while not (test := test_after(guest.console(), complaint)) and time.monotonic() < end:
        time.sleep(1)
    test = test or test_before(guest.console()) or "a test that did not end"
    raise AssertionError(f"{test}: {headline(complaint)}")


def test_after(console, complaint):
    """Name of the test during which the kernel complained: the first result after it."""
    rest = console[console.find(complaint):]
    match = TEST.search("\n".join(LINE.findall(rest)))
    return match and match[2]


def test_before(console):
    """Name of the test that has said something last, without a result; None if none has."""
    said = SAID.findall("\n".join(LINE.findall(console)))
    return said[-1] if said else None


def headline(text):
    """The line of a complaint that says what it is."""
    lines = [TIME.sub("", line) for line in text.splitlines()]
    leaked = LEAKED.search(text)
    if "unreferenced object" in text:
        return f"memory has leaked, from {leaked[1] if leaked else 'elsewhere'}"
    said = next((line.strip() for line in lines if COMPLAINT.search(line)), lines[0])
    for pattern, plain in NOISE:
        said = pattern.sub(plain, said)
    return said


def judge(guest, ktap, options):
    """Everything that is asked of a guest that has booted."""
    run_suites(guest, ktap, options.modules, options.fail_fast)
    if options.fail_fast:
        expect_good(guest, ktap)
    for leave in ("true", "rmmod sluice_kunit && rmmod sluice"):
        guest.sh(leave)
        if guest.finds_leaks:
            guest.leaks()


def arguments():
    parser = argparse.ArgumentParser(description="Run the suites of kunit/ in a guest.")
    parser.add_argument("--kernel", choices=BUILT, default="kasan", help="of scripts/kernel-build")
    parser.add_argument("--suite", help="only this one, or SUITE.TEST, as KUnit filters")
    parser.add_argument("--modules", metavar="DIRECTORY",
                        help="where the two modules are (default: built in the cache)")
    parser.add_argument("--fail-fast", action="store_true", help="stop at what goes wrong first")
    parser.add_argument("--no-leaks", action="store_true",
                        help="do not look for leaked memory, which doubles the time")
    return parser.parse_args()


def turns(options):
    """One guest for what was chosen, else one for each."""
    if options.suite or options.no_leaks:
        return [Turn("", not options.no_leaks)]
    return TURNS


def take(turn, options):
    """One guest: its Ktap, and what went wrong in it."""
    cmdline = CMDLINE + (f" kunit.filter_glob={options.suite}" if options.suite else "") + \
        (f" kunit.filter={turn.filter}" if turn.filter else "")
    guest = Guest(kernel=built_kernel(options.kernel), driver=None, cmdline=cmdline,
                  finds_leaks=turn.finds_leaks)
    ktap = Ktap(guest)
    try:
        with guest:
            judge(guest, ktap, options)
    except (AssertionError, GuestError) as error:
        # A guest that has not booted says nothing of the driver.
        if guest.boot_seconds is None:
            raise
        return ktap, str(error)
    return ktap, ""


def main():
    options = arguments()
    tests, good = collections.Counter(), True
    for turn in turns(options):
        ktap, error = take(turn, options)
        if error:
            print(error)
            print(f"FAILED: {ktap.first_failure() or headline(error)}")
            return 1
        found, fine = ktap.outcomes()
        tests, good = tests + found, good and fine
    print(summary(tests))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
