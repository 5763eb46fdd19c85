# SPDX-License-Identifier: GPL-2.0-only
"""What every check shares: findings, the command line, and the exit status.

A check that examined nothing must not pass, so the number of examined things is part of the
result and zero is an error.
"""
import argparse
import subprocess
import sys
from pathlib import Path
from typing import Callable, List, NamedTuple

PROJECT = Path(__file__).resolve().parents[2]


class Finding(NamedTuple):
    """One violation: where it is, what is wrong and why, and how to make it right."""

    path: Path
    line: int
    what: str
    remedy: str

    def text(self, root: Path) -> str:
        """One line, in the form editors and compilers use."""
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        return f"{path}:{self.line}: {self.what}; {self.remedy}"


class Report(NamedTuple):
    """The outcome of a check: how many things it looked at, and what it found."""

    examined: int
    unit: str
    findings: List[Finding]
    notes: str = ""


class CheckError(Exception):
    """The check itself could not run: a tool is missing or a build failed."""


def run_tool(argv, package, **options):
    """Run a tool and return its result; a missing tool is an error that names its package."""
    try:
        return subprocess.run([str(arg) for arg in argv], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, **options)
    except FileNotFoundError as missing:
        raise CheckError(f"{argv[0]} is missing; install the package {package}") from missing


def sources(root, *patterns):
    """The files below root that match the glob patterns, in a stable order."""
    return sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()})


def show(name: str, report: Report, root: Path) -> int:
    """Print the outcome and return the exit status."""
    if report.notes:
        print(report.notes)
    for finding in sorted(report.findings):
        print(finding.text(root))
    if report.examined == 0:
        print(f"{name}: no {report.unit} found below {root}: nothing was checked")
        return 1
    print(f"{name}: {report.examined} {report.unit} checked, {len(report.findings)} findings")
    return 1 if report.findings else 0


def main(check: Callable[[argparse.Namespace], Report], description: str, add_options=None):
    """The command line of a check: exit 0 when clean, 1 with findings, 2 when it could not run."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--root", type=lambda name: Path(name).resolve(), default=PROJECT,
                        help="the tree to check (default: this project)")
    if add_options:
        add_options(parser)
    options = parser.parse_args()
    name = Path(sys.argv[0]).stem
    try:
        sys.exit(show(name, check(options), options.root))
    except CheckError as error:
        print(f"{name}: {error}")
        sys.exit(2)
