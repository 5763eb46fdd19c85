# SPDX-License-Identifier: GPL-2.0-only
"""What a run has measured: a table for the terminal and for performance.rst, and CSV."""
import csv
import os
import platform
import re
import subprocess

import plots
import targets
from kernels import PROJECT, distribution_kernel
from ratios import Sample, median, rows, verdict

DOCUMENT = f"{PROJECT}/Documentation/performance.rst"
NUMBERS = f"{PROJECT}/Documentation/performance"
HEADINGS = ("quantity", "other driver", "its number", "sluice", "ratio", "spread", "target", "")
BEGIN, END = ".. begin of the measured table\n", ".. end of the measured table\n"


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def cells(row):
    """One line of the table."""
    target, ratio = targets.target(row), row.ratio()
    return (row.quantity, row.other, number(median(row.theirs)), number(median(row.ours)),
            f"{ratio.median:.2f}x" if ratio else "-",
            f"{ratio.least:.2f}-{ratio.largest:.2f}" if ratio else "-",
            str(target or ""), verdict(row, target))


def by_bed(samples):
    """{(nic, conditions): lines of cells}."""
    found = {}
    for row in rows(samples):
        found.setdefault((row.nic, row.conditions), []).append(cells(row))
    return found


def drawn(lines, border=" "):
    """Lines of cells below each other."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return [border.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            for line in lines]


def text(samples):
    """The table for the terminal."""
    found = []
    for (nic, conditions), lines in by_bed(samples).items():
        found += [f"{nic}, {conditions}", *drawn([HEADINGS, *lines], "  "), ""]
    return "\n".join(found)


def list_table(lines):
    """The same as reStructuredText."""
    found = [".. list-table::", "   :header-rows: 1", ""]
    for line in [HEADINGS, *lines]:
        first, *rest = line
        found += [f"   * - {first}", *(f"     - {cell}".rstrip() for cell in rest)]
    return found + [""]


def document(record, command, plotted):
    """What stands between the marks of performance.rst."""
    found = [f"Measured by ``{command}`` in {record.seconds() / 60:.0f} minutes on {machine()}.",
             ""]
    for name in plotted:
        found += [f".. image:: performance/{name}", f"   :alt: {name[:-4]}", ""]
    for (nic, conditions), lines in by_bed(record.samples).items():
        heading = f"{nic}, {conditions}"
        found += [heading, "-" * len(heading), "", *list_table(lines)]
    return "\n".join(found)


def insert(record, command, plotted):
    """Put the table into performance.rst."""
    with open(DOCUMENT, encoding="utf-8") as file:
        old = file.read()
    before, rest = old.split(BEGIN)
    after = rest.split(END)[1]
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{document(record, command, plotted)}\n{END}{after}")


def publish(record, command):
    """All of it into Documentation/."""
    os.makedirs(NUMBERS, exist_ok=True)
    write(record.samples, f"{NUMBERS}/bench.csv")
    with open(f"{NUMBERS}/profiles.txt", "w", encoding="utf-8") as file:
        file.write(profiles(record.profiles))
    insert(record, command, plots.draw(record.samples, NUMBERS))


# CSV

def write(samples, path):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Sample._fields)
        writer.writerows(sample._replace(value=f"{sample.value:.6g}") for sample in samples)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [Sample(**{**line, "round": int(line["round"]), "value": float(line["value"])})
                for line in csv.DictReader(file)]


def machine():
    """Processor, kernels and emulator, in one line."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    emulator = subprocess.run(["qemu-system-x86_64", "--version"], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.splitlines()[0]
    guest = distribution_kernel().rsplit("/kernel-", 1)[-1]
    return (f"{model[1] if model else platform.machine()}, host Linux {platform.release()}, "
            f"guest Linux {guest}, {emulator}")


def profiles(found, count=16):
    """The functions in which most instructions are, per packet."""
    lines = []
    for (nic, conditions, quantity, driver), functions in found.items():
        lines += [f"{nic}, {conditions}, {driver}: {quantity}"]
        lines += [f"  {instructions:8.1f}  {name}" for name, instructions in functions[:count]]
    return "\n".join(lines)
