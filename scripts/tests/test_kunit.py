# SPDX-License-Identifier: GPL-2.0-only
"""The suites of kunit/, each of their tests one here: make kunit, run once, and what it said."""
import collections
import pathlib
import re
import subprocess
import sys

import pytest

from kernels import PROJECT

SCRIPT = pathlib.Path(PROJECT, "scripts/kunit.py")
CASE = re.compile(r"\bKUNIT_CASE(?:_\w+)?\((\w+)")
CASES = [case for suite in sorted(pathlib.Path(PROJECT, "kunit").glob("*_test.c"))
         for case in CASE.findall(suite.read_text(encoding="utf-8"))]
# Parameters of a test are indented deeper than tests.
RESULT = re.compile(r"^    ((?:not )?ok) \d+ (\w+)(.*)$", re.M)


@pytest.fixture(scope="module")
def run(request):
    return subprocess.run([sys.executable, "-B", SCRIPT,
                           f"--kernel={request.config.option.kernel}"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("case", CASES)
def test_case(run, case):
    said = [match.groups() for match in RESULT.finditer(run.stdout) if match[2] == case]
    # neither failed nor skipped, nor run twice or not at all
    assert said == [("ok", case, "")], explanation(run.stdout, case)


def test_no_report_and_no_leak_also_when_the_modules_go(run):
    """The exit status says so: kunit.py ends with a guest whose console is clean."""
    assert run.returncode == 0, run.stdout[-4000:]


def test_cases_have_names_of_their_own():
    assert [name for name, count in collections.Counter(CASES).items() if count > 1] == []


def explanation(ktap, case):
    """What KUnit printed of a test, up to its result."""
    lines = ktap.splitlines()
    ends = [i for i, line in enumerate(lines) if re.search(rf"ok \d+ {case}\b", line)]
    return "\n".join(lines[max(0, ends[0] - 20):ends[0] + 1]) if ends else ktap[-4000:]
