#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Disassemble the datapath objects and refuse an indirect call.

The engine takes its descriptor format as a constant struct of functions; only when the compiler
folds it away does a packet cost no indirect call. A format that is not const, or an engine
function that is not always inlined, compiles without a warning and shows only here. Even the BPF
program is entered by a direct call, to the kernel's XDP dispatcher.
"""
import re
from pathlib import Path
from typing import List, NamedTuple

import module_build
import report
from report import Finding

# What a backend's datapath must define, so that an empty object cannot pass.
EXPECTED = ("poll", "xmit", "xdp_xmit")

SYMBOL = re.compile(r"^[0-9a-f]+ <([\w.$]+)>:$")
PLACE = re.compile(r"^(\S+\.[ch]):(\d+)(?: \(discriminator \d+\))?$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t(.*)$")
INDIRECT = re.compile(r"^(?:\w+ )*(?:call|jmp)q?\s+\*(.*)$")
RELOCATION = re.compile(r"^\s*[0-9a-f]+: R_\w+\s+(\S+?)(?:[-+]0x[0-9a-f]+)?$")
THUNK = re.compile(r"^__x86_indirect_")
# Before a module runs, the kernel writes the instruction itself over a call through it (for
# irqs_disabled(): pushf, pop), or a direct call below Xen: ALT_CALL() in asm/paravirt_types.h.
PATCHED = "pv_ops"


class Instruction(NamedTuple):
    """An instruction, where it stands and what its relocations point at."""

    symbol: str
    path: str
    line: int
    text: str
    relocations: List[str]


class Call(NamedTuple):
    """An indirect call: the instruction and what it goes through."""

    instruction: Instruction
    target: str


def instructions(objdump):
    """The instructions of a disassembly with source lines and relocations."""
    symbol, path, line, found = "", "", 0, []
    for text in objdump.splitlines():
        match = RELOCATION.match(text.replace("\t", " "))
        if match:
            found[-1].relocations.append(match[1])
        elif match := INSTRUCTION.match(text):
            found.append(Instruction(symbol, path, line, match[1], []))
        elif match := SYMBOL.match(text):
            symbol = match[1]
        elif match := PLACE.match(text):
            path, line = match[1], int(match[2])
    return found


def indirect_calls(objdump):
    """Every indirect call or jump, thunks included."""
    for instruction in instructions(objdump):
        match = INDIRECT.match(instruction.text)
        targets = [name for name in instruction.relocations if match or THUNK.match(name)]
        if match and not targets:
            targets = [match[1].strip()]
        for target in targets:
            if target != PATCHED:
                yield Call(instruction, target)


def symbols(objdump):
    """The functions that an object defines."""
    return {match[1] for match in map(SYMBOL.match, objdump.splitlines()) if match}


def missing_symbols(obj, source, defined):
    """The instantiated functions that the object lacks."""
    backend = obj.name[:-len("_dp.o")]
    for function in EXPECTED:
        name = f"sluice_{backend}_{function}"
        if name not in defined:
            yield Finding(source, 1, f"the object does not define {name}",
                          "instantiate the engine with SLUICE_DP_DEFINE")


def finding(call, root, build):
    """The finding about a call, at the source line that it was compiled from."""
    where = call.instruction
    return Finding(root / module_build.in_tree(build, Path(where.path)), where.line,
                   f"{where.symbol} calls through {call.target}",
                   "make the description static const and the engine function __always_inline")


def check_object(source, root, build):
    """(number of functions, findings) of one datapath file's object."""
    obj = source.with_suffix(".o")
    if not obj.exists():
        raise report.CheckError(f"{obj.name} was not built; w1_build.py says why")
    result = report.run_tool(["objdump", "-d", "-r", "-l", "--no-show-raw-insn", obj], "binutils")
    if result.returncode:
        raise report.CheckError(f"objdump failed: {result.stdout.strip()}")
    defined = symbols(result.stdout)
    findings = [finding(call, root, build) for call in indirect_calls(result.stdout)]
    findings.extend(missing_symbols(obj, root / source.relative_to(build), defined))
    return len(defined), findings


def check(options):
    """Check every datapath file; build the driver first where its objects are not there yet."""
    functions, findings = 0, []
    with module_build.directory(options) as build:
        sources = report.sources(build, "src/hw/*_dp.c")
        if any(not path.with_suffix(".o").exists() for path in sources):
            module_build.make(build, "W=1")
        for source in sources:
            number, found = check_object(source, options.root, build)
            functions += number
            findings.extend(found)
    return report.Report(functions, "datapath functions", findings)


if __name__ == "__main__":
    report.main(check, __doc__, module_build.add_options)
