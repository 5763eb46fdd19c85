# SPDX-License-Identifier: GPL-2.0-only
"""Build a copy of the driver, so that a check never disturbs the objects of the working tree."""
import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

import kernel_tree
import report
from report import Finding

COPIED = ("Kbuild", "include", "src")
# src/pci.c:12:5: warning: no previous prototype for 'x' [-Wmissing-prototypes]
MESSAGE = re.compile(r"^(?P<path>[^:\s]+):(?P<line>\d+):(?:\d+:)? "
                     r"(?P<level>warning|error|fatal error): (?P<text>.*)$")
# ERROR: modpost: "x" [/tmp/copy/sluice.ko] undefined!
GENERAL = re.compile(r"^(?P<level>WARNING|ERROR|warning|error): (?P<text>.*)$")


def add_options(parser):
    """Let several checks share one build."""
    parser.add_argument("--build", type=lambda name: Path(name).resolve(),
                        help="build in this directory and keep it (default: a temporary one)")


@contextlib.contextmanager
def directory(options):
    """The build directory, filled with the sources when it is new."""
    with contextlib.ExitStack() as stack:
        build = options.build or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (build / "Kbuild").exists():
            copy(options.root, build)
        yield build


def copy(root, build):
    """Copy what a build needs, without objects."""
    build.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = root / name
        if source.is_dir():
            shutil.copytree(source, build / name, ignore=shutil.ignore_patterns(
                "*.o", "*.ko", "*.mod", "*.mod.c", ".*.cmd"))
        elif source.exists():
            shutil.copy2(source, build / name)


def environment():
    """An environment in which make's output is always the same, since it is parsed."""
    kept = {name: value for name, value in os.environ.items()
            # An outer make -s or V=1 would hide or change the list of steps.
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")
            and not name.startswith("KBUILD_")}
    # Messages must be untranslated; Kbuild drops LC_ALL.
    return {**kept, "LANG": "C", "LC_MESSAGES": "C", "LC_CTYPE": "C"}


def make(build, *arguments):
    """Run the kernel's build over the copy and return its output."""
    if not (build / "Kbuild").exists():
        raise report.CheckError("there is no Kbuild, so there is nothing to build")
    command = ["make", "-C", kernel_tree.headers(), f"M={build}", f"-j{os.cpu_count()}", "V=0",
               *arguments, "modules"]
    return report.run_tool(command, "make", env=environment())


def steps(build, output, word):
    """The driver's own files that a step of the build named, relative to the tree."""
    named = re.findall(rf"^\s+{word}\s+(?:\[M\]\s+)?(\S+)$", output, re.MULTILINE)
    # 6.12 prints absolute paths, later kernels paths relative to the module.
    paths = [in_tree(build, Path(name)) for name in named]
    return [path for path in paths if path.parts[0] in COPIED]


def in_tree(build, path):
    """A path of the build as a path of the tree; a path elsewhere stays as it is."""
    return path.relative_to(build) if path.is_relative_to(build) else path


def findings(build, root, output, remedy):
    """The warnings and errors of a build, with their places in the real tree."""
    seen = set()
    for line in output.splitlines():
        match, general = MESSAGE.match(line), GENERAL.match(line)
        if match:
            path = root / in_tree(build, Path(match["path"]))
            seen.add(Finding(path, int(match["line"]), match["text"], remedy))
        elif general:
            text = general["text"].replace(f"{build}/", "")
            seen.add(Finding(root / "Kbuild", 0, text, remedy))
    return list(seen)


def failure(result):
    """Raise when a build failed without a message that was understood."""
    tail = "\n".join(result.stdout.splitlines()[-15:])
    raise report.CheckError(f"the build failed:\n{tail}")
