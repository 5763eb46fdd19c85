# SPDX-License-Identifier: GPL-2.0-only
"""make kunit: the suites of kunit/ in a guest on the sanitizer kernel.

Prints their KTAP as it comes.  Fails if a test fails or is skipped, if none ran, if the kernel
complains, also while the modules go, and if memory has leaked.
"""
import re
import shlex
import sys
import time

from guest import Guest
from kernels import built_kernel

# With bounce buffers a sync that is missing loses data.
CMDLINE = "kunit.enable=1 swiotlb=force"
LIMIT = 600
LINE = re.compile(r"^\[ *\d+\.\d+\] ( *(?:KTAP version|1\.\.|# |ok |not ok ).*)$", re.M)
TEST = re.compile(r"^    (ok|not ok) \d+ ", re.M)


class Ktap:
    """What the suites have printed on the console so far."""

    def __init__(self, guest):
        self.guest = guest
        self.lines = []

    def show(self):
        """Print what is new."""
        lines = LINE.findall(self.guest.console())
        for line in lines[len(self.lines):]:
            print(line, flush=True)
        self.lines = lines

    def summary(self):
        """The last line, and whether it is a good one: a test that was skipped has shown nothing.
        """
        tests = TEST.findall("\n".join(self.lines))
        passed, failed = tests.count("ok"), tests.count("not ok")
        bad = re.search(r"^ *not ok |# SKIP", "\n".join(self.lines), re.M)
        return f"{passed} passed, {failed} failed", passed > 0 and not bad


def run_suites(guest, ktap):
    """Loading the module runs all of them."""
    guest.insmod()
    job = guest.spawn(f"insmod {shlex.quote(guest.module('sluice_kunit'))}")
    end = time.monotonic() + LIMIT
    while not job.done() and guest.channel.alive and time.monotonic() < end:
        time.sleep(1)
        ktap.show()
    loaded = job.wait(1)
    ktap.show()
    assert loaded.status == 0, loaded.stdout


def main():
    with Guest(kernel=built_kernel("kasan"), driver=None, cmdline=CMDLINE) as guest:
        ktap = Ktap(guest)
        run_suites(guest, ktap)
        guest.leaks()
        guest.sh("rmmod sluice_kunit && rmmod sluice")
        guest.leaks()
    text, good = ktap.summary()
    print(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
