# SPDX-License-Identifier: GPL-2.0-only
"""Compiles the XDP test programs and the small programs that drive them in the guest.

The results go to a cache directory named after the sources' content, so a second run compiles
nothing and a changed source never meets an old object.  The guest sees that directory by the same
path.
"""
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from guest import cache_dir

TESTS = pathlib.Path(__file__).resolve().parent / "tests"
BPF = TESTS / "bpf"
GUEST = TESTS / "guest"
CLANG = ["clang", "-O2", "-g", "-Wall", "-Werror", "-target", "bpf"]
CC = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror"]


class BuildError(Exception):
    """A compiler is missing, or refused a program."""


def sources():
    """Every file that the results depend on."""
    return sorted([*BPF.glob("*.[ch]"), *GUEST.glob("*.[ch]")])


def digest():
    state = hashlib.sha256(repr((CLANG, CC)).encode())
    for path in sources():
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]


def run(command):
    try:
        done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not installed: apt-get install "
                         "clang gcc libbpf-dev libc6-dev linux-libc-dev") from None
    if done.returncode:
        raise BuildError(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def compile_all(directory):
    # clang knows no multiarch include directory for a target that is not a machine
    machine = run(["gcc", "-print-multiarch"]).strip()
    for source in BPF.glob("*.bpf.c"):
        run([*CLANG, f"-I/usr/include/{machine}", "-c", source,
             "-o", directory / source.name.replace(".c", ".o")])
    for source in GUEST.glob("*.c"):
        run([*CC, source, "-o", directory / source.stem, "-lbpf"])


@functools.cache
def build():
    """Directory with NAME.bpf.o for each bpf/NAME.bpf.c and NAME for each guest/NAME.c."""
    parent = pathlib.Path(os.path.realpath(cache_dir())) / "bpf"
    final = parent / digest()
    if not final.exists():
        parent.mkdir(parents=True, exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix="build-", dir=parent))
        try:
            compile_all(work)
            work.rename(final)
        except OSError:
            # another process was first
            if not final.exists():
                raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return final
