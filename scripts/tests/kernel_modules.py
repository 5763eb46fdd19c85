# SPDX-License-Identifier: GPL-2.0-only
"""Builds the test-only kernel modules below modules/, and loads them in a guest."""
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

from guest import PROJECT, distribution_kernel

MODULES = pathlib.Path(__file__).resolve().parent / "modules"


class BuildError(Exception):
    """The kernel's build refused a test module."""


@functools.cache
def build(name):
    """The bytes of modules/NAME/NAME.ko; built in a temporary directory, the tree stays clean."""
    with tempfile.TemporaryDirectory(prefix="sluice-module-") as directory:
        work = shutil.copytree(MODULES / name, os.path.join(directory, name))
        # The variables of an outer make would change what this one builds.
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KERNELRELEASE")}
        done = subprocess.run(["make", "-C", os.path.join(distribution_kernel(), "headers"),
                               f"M={work}", f"SLUICE={PROJECT}", "modules"], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode:
            raise BuildError(f"module {name} does not build:\n{done.stdout}")
        return pathlib.Path(work, f"{name}.ko").read_bytes()


def install(guest, name):
    """Put a test module where the guest sees it; its path."""
    path = pathlib.Path(guest.run_dir, f"{name}.ko")
    path.write_bytes(build(name))
    return path
