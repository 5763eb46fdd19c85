# SPDX-License-Identifier: GPL-2.0-only
"""Where the kernel's own files are: scripts/kernel keeps them in a cache and prints the place.

The bad examples live in trees without a scripts/kernel, so it is always this project's.
"""
import subprocess

import report


def ask(command: str):
    """The directory that scripts/kernel prints; its progress and errors go to the terminal."""
    script = report.PROJECT / "scripts" / "kernel"
    result = subprocess.run([script, command], stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode or not result.stdout.strip():
        raise report.CheckError(f"scripts/kernel {command} failed; its message is above")
    return report.Path(result.stdout.strip().splitlines()[-1])


def headers():
    """The header tree that modules are built against."""
    return ask("fetch") / "headers"


def source():
    """The scripts and headers of the kernel's source package."""
    return ask("source")


def source_script(name: str):
    """A script of the kernel's source package."""
    path = source() / "scripts" / name
    if not path.is_file():
        raise report.CheckError(f"{path} is missing; remove its directory to fetch it again")
    return path
