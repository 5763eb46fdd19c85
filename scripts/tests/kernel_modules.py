# SPDX-License-Identifier: GPL-2.0-only
"""Builds the test-only kernel modules below modules/, and loads them in a guest."""
import functools
import os
import pathlib
import shutil
import tempfile

import kernels

MODULES = pathlib.Path(__file__).resolve().parent / "modules"


@functools.cache
def build(name, kernel):
    """The bytes of modules/NAME/NAME.ko; built in a temporary directory, the tree stays clean."""
    with tempfile.TemporaryDirectory(prefix="sluice-module-") as directory:
        work = shutil.copytree(MODULES / name, os.path.join(directory, name))
        kernels.make_modules(kernel, work)
        return pathlib.Path(work, f"{name}.ko").read_bytes()


def pci_error(guest, options="", timeout=60):
    """Take the driver of the first NIC through its handlers of PCI errors."""
    guest.sh(f"insmod {install(guest, 'pci_error')} address={guest.pci(0)} {options} && "
             "rmmod pci_error || { dmesg | tail; false; }", timeout=timeout)


def install(guest, name):
    """Put a test module where the guest sees it; its path."""
    path = pathlib.Path(guest.run_dir, f"{name}.ko")
    path.write_bytes(build(name, guest.kernel))
    return path
