# SPDX-License-Identifier: GPL-2.0-only
"""make test: every test on the distribution's kernel, then a second session on the sanitizer
kernel, and the sum of both as the last line.

There everything takes three times as long, so of the driver's tests it runs those in which memory
changes hands most: removal, errors, lies of the device, changed rings and programs.  make sanitize
runs all of them.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent / "tests"
SANITIZED = ("kunit", "sanitizers", "faults", "hostile", "removal", "pci_error", "lifecycle",
             "hang", "memory", "shutdown", "traffic", "xdp_attach", "xdp_verdicts", "xdp_adjust",
             "xdp_redirect", "xdp_sharing")
SESSIONS = {"distribution": [TESTS], "kasan": [TESTS / f"test_{name}.py" for name in SANITIZED]}
# pytest's exit status after Ctrl-C
INTERRUPTED = 2


def run(kernel, tally, chosen):
    """One session of pytest; the tally makes its last line count the sessions before it."""
    command = [sys.executable, "-m", "pytest", "-c", TESTS / "pytest.ini",
               f"--kernel={kernel}", f"--tally={tally}", *chosen]
    return subprocess.run(command, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
                          check=False).returncode


def main(chosen):
    failed = 0
    # Ctrl-C is for pytest, which puts away its guests; a handler, because a child inherits SIG_IGN
    signal.signal(signal.SIGINT, lambda *_: None)
    with tempfile.NamedTemporaryFile(prefix="sluice-tally-") as tally:
        for kernel, tests in SESSIONS.items():
            status = run(kernel, tally.name, chosen or tests)
            failed = failed or status
            # a signal ends all of it
            if status == INTERRUPTED or status < 0:
                break
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
