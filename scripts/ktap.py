# SPDX-License-Identifier: GPL-2.0-only
"""Reads what a selftest of the kernel's in Python prints (KTAP), and takes nothing on trust.

A test that has not run must not look like one that has nothing to say: there is a plan, and each
test of it has a result, in order, or nothing that was printed counts.
"""
import collections
import re

VERSION = "KTAP version 1"
PLAN = re.compile(r"1\.\.(\d+)")
RESULT = re.compile(r"(ok|not ok) (\d+) (\S+)(?: # (.*))?")
# What a directive makes of a test that is ok; it makes nothing of one that is not.
DIRECTIVES = {"SKIP": "skip", "XFAIL": "xfail"}

# status: "pass", "skip", "xfail" or "fail"; reason: what the test has said of it
Outcome = collections.namedtuple("Outcome", "status reason")


class KtapError(Exception):
    """What was printed is no complete report."""


def outcome(word, comment, said):
    """Of one result: its first word, what stands behind its name, and the line before it."""
    if word == "not ok":
        return Outcome("fail", said)
    directive, _, reason = (comment or "").partition(" ")
    if comment and directive not in DIRECTIVES:
        raise KtapError(f"unknown directive: {comment}")
    return Outcome(DIRECTIVES.get(directive, "pass"), reason)


def read(text):
    """The number of tests in the plan, and (number, name, Outcome) of each result."""
    lines = text.splitlines()
    if VERSION not in lines:
        raise KtapError(f"no '{VERSION}'")
    plan, found, said = None, [], ""
    for line in lines[lines.index(VERSION) + 1:]:
        if match := RESULT.fullmatch(line):
            word, number, name, comment = match.groups()
            found.append((int(number), name, outcome(word, comment, said)))
            said = ""
        elif match := PLAN.fullmatch(line):
            plan = int(match[1])
        elif line.startswith("# "):
            said = line[2:]
    return plan, found


def outcomes(text, exit_status):
    """{name: Outcome} of what a selftest has printed before it ended so; KtapError."""
    plan, found = read(text)
    if not plan or [number for number, _, _ in found] != list(range(1, plan + 1)):
        raise KtapError(f"{len(found)} results of a plan of {plan}")
    by_name = {name: what for _, name, what in found}
    if len(by_name) != plan:
        raise KtapError("two results have one name")
    failed = any(what.status == "fail" for what in by_name.values())
    if exit_status != int(failed):
        raise KtapError(f"exit status {exit_status}, with{'' if failed else 'out'} a failure")
    return by_name
