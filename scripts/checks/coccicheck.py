#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Run semantic patches over every C file: the kernel's own and those of scripts/cocci.

They match code along its control flow, and so find what is missing on one path of many.
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import List, NamedTuple

import c_source
import kernel_tree
import report
from report import Finding

OWN = report.PROJECT / "scripts" / "cocci"
MACROS = OWN / "macros.h"

# The kernel's rules that are not worth a run here, and why. Every other one runs.
LEFT_OUT = {
    "api/check_bq27xxx_data": "tables of one battery driver",
    "api/d_find_alias": "for filesystems",
    "api/memdup_user": "for system calls and ioctls; a network driver has none of its own",
    "api/platform_get_irq": "for platform devices; ours are PCI's",
    "api/platform_no_drv_owner": "for platform devices",
    "api/simple_open": "for character devices and debugfs",
    "api/stream_open": "for character devices",
    "api/vma_pages": "for mappings into user space",
    "free/clk_put": "for the clocks of embedded systems",
    "free/pci_free_consistent": "the functions it knows are gone from the kernel",
    "free/put_device": "for device tree nodes",
    "iterators/device_node_continue": "for device tree nodes",
    "iterators/for_each_child": "for device tree nodes",
    "misc/add_namespace": "no check: the tool behind scripts/nsdeps, which gives it the name",
    "misc/minmax": "style only, and takes as long as ten others",
    "misc/of_table": "for tables of the device tree, I2C and platform buses",
    "misc/uninitialized_var": "the macro is gone from the kernel",
}
# Reports that do not hold: the rule, the source line it may stand on, and the reason. None so far.
EXCUSED = []
# A rule takes a second or two. One that takes this long on a slow, loaded machine hangs.
TIME_LIMIT = 300

# src/queues.c:51:2-8: WARNING: text
MESSAGE = re.compile(r"^(?P<path>[^\s:]+):(?P<line>\d+)(?::\d+-\d+)?: *(?P<text>.*)$")
# Names every function that spatch can read.
FUNCTIONS = """
virtual report

@found@
identifier fn;
position p;
@@
fn@p(...) { ... }

@script:python depends on report@
p << found.p;
fn << found.fn;
@@
print("%s %s" % (p[0].file, fn))
"""


class Rule(NamedTuple):
    """A semantic patch, and what the way it reports makes of it."""

    name: str
    path: Path
    remedy: str         # of the kernel's; ours say it themselves

    @property
    def options(self) -> List[str]:
        """The options of spatch that the file asks for."""
        match = re.search(r"^// Options:(.*)$", self.path.read_text(encoding="utf-8"), re.MULTILINE)
        return match[1].split() if match else []


def own_rules():
    """The project's rules; those of a bad example are this project's too."""
    return [Rule(path.stem, path, "") for path in report.sources(OWN, "*.cocci")]


def kernel_rules():
    """The kernel's rules without those that are left out."""
    top = kernel_tree.source() / "scripts" / "coccinelle"
    rules = {str(path.relative_to(top).with_suffix("")): path
             for path in report.sources(top, "**/*.cocci")}
    gone = sorted(set(LEFT_OUT) - set(rules))
    if gone:
        raise report.CheckError(f"the kernel has no rule {', '.join(gone)}; correct LEFT_OUT")
    return [Rule(name, path, f"see scripts/coccinelle/{name}.cocci of the kernel")
            for name, path in rules.items() if name not in LEFT_OUT]


def add_options(parser):
    """Let the author of a rule run it alone, and scripts/mutate those that know the driver."""
    parser.add_argument("--rule", help="only this one, for example doorbell or misc/semicolon")
    parser.add_argument("--own", action="store_true", help="only the project's, not the kernel's")
    parser.add_argument("--only", metavar="FILE", help="look at this file alone")


def chosen_rules(options):
    """All rules, or those that the command line names."""
    rules = own_rules() + ([] if options.own else kernel_rules())
    chosen = [rule for rule in rules if options.rule in (None, rule.name)]
    if not chosen:
        raise report.CheckError(f"there is no rule {options.rule}, or LEFT_OUT leaves it out")
    return chosen


def run_rule(root, rule, scratch):
    """Run spatch with a rule; it sees each file for itself."""
    command = ["spatch", "--very-quiet", "--no-show-diff", "-D", "report", "-I", "include",
               "--macro-file", MACROS, *rule.options, "--file-groups", scratch / "files",
               "--cocci-file", rule.path]
    try:
        result = report.run_tool(command, "coccinelle", cwd=root, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired as late:
        raise report.CheckError(f"{rule.name} takes more than {TIME_LIMIT} seconds") from late
    if result.returncode:
        raise report.CheckError(f"spatch failed with {rule.name}:\n{result.stdout}")
    return result


def is_excused(rule, path, line):
    """True when the table above excuses a report on this source line."""
    source = path.read_text(encoding="utf-8").splitlines()[line - 1]
    return any(rule.name == name and pattern.match(source) for name, pattern, _reason in EXCUSED)


def apply_rule(root, rule, scratch):
    """The findings of one rule."""
    findings = set()
    for line in run_rule(root, rule, scratch).stdout.splitlines():
        match = MESSAGE.match(line)
        # An error in a rule's script ends the analysis of a file, but not spatch.
        if not match or not (root / match["path"]).is_file():
            raise report.CheckError(f"spatch said of {rule.name}: {line}")
        path, number = root / match["path"], int(match["line"])
        what, _, remedy = match["text"].partition("; ")
        if not is_excused(rule, path, number):
            findings.add(Finding(path, number, f"[{rule.name}] {what}", rule.remedy or remedy))
    return findings


def unread(root, files, scratch):
    """The functions that spatch cannot read: no rule looks there, and spatch does not say so."""
    patch = scratch / "functions.cocci"
    patch.write_text(FUNCTIONS, encoding="utf-8")
    output = run_rule(root, Rule("functions", patch, ""), scratch).stdout
    read = {tuple(line.split()) for line in output.splitlines()}
    known = [(path, item) for path in files for item in c_source.functions(path)]
    findings = [Finding(path, item.line, f"spatch cannot read {item.name}, so no rule looks there",
                        "give it the macro it stumbles over in scripts/cocci/macros.h")
                for path, item in known
                if (str(path.relative_to(root)), item.name) not in read]
    return len(known), findings


def check(options):
    """Apply every rule to every file."""
    root = options.root
    if not shutil.which("spatch"):
        raise report.CheckError("spatch is missing; install the package coccinelle")
    files = [path for path in report.sources(root, "include/**/*.h", "src/**/*.[ch]",
                                             "kunit/**/*.[ch]")
             if options.only in (None, str(path.relative_to(root)))]
    if not files:
        return report.Report(0, "functions", [])
    rules = chosen_rules(options)
    with tempfile.TemporaryDirectory() as name, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scratch = Path(name)
        # A blank line between two files makes each a group of its own.
        groups = "\n\n".join(str(path.relative_to(root)) for path in files)
        (scratch / "files").write_text(groups + "\n", encoding="utf-8")
        functions, findings = unread(root, files, scratch)
        for found in pool.map(lambda rule: apply_rule(root, rule, scratch), rules):
            findings.extend(found)
    return report.Report(functions, "functions", findings,
                         f"rules: {len(rules)}; {len(LEFT_OUT)} of the kernel's are left out")


if __name__ == "__main__":
    report.main(check, __doc__, add_options)
