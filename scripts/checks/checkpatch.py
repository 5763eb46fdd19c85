#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run the kernel's checkpatch.pl --strict over every C file."""
import functools
import re
import tempfile

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
    ("MACRO_ARG_REUSE", re.compile(r"^#define SLUICE_DP_DEFINE\("),
     "it defines functions at file level, and the argument is the address of a constant"),
]
# Members of these are spelled as IEEE 802.3 spells them; a driver has no choice.
KERNEL_SPELLING = ("linux/ethtool.h", "uapi/linux/ethtool.h")
CAMELCASE = re.compile(r"^\[CAMELCASE\] Avoid CamelCase: <(\w+)>")

# include/sluice/stats.h:12: CHECK:SPACING: spaces preferred around that '*'
MESSAGE = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): (?P<level>ERROR|WARNING|CHECK):"
                     r"(?P<type>\w+): (?P<text>.*)$")


def parse(output):
    """The findings in checkpatch's terse output; an unknown line is an error of the run."""
    for line in output.splitlines():
        match = MESSAGE.match(line)
        if not match:
            raise report.CheckError(f"checkpatch.pl said: {line}")
        yield Finding(report.Path(match["path"]), int(match["line"]),
                      f"[{match['type']}] {match['text']}",
                      "see Documentation/dev-tools/checkpatch.rst of the kernel")


@functools.lru_cache(maxsize=None)
def kernel_names():
    """The words, and parts of words between underscores, in the headers named above."""
    include = kernel_tree.source() / "include"
    text = "".join((include / name).read_text(encoding="utf-8") for name in KERNEL_SPELLING)
    return set(re.split(r"\W+|_", text))


def excused(finding):
    """True when a table above excuses the message on this source line."""
    camelcase = CAMELCASE.match(finding.what)
    if camelcase:
        return camelcase[1] in kernel_names()
    source = finding.path.read_text(encoding="utf-8").splitlines()[finding.line - 1]
    return any(finding.what.startswith(f"[{name}]") and pattern.match(source)
               for name, pattern, _reason in EXCUSED)


def run(files):
    """Run the script away from the project.

    It looks for a git repository where it stands, accepts every CamelCase word that is committed
    there, and leaves a cache behind. An empty tree instead makes its answer the same each time.
    """
    with tempfile.TemporaryDirectory() as tree:
        (report.Path(tree) / "include").mkdir()
        command = ["perl", kernel_tree.source_script("checkpatch.pl"), "--no-tree",
                   f"--root={tree}", "--file", "--strict", "--terse", "--show-types",
                   "--no-summary"]
        return report.run_tool(command + files, "perl", cwd=tree)


def check(options):
    """Check the driver and its unit tests."""
    files = report.sources(options.root, "include/**/*.h", "src/**/*.[ch]", "kunit/**/*.[ch]")
    if not files:
        return report.Report(0, "files", [])
    result = run(files)
    messages = list(parse(result.stdout))
    if result.returncode and not messages:
        raise report.CheckError("checkpatch.pl failed without a message")
    findings = [message for message in messages if not excused(message)]
    return report.Report(len(files), "files", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
