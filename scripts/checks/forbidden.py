#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Refuse constructs that the driver's design rules out.

Each rule gives its reason in the message, because a ban without a reason is worked around.
"""
import re
from typing import Callable, NamedTuple, Pattern

import c_source
import report
from report import Finding

LICENCE = "SPDX-License-Identifier: GPL-2.0-only"
LICENCE_LINES = 3       # a script's first line is its interpreter


class Rule(NamedTuple):
    """A forbidden pattern, in code without comments and strings."""

    pattern: Pattern
    scope: Callable[[str], bool]
    why: str
    remedy: str


def driver(_name):
    """Every C file of the driver and its unit tests."""
    return True


def c_file(name):
    """A .c file of the driver."""
    return name.startswith("src/") and name.endswith(".c")


def outside_compat(name):
    """Everywhere but the one file that may know kernel versions."""
    return name != "include/sluice/compat.h"


def device_side(name):
    """Code that orders memory against a device."""
    return name.startswith(("include/sluice/", "src/hw/"))


def outside_hw(name):
    """Code that must not touch a register."""
    return not name.startswith("src/hw/")


def core(name):
    """Code that serves every backend."""
    return name.startswith(("include/sluice/", "src/")) and outside_hw(name)


def core_without_boards(name):
    """Of these, what does not pick a board for a device either."""
    return core(name) and name not in ("include/sluice/boards.h", "src/pci.c")


RULES = [
    Rule(re.compile(r"^[ \t]*#[ \t]*(?:if|ifdef|ifndef|elif)\b", re.MULTILINE), c_file,
         "is a conditional in a .c file: half of the code is never compiled by the reader",
         "put a static inline into a header (kernel differences: include/sluice/compat.h)"),
    Rule(re.compile(r"\bmodule_param\w*"), driver,
         "is a module parameter: it acts on every device at once and is no stable interface",
         "use ethtool or devlink"),
    Rule(re.compile(r"\bBUG(?:_ON)?\b"), driver,
         "stops the machine", "use WARN_ON_ONCE for our own bugs and a counter for the device's"),
    Rule(re.compile(r"\bMODULE_DEVICE_TABLE\b"), driver,
         "exports aliases, so the module would load itself over the in-tree driver",
         "keep the id table in the pci_driver only"),
    Rule(re.compile(r"\b(?:LINUX_VERSION_CODE|KERNEL_VERSION)\b"), outside_compat,
         "is a version test", "pick by feature in include/sluice/compat.h"),
    Rule(re.compile(r"\bsmp_[rw]?mb\b"), device_side,
         "orders CPUs only and vanishes on one CPU, but the other side is a device",
         "use dma_rmb, dma_wmb or dma_mb"),
    Rule(re.compile(r"\b(?:(?:read|write)[bwlq](?:_relaxed)?|io(?:read|write)(?:8|16|32|64)\w*)"
                    r"(?=\s*\()"), outside_hw,
         "accesses a register outside src/hw", "add an operation to the backend"),
    Rule(re.compile(r"\b(?:struct\s+)?virtqueue\w*|\bvring_\w*virtqueue\w*"), driver,
         "is the kernel's own driver of rings, but the engine owns them",
         "describe the format in a *_dp.c"),
]
# Written so that this file does not match itself.
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")


def backend_rules(root):
    """The core names no backend: these are called as their files are, or as the kernel's are."""
    names = {path.stem.split("_")[0] for path in report.sources(root, "src/hw/*.c")}
    names = "|".join(sorted(names | {"virtio", "vring"}))
    why, remedy = "names a backend in the core", "add an operation to the backend"
    return [Rule(re.compile(rf"\b(?:{names})_\w*", re.IGNORECASE), core, why, remedy),
            Rule(re.compile(rf"\bsluice_(?:{names})_\w*"), core_without_boards, why, remedy)]


def apply_rules(rules, root, path):
    """The findings of the code rules in one C file."""
    name = str(path.relative_to(root))
    text = path.read_text(encoding="utf-8")
    code = c_source.TOKEN.sub(c_source.blank, text)
    for rule in rules:
        if not rule.scope(name):
            continue
        for match in rule.pattern.finditer(code):
            yield Finding(path, c_source.line_of(code, match.start()),
                          f"{match.group(0).strip()} {rule.why}", rule.remedy)


def check_text(path):
    """The findings that concern every kind of file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not any(LICENCE in line for line in lines[:LICENCE_LINES]):
        yield Finding(path, 1, "the licence line is missing",
                      f'write "{LICENCE}" into the first {LICENCE_LINES} lines')
    for number, line in enumerate(lines, 1):
        match = UNFINISHED.search(line)
        if match:
            yield Finding(path, number, f"{match.group(0)} marks unfinished work",
                          "finish it, or write down the limit and open an issue")


def text_files(root):
    """The files that people write in this project; the bad examples are bad on purpose."""
    files = report.sources(root, "Kbuild", "Makefile", "dkms.conf", "*.md", ".ci/*",
                           "include/**/*", "src/**/*.[ch]", "kunit/**/*.[ch]", "kunit/Kbuild",
                           "Documentation/**/*.rst", "scripts/*", "scripts/**/*.py",
                           "scripts/**/*.sh", "scripts/**/*.c", "scripts/cocci/*")
    bad = root / "scripts" / "checks" / "bad"
    return [path for path in files if bad not in path.parents]


def check(options):
    """Check the code rules on C files and the others on every file."""
    root, findings = options.root, []
    c_files = report.sources(root, "include/**/*.h", "src/**/*.[ch]", "kunit/**/*.[ch]")
    rules = RULES + backend_rules(root)
    for path in c_files:
        findings.extend(apply_rules(rules, root, path))
    for path in text_files(root):
        findings.extend(check_text(path))
    return report.Report(len(c_files), "C files", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
