# SPDX-License-Identifier: GPL-2.0-only
"""make test: every test on the distribution's kernel with an e1000, then sessions on the sanitizer
kernel and with virtio-net, and the sum of all as the last line.

On the sanitizer kernel everything takes three times as long, so of the driver's tests it runs those
in which memory changes hands most: removal, errors, lies of the device, changed rings and programs.
make sanitize runs all of them.  With virtio-net run those that see most of its backend: frames of
every length, rings and interrupts under pressure, programs, and the device's coming and going.
"""
import argparse
import collections
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import models

TESTS = pathlib.Path(__file__).resolve().parent / "tests"
# The statement of where a packet got lost is a file of its own, which make test runs too.
STACK = [TESTS / "stack", TESTS / "test_drops.py"]
SANITIZED = ("kunit", "sanitizers", "faults", "hostile", "removal", "lifecycle", "hang", "memory",
             "shutdown", "traffic", "xdp_attach", "xdp_verdicts", "xdp_sharing")
# the format with more to get wrong
LIES = ("packed",)
WITH_VIRTIO = ("traffic", "lifecycle", "xdp_verdicts", "xdp_redirect", "removal", "suspend")
WITH_PACKED = ("traffic", "xdp_verdicts")
Session = collections.namedtuple("Session", "kernel nic files")
# pytest's exit status after Ctrl-C
INTERRUPTED = 2


def files(names):
    return [TESTS / f"test_{name}.py" for name in names]


def lies():
    """Of a file that takes too long there, what a kernel that watches shows more of."""
    test = TESTS / "test_vhost_user.py::test_driver_bears_a_device_that_lies"
    return [f"{test}[{ring}]" for ring in LIES]


SESSIONS = [Session("distribution", "e1000", [TESTS]),
            Session("kasan", "e1000", files(SANITIZED) + lies()),
            Session("distribution", "virtio", files(WITH_VIRTIO)),
            Session("distribution", "virtio-packed", files(WITH_PACKED))]
STACK_SESSIONS = [Session("distribution", nic, STACK) for nic in ("e1000", "virtio")]


def sessions(options):
    """Those to run: with one NIC all tests, and chosen files instead of a session's own."""
    wanted = STACK_SESSIONS if options.stack else SESSIONS
    if options.nic:
        wanted = [Session("distribution", options.nic, wanted[0].files)]
    return [session._replace(files=options.files or session.files) for session in wanted]


def run(session, tally):
    """One session of pytest; the tally makes its last line count the sessions before it."""
    command = [sys.executable, "-m", "pytest", "-c", TESTS / "pytest.ini",
               f"--kernel={session.kernel}", f"--nic={session.nic}", f"--tally={tally}",
               *session.files]
    return subprocess.run(command, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                          check=False).returncode


def main(options):
    failed = 0
    # Ctrl-C is for pytest, which puts away its guests; a handler, because a child inherits SIG_IGN
    signal.signal(signal.SIGINT, lambda *_: None)
    with tempfile.NamedTemporaryFile(prefix="sluice-tally-") as tally:
        for session in sessions(options):
            status = run(session, tally.name)
            failed = failed or status
            # a signal ends all of it
            if status == INTERRUPTED or status < 0:
                break
    return failed


def arguments():
    parser = argparse.ArgumentParser(description="run the tests, in one session or in all")
    parser.add_argument("--nic", choices=models.NAMES, help="a session with this NIC only")
    parser.add_argument("--stack", action="store_true", help="tests of the networking stack only")
    parser.add_argument("files", nargs="*", help="instead of all that a session is for")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(arguments()))
