#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Lint the project's own scripts: shellcheck for shell, pyflakes and pycodestyle for Python."""
import re

import report
from report import Finding

LINE_LENGTH = 100
SHELL = re.compile(r"^#!.*\b(?:bash|sh|dash)\b")
PYTHON = re.compile(r"^#!.*\bpython3?\b")
# script.py:12:80: E501 line too long     (pyflakes has no code, shellcheck has a level)
MESSAGE = re.compile(r"^(?P<path>[^:]+):(?P<line>\d+):(?:\d+:)? (?P<text>.*)$")


def kind(path):
    """'shell', 'python' or None, by extension or by the interpreter line."""
    if path.suffix in (".py", ".sh"):
        return "python" if path.suffix == ".py" else "shell"
    with path.open("rb") as stream:
        first = stream.readline(200).decode("utf-8", "replace")
    if SHELL.match(first):
        return "shell"
    return "python" if PYTHON.match(first) else None


def scripts(root):
    """The scripts of the project by kind; the bad examples are bad on purpose."""
    bad = root / "scripts" / "checks" / "bad"
    found = {"shell": [], "python": []}
    for path in report.sources(root, ".ci/*", "scripts/**/*", "kunit/**/*"):
        if bad not in path.parents and kind(path):
            found[kind(path)].append(path)
    return found


def lint(root, files, argv, package):
    """The findings of one tool that prints path:line: text."""
    if not files:
        return
    result = report.run_tool(argv + files, package)
    for line in result.stdout.splitlines():
        match = MESSAGE.match(line)
        if not match:
            raise report.CheckError(f"{argv[0]} said: {line}")
        yield Finding(root / match["path"], int(match["line"]), match["text"],
                      f"see {argv[0]}'s documentation")


def check(options):
    """Run each tool over its files."""
    root, files = options.root, scripts(options.root)
    findings = [
        *lint(root, files["shell"], ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR",
                                     "--format=gcc"], "shellcheck"),
        *lint(root, files["python"], ["pyflakes3"], "pyflakes3"),
        *lint(root, files["python"], ["pycodestyle", f"--max-line-length={LINE_LENGTH}"],
              "pycodestyle"),
    ]
    return report.Report(len(files["shell"]) + len(files["python"]), "scripts", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
