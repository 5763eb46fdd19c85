#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Lint the project's own scripts: shellcheck for shell, pyflakes and pycodestyle for Python; and
each module that is imported is there."""
import ast
import importlib.util
import re

import report
from report import Finding

LINE_LENGTH = 100
# What a program of a guest is given there: the kernel tree's tools/net/ynl/lib.
GIVEN = {"lib"}
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


def imported(node):
    """Names of the modules that a statement imports, without what is inside of a package."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module.partition(".")[0]]
    return []


def missing_modules(files):
    """The programs of a guest, too: no other check before a guest runs them sees a wrong name."""
    known = GIVEN | {path.stem for path in files} | {path.parent.name for path in files}
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for name in imported(node):
                if name not in known and not importlib.util.find_spec(name):
                    yield Finding(path, node.lineno, f"there is no module {name}",
                                  "import one of the project, or add its package to scripts/setup")


def check(options):
    """Run each tool over its files."""
    root, files = options.root, scripts(options.root)
    findings = [
        *lint(root, files["shell"], ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR",
                                     "--format=gcc"], "shellcheck"),
        *lint(root, files["python"], ["pyflakes3"], "pyflakes3"),
        *lint(root, files["python"], ["pycodestyle", f"--max-line-length={LINE_LENGTH}"],
              "pycodestyle"),
        *missing_modules(files["python"]),
    ]
    return report.Report(len(files["shell"]) + len(files["python"]), "scripts", findings)


if __name__ == "__main__":
    report.main(check, __doc__)
