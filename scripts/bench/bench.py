#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""make bench and make bench-quick: sluice against the in-tree driver of the same emulated device.

    scripts/bench/bench.py [--quick] [--nic NAME]... [--part NAME]... [--publish]

Of each part and NIC there is one boot, in which the drivers take turns.
"""
import argparse
import dataclasses
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import accesses  # noqa: E402
import growth  # noqa: E402
import instructions  # noqa: E402
import memory  # noqa: E402
import models  # noqa: E402
import rates  # noqa: E402
import resets  # noqa: E402
import tables  # noqa: E402
import tcp  # noqa: E402
import vhost  # noqa: E402
from guest import GuestError, make_run_dir  # noqa: E402
from record import Record  # noqa: E402
from targets import NOT_CLEARED, STOCK, VHOST  # noqa: E402

NICS = ("e1000", "virtio")


@dataclasses.dataclass
class Plan:
    """How much of it; a round is a turn of each driver."""
    access_plan: accesses.Plan = dataclasses.field(default_factory=accesses.Plan)
    instruction_plan: instructions.Plan = dataclasses.field(default_factory=instructions.Plan)
    rate_plan: rates.Plan = dataclasses.field(default_factory=rates.Plan)
    rounds: int = 3
    # of what does not depend on the machine's speed
    exact_rounds: int = 2


FULL = Plan()
QUICK = Plan(accesses.Plan(lone=10, flood=5_000, sent=10_000),
             instructions.Plan(bursts=20, sends=5),
             rates.Plan(frames=30_000, only=rates.QUICK), 2, 1)


def run_accesses(record, nic, plan):
    accesses.measure(record.of(nic), models.named(nic), plan.exact_rounds, plan.access_plan)


def run_instructions(record, nic, plan):
    instructions.measure(record.of(nic), models.named(nic), plan.exact_rounds,
                         plan.instruction_plan)


def run_rates(record, nic, plan):
    rates.measure(record.of(nic), models.named(nic), plan.rounds, plan.rate_plan)


def run_vhost(record, nic, plan):
    """Only virtio has this other end."""
    if nic == "virtio":
        for conditions, cmdline in ((STOCK, ""), (NOT_CLEARED, NOT_CLEARED)):
            vhost.measure(record.of(VHOST, conditions), plan.rounds, vhost.Plan(), cmdline)


def run_tcp(record, nic, plan):
    tcp.measure(record.of(nic), models.named(nic), plan.rounds, tcp.Plan())


def run_memory(record, nic, plan):
    memory.measure(record.of(nic), models.named(nic), plan.exact_rounds, memory.Plan())


def run_growth(record, nic, _):
    growth.measure(record.of(nic), models.named(nic), 1, growth.Plan())


def run_resets(record, nic, plan):
    """Only virtio needs them."""
    if nic == "virtio":
        resets.measure(record.of(nic), models.named(nic), plan.rounds, resets.Plan())


RUN = {"accesses": run_accesses, "instructions": run_instructions, "rates": run_rates,
       "vhost": run_vhost, "tcp": run_tcp, "memory": run_memory, "growth": run_growth,
       "resets": run_resets}
PARTS = tuple(RUN)
IN_QUICK = PARTS[:3]


def run(options, record):
    """How many parts have failed; what they had measured, and the other parts, are kept."""
    plan, failed = QUICK if options.quick else FULL, 0
    for part in options.part or (IN_QUICK if options.quick else PARTS):
        for nic in options.nic or NICS:
            try:
                RUN[part](record, nic, plan)
            except GuestError as error:
                failed += 1
                record.said(f"{nic}, {part}: FAILED, not all of it is measured: {error}")
    return failed


def save(options, record):
    """What can be looked at afterwards, and with --publish the documents."""
    directory = make_run_dir()
    tables.write(record.samples, f"{directory}/bench.csv")
    with open(f"{directory}/profiles.txt", "w", encoding="utf-8") as file:
        file.write(tables.profiles(record.profiles))
    if options.publish:
        tables.publish(record.samples, command(options))
    return directory


def command(options):
    """What measures the same again."""
    chosen = [f"--nic {name}" for name in options.nic or ()]
    chosen += [f"--part {name}" for name in options.part or ()]
    return ("make bench-quick" if options.quick else "make bench") + \
        (f" BENCH='{' '.join(chosen)}'" if chosen else "")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="in less than 4 minutes")
    parser.add_argument("--nic", action="append", choices=NICS, help="only this one")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one")
    parser.add_argument("--publish", action="store_true",
                        help="write the numbers into Documentation/")
    return parser.parse_args()


def main():
    options, record = arguments(), Record()
    failed = run(options, record)
    print()
    print(tables.text(record.samples))
    record.said(f"the numbers, and where the instructions go: {save(options, record)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
