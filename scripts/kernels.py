# SPDX-License-Identifier: GPL-2.0-only
"""The kernels a guest can run, and sluice.ko for each of them.

The module for the distribution's kernel is the one that make leaves at the top of the tree. For
any other kernel it is built from a copy of the sources in the cache, so that neither is in the
other's way.
"""
import contextlib
import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess

SCRIPTS = pathlib.Path(__file__).resolve().parent
PROJECT = str(SCRIPTS.parent)
# What scripts/kernel-build makes.
BUILT = ("kasan", "kcsan", "gcov")
# What a build of the module reads.
SOURCES = ("Kbuild", "include", "src", "kunit")
SOURCE_NAMES = ("Kbuild", "Makefile", "*.c", "*.h")
# A make around this one must not change what is built.
OUTER_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "KERNELRELEASE", "KDIR")

# Of the boot protocol's header: setup_sects, and payload_offset before payload_length.
SETUP_SECTS, PAYLOAD_OFFSET = 0x1f1, 0x248
SECTOR, SIZE_BYTES = 512, 4
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# An ELF note of Xen's: XEN_ELFNOTE_PHYS32_ENTRY, an address.
XEN_ENTRY = struct.pack("<III4s", 4, 8, 18, b"Xen")


class BuildError(Exception):
    """A module does not build."""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "sluice")


def ask(script, *arguments):
    """The line that a script answers with; what it has to say goes to the terminal."""
    return subprocess.run([SCRIPTS / script, *arguments], check=True, stdout=subprocess.PIPE,
                          text=True).stdout.strip()


@functools.cache
def distribution_kernel():
    """Directory of the cached kernel that scripts/kernel fetches (vmlinuz, modules/, headers/)."""
    return ask("kernel", "fetch")


@functools.cache
def built_kernel(variant):
    """The same of a kernel that scripts/kernel-build makes, which takes long the first time."""
    return ask("kernel-build", variant)


def named_kernel(name):
    """The directory of "distribution", "kasan", "kcsan" or "gcov"."""
    return distribution_kernel() if name == "distribution" else built_kernel(name)


def variant(kernel):
    """The name in BUILT of a kernel that scripts/kernel-build has made, None of any other one."""
    name = os.path.basename(kernel).split("-")[0]
    return name if name in BUILT else None


def is_instrumented(kernel):
    """Whether everything takes several times as long in it as in the distribution's kernel."""
    return variant(kernel) is not None


# What QEMU boots

def packed_image(kernel):
    """Path of a kernel's image as its maker packed it."""
    return os.path.join(kernel, "vmlinuz")


@functools.cache
def image(kernel):
    """Path of a kernel's image, unpacked if that is possible: a guest takes two seconds for it.

    QEMU enters such an image as Xen does, which the distribution's kernel is made for. Those of
    scripts/kernel-build are not, and gzip has packed them.
    """
    packed, unpacked = packed_image(kernel), os.path.join(kernel, "vmlinux")
    if os.path.exists(unpacked):
        return unpacked
    content = payload(pathlib.Path(packed).read_bytes())
    if not content.startswith(ZSTD_MAGIC):
        return packed
    content = subprocess.run(["zstd", "-dc"], input=content, stdout=subprocess.PIPE,
                             check=True).stdout
    if XEN_ENTRY not in content:
        return packed
    made = pathlib.Path(f"{unpacked}.{os.getpid()}")
    made.write_bytes(content)
    made.rename(unpacked)
    return unpacked


def payload(packed):
    """The packed kernel in an image for x86, without the size behind it: Documentation/arch/x86/
    boot.rst of the kernel."""
    offset, length = struct.unpack_from("<II", packed, PAYLOAD_OFFSET)
    start = (packed[SETUP_SECTS] + 1) * SECTOR + offset
    return packed[start:start + length - SIZE_BYTES]


# The module

def module_directory(kernel):
    """Where the modules of this tree for a kernel lie."""
    if kernel == distribution_kernel():
        return PROJECT
    tree = hashlib.sha256(PROJECT.encode()).hexdigest()[:10]
    return os.path.join(cache_dir(), "module", f"{os.path.basename(kernel)}-{tree}")


@functools.cache
def module(kernel, name="sluice"):
    """Path of a module for a kernel, built anew if its sources have changed; BuildError."""
    directory = module_directory(kernel)
    if directory != PROJECT:
        with locked(directory):
            copy_sources(directory, PROJECT)
            make_modules(kernel, directory)
    return os.path.join(directory, f"{name}.ko")


@contextlib.contextmanager
def locked(directory):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def source_files(tree):
    """Paths of the sources below a tree, relative to it."""
    found = []
    for name in SOURCES:
        top = pathlib.Path(tree, name)
        found += [top] if top.is_file() else [path for pattern in SOURCE_NAMES
                                              for path in top.rglob(pattern)
                                              if not path.name.endswith(".mod.c")]
    return {path.relative_to(tree) for path in found}


def copy_sources(directory, tree):
    """Bring a copy up to date; a file that has not changed keeps its time and is not built again.
    """
    wanted = source_files(tree)
    for path in source_files(directory) - wanted:
        os.unlink(os.path.join(directory, path))
    for path in wanted:
        source, copy = pathlib.Path(tree, path), pathlib.Path(directory, path)
        if not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def make_modules(kernel, directory, *variables):
    """Build the external modules in a directory for a kernel; BuildError with all that make said.
    """
    environment = {key: value for key, value in os.environ.items() if key not in OUTER_MAKE}
    done = subprocess.run(["make", f"-j{os.cpu_count()}", "-C", os.path.join(kernel, "headers"),
                           f"M={directory}", *variables, "modules"], env=environment, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise BuildError(f"no modules for {kernel}:\n{done.stdout}")
