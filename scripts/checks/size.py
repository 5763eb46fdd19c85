#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measure the length of functions, their arguments and the size of the driver.

A driver is read more often than written: the limits keep every function on one screen and the
whole in an afternoon.
"""
import collections
import math
import statistics

import c_source
import report
from report import Finding

MEDIAN_LIMIT = 14
P90_LIMIT = 45
LENGTH_LIMIT = 60
PROBE_LIMIT = 90        # probe is one list of steps with its unwinding; cutting it hides the mirror
ARGS_LIMIT = 5
# Lines with kernel-doc and reasons, which are a quarter.  The core is paid for once, a backend for
# each kind of device.
CORE_LIMIT = 6300
BACKEND_LIMIT = 3325


def percentile(values, share):
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)), 1) - 1]


def check_function(path, item):
    """The findings about one function."""
    limit = PROBE_LIMIT if item.name.endswith("_probe") else LENGTH_LIMIT
    if item.length > limit:
        yield Finding(path, item.line, f"{item.name} has {item.length} lines, the limit is {limit}",
                      "give a step of it a name of its own")
    if len(item.args) > ARGS_LIMIT:
        yield Finding(path, item.line,
                      f"{item.name} has {len(item.args)} arguments, the limit is {ARGS_LIMIT}",
                      "make a struct of the arguments that travel together")


def part_of(root, path):
    """Which part of the driver a file is: src/hw/NAME.c and NAME_*.c are backend NAME."""
    if path.parent != root / "src" / "hw":
        return "core"
    return path.stem.split("_")[0]


def summary(root, parts, lengths):
    """(notes, findings) about the whole."""
    median, p90 = statistics.median(lengths), percentile(lengths, 0.9)
    measures = [("median length", median, MEDIAN_LIMIT), ("p90 length", p90, P90_LIMIT)]
    measures += [(f"{part} lines", lines, CORE_LIMIT if part == "core" else BACKEND_LIMIT)
                 for part, lines in sorted(parts.items())]
    notes = [f"{name:<14} {value:>7g}  limit {limit}" for name, value, limit in measures]
    notes.append(f"{'longest':<14} {max(lengths):>7}  limit {LENGTH_LIMIT} (probe {PROBE_LIMIT})")
    findings = [Finding(root / "src", 0, f"{name} is {value:g}, the limit is {limit}",
                        "shorten the longest functions of the table" if "length" in name
                        else "remove code before adding more")
                for name, value, limit in measures if value > limit]
    return notes, findings


def file_row(root, path, lines, functions):
    """One line of the table."""
    lengths = [item.length for item in functions] or [0]
    return (f"{str(path.relative_to(root)):<32} {lines:>6} {len(functions):>6} "
            f"{statistics.median(lengths):>7g} {max(lengths):>8}")


def check(options):
    """Measure include/ and src/."""
    root = options.root
    files = report.sources(root, "include/**/*.h", "src/**/*.[ch]")
    rows = [f"{'file':<32} {'lines':>6} {'funcs':>6} {'median':>7} {'longest':>8}"]
    findings, lengths, parts = [], [], collections.Counter()
    for path in files:
        functions = c_source.functions(path)
        lines = len(path.read_text(encoding="utf-8").splitlines())
        parts[part_of(root, path)] += lines
        lengths += [item.length for item in functions]
        rows.append(file_row(root, path, lines, functions))
        for item in functions:
            findings.extend(check_function(path, item))
    if not lengths:
        return report.Report(0, "functions", [])
    notes, whole = summary(root, parts, lengths)
    return report.Report(len(lengths), "functions", findings + whole, "\n".join(rows + notes))


if __name__ == "__main__":
    report.main(check, __doc__)
