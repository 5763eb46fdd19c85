# SPDX-License-Identifier: GPL-2.0-only
"""make test: the tests on the distribution's kernel with an e1000, then sessions on the sanitizer
kernel and with virtio-net, and the sum of all as the last line.

In emulated machines they take their time, so each test of the driver runs once with an e1000: on
the sanitizer kernel, where everything takes three times as long, those of what a driver does when
something is wrong, as memory changes hands then; on the distribution's the others.  make sanitize
and make test NIC=e1000 run all of them on one.  With virtio-net run those that see most of its
backend: frames of every length and programs with packed rings, the device's coming and going and
the suite of the stack with split ones.
"""
import argparse
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import models

TESTS = pathlib.Path(__file__).resolve().parent / "tests"
SUITE = TESTS / "stack"
# The statement of where a packet got lost is a file of the driver's tests.
STACK = [SUITE, TESTS / "test_drops.py"]
SANITIZED = ("kunit", "faults", "hostile", "removal", "xdp_sharing")
# Of files that take too long there, what such a kernel shows more of; of the two formats of a ring
# the one with more to get wrong.
ALSO_SANITIZED = ("test_sanitizers.py::test_misdeed_is_reported",
                  "test_vhost_user.py::test_driver_bears_a_device_that_lies[packed]",
                  "test_drops.py::test_memory",
                  "stack/test_genetlink.py::test_nl_genl_page_pool_statistics")
WITH_VIRTIO = ("lifecycle", "xdp_redirect", "removal", "suspend", "drops")
WITH_PACKED = ("traffic", "xdp_verdicts")
# Files and directories of tests to run, and files not to.
Session = collections.namedtuple("Session", "kernel nic files left_out", defaults=[()])
# pytest's exit status after Ctrl-C
INTERRUPTED = 2


def files(names):
    return [TESTS / f"test_{name}.py" for name in names]


SESSIONS = [Session("distribution", "e1000", [TESTS, SUITE], files(SANITIZED)),
            Session("kasan", "e1000",
                    files(SANITIZED) + [TESTS / test for test in ALSO_SANITIZED]),
            Session("distribution", "virtio", files(WITH_VIRTIO) + [SUITE]),
            Session("distribution", "virtio-packed", files(WITH_PACKED))]
STACK_SESSIONS = [Session("distribution", nic, STACK) for nic in ("e1000", "virtio")]


def sessions(options):
    """Those to run: with one NIC all tests, and chosen files instead of a session's own."""
    wanted = STACK_SESSIONS if options.stack else SESSIONS
    if options.nic:
        wanted = [Session("distribution", options.nic, wanted[0].files)]
    if options.files:
        wanted = [session._replace(files=options.files, left_out=[]) for session in wanted]
    return wanted


def command(session, tally):
    """pytest for a session; the tally makes its last line count the sessions before it."""
    return [sys.executable, "-m", "pytest", "-c", TESTS / "pytest.ini",
            f"--kernel={session.kernel}", f"--nic={session.nic}", f"--tally={tally}",
            *(f"--ignore={path}" for path in session.left_out), *session.files]


def run(session, tally):
    return subprocess.run(command(session, tally), check=False,
                          env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}).returncode


def run_to_the_end(session, tally):
    """A session, and once more what ended by a fault of the emulator's: of that the tally tells."""
    status = run(session, tally)
    text = pathlib.Path(tally).read_text(encoding="utf-8")
    again = json.loads(text).get("again") if text and status >= 0 else []
    if again and status != INTERRUPTED:
        second = session._replace(files=[TESTS / test for test in again], left_out=[])
        status = run(second, tally) or status
    return status


def main(options):
    failed = 0
    # Ctrl-C is for pytest, which puts away its guests; a handler, because a child inherits SIG_IGN
    signal.signal(signal.SIGINT, lambda *_: None)
    with tempfile.NamedTemporaryFile(prefix="sluice-tally-") as tally:
        for session in sessions(options):
            status = run_to_the_end(session, tally.name)
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
