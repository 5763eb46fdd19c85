#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""make bench and make bench-quick: sluice against the in-tree driver of the same emulated device.

    scripts/bench/bench.py [--quick] [--nic NAME]... [--part NAME]... [--rounds N] [--publish]

Of each part, NIC and command line of its kernel there is one boot, in which the drivers take turns.
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

NICS = models.first_of_each_driver()


@dataclasses.dataclass
class Plan:
    """How much of it; a round is a turn of each driver."""
    access_plan: accesses.Plan = dataclasses.field(default_factory=accesses.Plan)
    instruction_plan: instructions.Plan = dataclasses.field(default_factory=instructions.Plan)
    rate_plan: rates.Plan = dataclasses.field(default_factory=rates.Plan)
    rounds: int = 3
    # of what does not depend on the machine's speed
    exact_rounds: int = 1
    # not only with the distribution's command line
    not_cleared: bool = True


FULL = Plan()
QUICK = Plan(accesses.Plan(lone=10, flood=5_000, sent=5_000, shared=10_000),
             instructions.Plan(bursts=20, sends=5),
             rates.Plan(only=rates.QUICK, dpdk=False), rounds=2, exact_rounds=1, not_cleared=False)


def run_accesses(record, nic, plan):
    accesses.measure(record.of(nic), models.named(nic), plan.exact_rounds, plan.access_plan)


def run_instructions(record, nic, plan):
    instructions.measure(record.of(nic), models.named(nic), plan.exact_rounds,
                         plan.instruction_plan)
    if plan.not_cleared:
        instructions.measure(record.of(nic, NOT_CLEARED), models.named(nic), 1,
                             plan.instruction_plan, NOT_CLEARED)


def run_rates(record, nic, plan):
    rates.measure(record.of(nic), models.named(nic), plan.rounds, plan.rate_plan)
    if plan.not_cleared:
        rates.measure(record.of(nic, NOT_CLEARED), models.named(nic), plan.rounds,
                      rates.Plan(only=rates.CLEARING, dpdk=False), NOT_CLEARED)


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
    if options.rounds:
        plan = dataclasses.replace(plan, rounds=options.rounds,
                                   exact_rounds=min(options.rounds, 2))
    for part in options.part or (IN_QUICK if options.quick else PARTS):
        for nic in options.nic or NICS:
            try:
                RUN[part](record, nic, plan)
            except GuestError as error:
                failed += 1
                record.said(f"{nic}, {part}: FAILED, not all of it is measured: {error}")
    return failed


def save(options, record, failed):
    """What can be looked at afterwards, and with --publish the documents."""
    directory = make_run_dir()
    tables.write(record.samples, f"{directory}/bench.csv")
    with open(f"{directory}/profiles.txt", "w", encoding="utf-8") as file:
        file.write(tables.profiles(record.profiles))
    if options.publish and failed:
        record.said("not published: a part is missing")
    elif options.publish:
        tables.publish(record, "make bench" +
                       (f" BENCH='--rounds {options.rounds}'" if options.rounds else ""))
    return directory


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="in less than 4 minutes")
    parser.add_argument("--nic", action="append", choices=NICS, help="only this one")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="of what depends on the machine's speed; more of them, less chance")
    parser.add_argument("--publish", action="store_true",
                        help="write the numbers into Documentation/; of all parts and NICs")
    options = parser.parse_args()
    if options.publish and (options.quick or options.nic or options.part):
        parser.error("--publish is for the whole of make bench: a table of several runs compares "
                     "what was not measured together; leave out --quick, --nic and --part")
    return options


def main():
    options, record = arguments(), Record()
    failed = run(options, record)
    print()
    print(tables.text(record.samples))
    record.said(f"the numbers, and where the instructions go: {save(options, record, failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
