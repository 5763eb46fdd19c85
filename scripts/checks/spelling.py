#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Look for common misspellings in code and documents."""
import re

import report
from report import Finding

# Words that codespell takes for typing errors, each with its reason.
ALLOWED_WORDS = {"xdpf": "the kernel's name for a struct xdp_frame",
                 "inflight": "a file of byte_queue_limits in sysfs"}
MESSAGE = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+): (?P<text>.*)$")


def documents(root):
    """Everything that people read; the bad examples are bad on purpose."""
    files = report.sources(root, "*.md", "Kbuild", "Makefile", ".ci/*", "include/**/*.h",
                           "src/**/*.[ch]", "kunit/**/*.[ch]", "Documentation/**/*",
                           "scripts/**/*")
    bad = root / "scripts" / "checks" / "bad"
    return [path for path in files if bad not in path.parents and path.suffix != ".pyc"]


def check(options):
    """Run codespell over them."""
    files = documents(options.root)
    if not files:
        return report.Report(0, "files", [])
    command = ["codespell", "--disable-colors"]
    if ALLOWED_WORDS:
        command.append("--ignore-words-list=" + ",".join(ALLOWED_WORDS))
    result = report.run_tool(command + files, "codespell")
    findings = []
    for line in result.stdout.splitlines():
        match = MESSAGE.match(line)
        if not match:
            raise report.CheckError(f"codespell said: {line}")
        findings.append(Finding(options.root / match["path"], int(match["line"]), match["text"],
                                "correct the word or give the reason in ALLOWED_WORDS"))
    return report.Report(len(files), "files", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
