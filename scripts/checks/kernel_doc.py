#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Require complete kernel-doc in include/sluice, where the contract of the engine stands.

The kernel's own script checks the comments that exist; this check also asks for the missing
ones, and for the context a function may run in, which the script does not know.
"""
import re

import c_source
import kernel_tree
import report
from report import Finding

MESSAGE = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): (?:warning|error): (?P<text>.*)$")


def kernel_script(root, files):
    """The findings of the kernel's script."""
    command = ["perl", kernel_tree.source_script("kernel-doc"), "-none", "-Wall"]
    result = report.run_tool(command + [path.relative_to(root) for path in files], "perl",
                             cwd=root)
    for line in result.stdout.splitlines():
        match = MESSAGE.match(line)
        if not match:
            raise report.CheckError(f"kernel-doc said: {line}")
        yield Finding(root / match["path"], int(match["line"]), match["text"],
                      "see Documentation/doc-guide/kernel-doc.rst of the kernel")


def has_section(item, name):
    """True when the comment above has a section of this name."""
    return re.search(rf"^\s*\*\s*{name}:", item.doc, re.MULTILINE)


def missing_sections(item):
    """The sections that a function's comment lacks."""
    if not re.search(r"\bvoid$", item.result) and not has_section(item, "Returns?"):
        yield "Return", "say what the value means"
    if not has_section(item, "Context"):
        yield "Context", "name the lock or the NAPI instance that the caller must own"


def check_item(path, item):
    """The findings about one definition."""
    if not item.name:
        return
    if not item.doc.startswith("/**"):
        yield Finding(path, item.line, f"{item.kind} {item.name} has no kernel-doc comment",
                      "describe it in a /** comment right above")
        return
    if item.kind == "function":
        for section, remedy in missing_sections(item):
            yield Finding(path, item.line, f"{item.name} has no {section}: line", remedy)


def check(options):
    """Check every header of include/sluice."""
    root = options.root
    files = report.sources(root, "include/sluice/*.h")
    definitions, findings = 0, []
    for path in files:
        for item in c_source.items(path):
            definitions += 1
            findings.extend(check_item(path, item))
    if files:
        findings.extend(kernel_script(root, files))
    return report.Report(definitions, "definitions", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
