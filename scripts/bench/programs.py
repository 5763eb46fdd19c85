# SPDX-License-Identifier: GPL-2.0-only
"""Compiles the bench's C programs, once for each state of the sources."""
import functools
import hashlib
import os
import pathlib
import subprocess

from kernels import cache_dir

HERE = pathlib.Path(__file__).resolve().parent
CC = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror"]
AS_PLUGIN = ["-shared", "-fPIC", "-fvisibility=hidden"]


@functools.cache
def program(name, *options):
    """Path of the compiled NAME.c, which the guest sees by the same path."""
    source = HERE / f"{name}.c"
    command = [*CC, *options, source]
    digest = hashlib.sha256(source.read_bytes() + repr(command).encode()).hexdigest()[:10]
    path = os.path.join(os.path.realpath(cache_dir()), "bench", f"{name}-{digest}")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run([*command, "-o", f"{path}.{os.getpid()}"], check=True)
        os.rename(f"{path}.{os.getpid()}", path)
    return path


def plugin(name):
    """Path of a plugin of the emulator."""
    return program(name, *AS_PLUGIN)
