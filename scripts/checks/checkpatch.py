#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the kernel's checkpatch.pl --strict over every C file."""
import re

import kernel_tree
import report
from report import Finding

# Messages that do not hold: the type, the source line it may stand on, and the reason.
EXCUSED = [
    ("OPEN_ENDED_LINE", re.compile(r"^\tTP_(?:STRUCT__entry|fast_assign)\($"),
     "TRACE_EVENT is written so in every trace header of the kernel"),
    ("PARENTHESIS_ALIGNMENT", re.compile(r"^\tTP_\w+\("),
     "TRACE_EVENT is written so in every trace header of the kernel"),
    ("LINE_SPACING", re.compile(r"^\t__cacheline_group_(?:begin|end)"),
     "the marker is a member of the struct, not a statement after declarations"),
    ("CAMELCASE", re.compile(r".*\bAutoneg\b"),
     "the kernel's ethtool interface spells it so; checkpatch knows that only in a kernel tree"),
    ("MACRO_ARG_REUSE", re.compile(r"^#define SLUICE_DP_DEFINE\("),
     "it defines functions at file level, and the argument is the address of a constant"),
]

# include/sluice/stats.h:12: CHECK:SPACING: spaces preferred around that '*'
MESSAGE = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): (?P<level>ERROR|WARNING|CHECK):"
                     r"(?P<type>\w+): (?P<text>.*)$")


def parse(root, output):
    """The findings in checkpatch's terse output; an unknown line is an error of the run."""
    for line in output.splitlines():
        match = MESSAGE.match(line)
        if not match:
            raise report.CheckError(f"checkpatch.pl said: {line}")
        yield Finding(root / match["path"], int(match["line"]),
                      f"[{match['type']}] {match['text']}",
                      "see Documentation/dev-tools/checkpatch.rst of the kernel")


def excused(finding):
    """True when the table above excuses the message on this source line."""
    source = finding.path.read_text(encoding="utf-8").splitlines()[finding.line - 1]
    return any(finding.what.startswith(f"[{name}]") and pattern.match(source)
               for name, pattern, _reason in EXCUSED)


def check(options):
    """Check the driver and its unit tests."""
    root = options.root
    files = report.sources(root, "include/**/*.h", "src/**/*.[ch]", "kunit/**/*.[ch]")
    if not files:
        return report.Report(0, "files", [])
    command = ["perl", kernel_tree.source_script("checkpatch.pl"), "--no-tree", "--file",
               "--strict", "--terse", "--show-types", "--no-summary"]
    result = report.run_tool(command + [path.relative_to(root) for path in files], "perl",
                             cwd=root)
    messages = list(parse(root, result.stdout))
    if result.returncode and not messages:
        raise report.CheckError("checkpatch.pl failed without a message")
    findings = [message for message in messages if not excused(message)]
    return report.Report(len(files), "files", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
