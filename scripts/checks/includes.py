#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Enforce who may include whom.

The engine must not know a backend, the core must not know a register and a datapath must not
know the core: only then does a new NIC cost one backend, and only then can the same engine be
instantiated over a fake NIC. Nothing but this check keeps it so.
"""
import re
from pathlib import Path

import c_source
import report
from report import Finding

# A header of include/sluice may include only headers that stand before it.
ENGINE_ORDER = ["compat", "types", "stats", "trace", "ring", "backend", "boards",
                "tx", "xdp", "xsk", "rx", "datapath"]
# The headers that hold per-packet code: instantiated by a datapath file, never by anyone else.
DATAPATH_HEADERS = {"tx", "rx", "xdp", "xsk", "datapath"}
# Headers of a part that two backends have in common; they belong to the part, not to a backend.
SHARED_PARTS = {"e1000e": {"e1000_regs.h", "e1000_desc.h", "e1000_phy.h"}}
# The one file of the core that knows which backends there are, and the list it reads.
REGISTRY = Path("src/pci.c")
BOARDS = Path("include/sluice/boards.h")

BOARD = re.compile(r"\bextern\s+const\s+struct\s+sluice_board\s+(\w+)")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def resolve(root, includer, name):
    """The project file that an include means, relative to root, or None for a kernel header."""
    for base in (includer.parent, root / "include", root / "src", root):
        path = base / name
        if path.is_file():
            return path.resolve().relative_to(root)
    return None


def includes_of(root, path):
    """(line, quote, written name, project file or None) of each include."""
    text = path.read_text(encoding="utf-8")
    # Not c_source.directives_only: a quoted name is a string to it and would be kept anyway,
    # but a commented-out include must not count.
    code = c_source.without_comments(text)
    for match in INCLUDE.finditer(code):
        quote, name = match.groups()
        yield c_source.line_of(code, match.start()), quote, name, resolve(root, path, name)


def is_engine(path):
    """True for a header of include/sluice."""
    return path.parts[:2] == ("include", "sluice")


def engine_rule(includer, target):
    """Why an engine header may not include target, with the remedy, or None."""
    if not is_engine(target):
        return (f"{includer} includes {target}: the engine knows only kernel headers and itself",
                "move what is needed into include/sluice or pass it as an argument")
    for stem in (includer.stem, target.stem):
        if stem not in ENGINE_ORDER:
            return (f"{stem}.h has no place in the include order of include/sluice",
                    "add it to ENGINE_ORDER in scripts/checks/includes.py where it belongs")
    if ENGINE_ORDER.index(target.stem) >= ENGINE_ORDER.index(includer.stem):
        order = " < ".join(ENGINE_ORDER)
        return (f"{includer.stem}.h includes {target.stem}.h against the order {order}",
                "move the shared declaration into the earlier header")
    return None


def core_rule(includer, target):
    """Why a core file may not include target."""
    if target == BOARDS and includer != REGISTRY:
        return (f"the core includes {target} outside {REGISTRY}: it must not know the backends",
                "go through the struct sluice_board that probe was given")
    if target.parts[:2] == ("src", "hw"):
        return (f"the core includes {target}: it must not know a register or a descriptor",
                "reach the hardware through the ops of include/sluice/backend.h")
    if is_engine(target) and target.stem in DATAPATH_HEADERS:
        return (f"the core includes {target}: per-packet code is instantiated by backends only",
                "call it through the functions that the backend publishes")
    return None


def backend_of(path):
    """The backend a file of src/hw belongs to: e1000 for e1000.c, e1000_dp.c, e1000_regs.h."""
    return path.stem.split("_")[0]


def own_header(includer, target):
    """True when a backend file may see this header of src/hw."""
    backend = backend_of(includer)
    return backend_of(target) == backend or target.name in SHARED_PARTS.get(backend, ())


def backend_rule(includer, target):
    """What both halves of a backend may not include."""
    if target.parts[:2] == ("src", "hw"):
        if not own_header(includer, target):
            return (f"backend {backend_of(includer)} includes {target} of another backend",
                    "share through the engine, or name the part in SHARED_PARTS of this check")
        return None
    if not is_engine(target):
        return (f"a backend includes {target}: the core's internals are not its business",
                "use what include/sluice/backend.h offers")
    return None


def slow_path_rule(includer, target):
    """Why the slow path of a backend may not include target."""
    if is_engine(target) and target.stem in DATAPATH_HEADERS:
        return (f"the slow path includes {target}: that would instantiate per-packet code twice",
                "move the code to the backend's _dp.c")
    return backend_rule(includer, target)


def datapath_rule(includer, target):
    """Why a datapath file may not include target."""
    wire = re.search(r"_(desc|regs)\.h$", target.name) or target.stem == backend_of(includer)
    if target.parts[:2] == ("src", "hw") and own_header(includer, target) and not wire:
        return (f"a datapath includes {target}: it needs descriptors and registers only",
                "move what is needed into the backend's _desc.h, _regs.h or own header")
    return backend_rule(includer, target)


def kunit_rule(_includer, target):
    """Why a unit test may not include target."""
    wire = target.name.endswith(("_desc.h", "_regs.h"))
    # What a fake device stands in for, where it runs the backend's own engine.
    backend = target.parts[:2] == ("src", "hw") and target.stem == backend_of(target)
    if is_engine(target) or target.parts[0] == "kunit" or wire or backend:
        return None
    return (f"a unit test includes {target}: it may see the engine, wire formats and a backend's "
            "own header only",
            "test it through include/sluice, or in the guest")


def rule_for(path):
    """The rule that governs the includes of a file."""
    if is_engine(path):
        return engine_rule
    if path.parts[0] == "kunit":
        return kunit_rule
    if path.parts[:2] != ("src", "hw"):
        return core_rule
    return datapath_rule if path.name.endswith("_dp.c") else slow_path_rule


def check_include(path, include):
    """(what, remedy) when the include is not allowed, else None."""
    _line, quote, name, target = include
    if target is None:
        if quote == "<":
            return None
        return (f'"{name}" is no file of this project', "write <...> for a kernel header")
    if target.parts[0] == "kunit" and path.parts[0] != "kunit":
        return (f"{target} is included from outside kunit/", "production code never sees the tests")
    return rule_for(path)(path, target)


def backend_names(root):
    """A pattern of the names that belong to backends: their functions and their boards."""
    backends = [path.stem[:-len("_dp")] for path in report.sources(root, "src/hw/*_dp.c")]
    names = [rf"sluice_{backend}_\w+" for backend in backends]
    if (root / BOARDS).is_file():
        names += BOARD.findall(c_source.plain_code((root / BOARDS).read_text(encoding="utf-8")))
    return re.compile(rf"\b(?:{'|'.join(names)})\b") if names else None


def check_names(root, path, names):
    """Only the registry may name a backend: anywhere else a backend would leak into the core."""
    rel = path.relative_to(root)
    if names is None or rel in (REGISTRY, BOARDS) or rel.parts[:2] == ("src", "hw"):
        return
    code = c_source.plain_code(path.read_text(encoding="utf-8"))
    for match in names.finditer(code):
        yield Finding(path, c_source.line_of(code, match.start()),
                      f"{match.group(0)} names a backend outside {REGISTRY}",
                      "go through struct sluice_board")


def check(options):
    """Check every C file of the driver and its unit tests."""
    root = options.root
    files = report.sources(root, "include/**/*.h", "src/**/*.[ch]", "kunit/**/*.[ch]")
    names, findings = backend_names(root), []
    for path in files:
        for include in includes_of(root, path):
            problem = check_include(path.relative_to(root), include)
            if problem:
                findings.append(Finding(path, include[0], *problem))
        if path.relative_to(root).parts[0] != "kunit":
            findings.extend(check_names(root, path, names))
    return report.Report(len(files), "files", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
