# SPDX-License-Identifier: GPL-2.0-only
"""make coverage: which lines of include/ and src/ are run by KUnit and by the guest tests.

The driver counts in a kernel of its own (scripts/kernel-build gcov). What each guest has counted is
read as its power goes, and the guests are added up line by line: a function of a header is in
several objects, and is covered by any of them.
"""
import argparse
import base64
import collections
import contextlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import kernels
import kunit
from guest import Guest, GuestError

COUNTED = ("include/", "src/")
# One line an object, "PATH BASE64". These files have no size: what asks for it reads nothing.
READ = ("cd /sys/kernel/debug/gcov && find . -name '*.gcda' | "
        "while read -r path; do echo \"$path $(base64 -w 0 <\"$path\")\"; done")
LIMIT = 20


class CoverageError(Exception):
    """What was measured cannot be judged."""


# From the guest

def save(guest, directory):
    """Keep what a guest has counted in a new directory, empty for a guest that has died."""
    into = pathlib.Path(directory, os.path.basename(guest.run_dir))
    if guest.kernel != kernels.built_kernel("gcov") or into.exists():
        return
    into.mkdir(parents=True)
    # ValueError: an error message where counts should be
    with contextlib.suppress(GuestError, OSError, ValueError):
        objects = guest.sh(READ, timeout=LIMIT, bare=True).stdout.splitlines()
        if not objects:
            into.rmdir()  # the driver was not loaded
        for line in objects:
            path, data = line.split()
            keep(into, os.path.join("/", path), base64.b64decode(data))


def keep(into, path, data):
    """One object's counters, and beside them the notes of the compiler that explain them."""
    name = os.path.relpath(path, kernels.module_directory(kernels.built_kernel("gcov")))
    counters = into / name
    counters.parent.mkdir(parents=True, exist_ok=True)
    counters.write_bytes(data)
    counters.with_suffix(".gcno").symlink_to(pathlib.Path(path).with_suffix(".gcno"))


# The report

def read_guest(directory):
    """What gcov says about each source file of each object that one guest has run."""
    objects = [str(path) for path in sorted(directory.rglob("*.gcda"))]
    if not objects:
        return
    done = subprocess.run(["gcov", "--json-format", "--stdout", *objects], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # gcov counts on without an object whose notes are of another build
    if done.returncode or "mismatch" in done.stderr:
        raise CoverageError("gcov cannot read what was measured; if sources have changed since, "
                            f"run make coverage again\n{done.stderr}")
    for line in done.stdout.splitlines():
        yield from json.loads(line)["files"]


def add_up(directories, tree):
    """Runs of each line of each counted file: {file: {line: count}}."""
    files = collections.defaultdict(collections.Counter)
    for source in (source for directory in directories for source in read_guest(directory)):
        name = os.path.relpath(source["file"], tree)
        if name.startswith(COUNTED):
            for line in source["lines"]:
                files[name][line["line_number"]] += line["count"]
    return files


def ranges(lines):
    """The lines that never ran, as text. Lines without code do not end a range."""
    spans = []
    before = None
    for number in sorted(lines):
        if lines[number]:
            before = None
        elif before is None:
            spans.append([number, number])
            before = number
        else:
            spans[-1][1] = number
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def row(name, total, covered):
    return f"{name:32} {total:6} {covered:8} {100 * covered / total:7.1f}"


def table(files, uncovered):
    """The lines of the report."""
    yield f"{'file':32} {'lines':>6} {'covered':>8} {'percent':>7}"
    sums = [0, 0]
    for name, lines in sorted(files.items()):
        counts = len(lines), sum(1 for count in lines.values() if count)
        sums = [a + b for a, b in zip(sums, counts)]
        yield row(name, *counts)
        if uncovered and counts[0] > counts[1]:
            yield f"    {ranges(lines)}"
    yield row("sum", *sums)


def report(directory, tree, uncovered):
    """Print it; CoverageError if there is nothing to print."""
    directories = [path for path in sorted(directory.glob("*")) if path.is_dir()]
    died = [path.name for path in directories if not any(path.iterdir())]
    files = add_up(directories, tree)
    if not files:
        raise CoverageError(f"nothing was measured: no guest has left counters in {directory}")
    print("\n".join(table(files, uncovered)))
    print(f"{len(directories) - len(died)} guests were read, {len(died)} died before")


# The tests

def run_kunit():
    """The suites of kunit/; whether all of them passed."""
    guest = Guest(kernel=kernels.built_kernel("gcov"), driver=None, cmdline=kunit.CMDLINE)
    ktap = kunit.Ktap(guest)
    try:
        with guest:
            kunit.run_suites(guest, ktap)
            guest.sh("rmmod sluice_kunit && rmmod sluice")
    except (AssertionError, GuestError) as error:
        print(error)
        return False
    tests, good = ktap.outcomes()
    print(kunit.summary(tests))
    return good


def run_guest_tests(directory, tests):
    """The guest tests; whether all of them passed."""
    command = [sys.executable, "-B", "-m", "pytest", "--kernel=gcov", f"--coverage={directory}",
               *tests]
    print(shlex.join(command), flush=True)
    return subprocess.run(command, check=False, cwd=kernels.PROJECT).returncode == 0


def run_all(directory, tests):
    shutil.rmtree(directory, ignore_errors=True)
    Guest.before_off = lambda guest: save(guest, directory)
    passed = run_kunit()
    return run_guest_tests(directory, tests) and passed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true",
                        help="only print what the last run has measured")
    parser.add_argument("--uncovered", action="store_true", help="name the lines that never ran")
    parser.add_argument("tests", nargs="*", default=["scripts/tests"],
                        help="guest tests (default: all)")
    return parser.parse_args()


def main():
    args = arguments()
    tree = kernels.module_directory(kernels.built_kernel("gcov"))
    directory = pathlib.Path(tree, "coverage")
    passed = args.report or run_all(directory, args.tests)
    try:
        report(directory, tree, args.uncovered)
    except CoverageError as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 1
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
