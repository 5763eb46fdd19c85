# SPDX-License-Identifier: GPL-2.0-only
"""The bench's own arithmetic, and that its counter of instructions counts the same twice.

Nothing here says how fast anything is.
"""
import re
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))

import bench  # noqa: E402
import device_trace  # noqa: E402
import instructions  # noqa: E402
import models  # noqa: E402
import rates  # noqa: E402
import resets  # noqa: E402
import tables  # noqa: E402
import targets  # noqa: E402
from guest import GuestError  # noqa: E402
from ratios import DPDK, IN_TREE, SLUICE, Sample, Target, median, percentile, rows, spread, \
    verdict  # noqa: E402
from record import Record  # noqa: E402

# Two runs may differ by so much.
REPEATABLE = 0.02
QUANTITY = "pps, pktgen burst 1"


def samples(driver, *values, quantity=QUANTITY, nic="e1000"):
    return [Sample(nic, targets.STOCK, quantity, driver, number, value)
            for number, value in enumerate(values)]


def row(*groups):
    return rows([sample for group in groups for sample in group])[0]


# Ratios

def test_ratio_is_of_the_neighbours_in_a_round():
    """The machine was slow in the second round, for both: the ratio does not see it."""
    found = row(samples(IN_TREE, 100, 10, 100), samples(SLUICE, 200, 20, 210)).ratio()
    assert (found.median, found.least, found.largest) == (2, 2, 2.1)


def test_ratio_leaves_out_a_round_that_one_driver_has_not():
    found = row(samples(IN_TREE, 100), samples(SLUICE, 150, 900)).ratio()
    assert (found.median, found.least, found.largest) == (1.5, 1.5, 1.5)


def test_no_ratio_to_nothing():
    """As of register accesses where there are none."""
    assert row(samples(IN_TREE, 0, 0), samples(SLUICE, 0, 1)).ratio() is None


def test_dpdk_has_a_row_of_its_own():
    found = rows(samples(IN_TREE, 10) + samples(SLUICE, 30) + samples(DPDK, 40))
    assert [(one.other, one.ratio().median) for one in found] == [(IN_TREE, 3), (DPDK, 0.75)]


@pytest.mark.parametrize("share, value", [(0.5, 50), (0.99, 99), (1, 100), (0, 1)])
def test_percentile_is_the_nearest_rank(share, value):
    assert percentile(range(100, 0, -1), share) == value


def test_spread():
    assert spread([110, 100, 105]) == pytest.approx(0.1)


# Targets

@pytest.mark.parametrize("target, met", [
    (Target("ratio", ">=", 1.2), "MISSED"), (Target("ratio", ">=", 1.1), "met"),
    (Target("ratio", "<=", 1.1), "met"), (Target("ratio", "<", 1.1), "MISSED"),
    (Target("own", "<=", 109), "MISSED"), (Target("own", ">=", 110), "met")])
def test_target_against_median(target, met):
    assert verdict(row(samples(IN_TREE, 100), samples(SLUICE, 110)), target) == met


def test_what_was_not_measured_has_not_met_its_target():
    one_sided = row(samples(SLUICE, 110))
    assert verdict(one_sided, Target("ratio", ">=", 1)) == "not measured"
    assert verdict(row(samples(IN_TREE, 100)), Target("own", "<=", 1)) == "not measured"
    assert verdict(one_sided, None) == ""


def test_row_has_the_target_of_its_nic_and_conditions():
    measured = row(samples(IN_TREE, 100), samples(SLUICE, 110))
    assert str(targets.target(measured)) == ">= 1.2x"
    assert targets.target(row(samples(SLUICE, 1, nic="virtio"))) is None
    cleared = Sample(targets.VHOST, targets.NOT_CLEARED, "pps, XDP_DROP", SLUICE, 0, 1.0)
    assert str(targets.target(rows([cleared])[0])) == ">= 2x"


def test_dpdk_is_the_ceiling_of_one_nic_and_a_yardstick_of_the_other():
    def bound(nic, quantity):
        found = rows(samples(SLUICE, 1, quantity=quantity, nic=nic) +
                     samples(DPDK, 1, quantity=quantity, nic=nic))
        return str(targets.target(next(one for one in found if one.other == DPDK)) or "none")
    assert bound("e1000", rates.XDP_DROP) == ">= 0.9x"
    assert bound(targets.VHOST, "pps, XDP_DROP") == ">= 0.7x"
    assert bound("virtio", rates.XDP_DROP) == "none"


# Turns

class Turns:
    """Rates whose measurements say whose turn it was."""

    def __init__(self):
        self.bed, self.seen = self, []

    def turn(self, driver):
        self.seen.append(driver)


def test_each_quantity_is_measured_of_both_drivers_before_the_next():
    """And who is first changes, or one would always find the machine as the other leaves it."""
    turns, record = Turns(), Record("e1000")
    measures = {"a": lambda _: 1.0, "b": lambda _: 2.0}
    for number in range(2):
        rates.one_round(record, turns, number, measures)
    assert turns.seen == [IN_TREE, SLUICE] * 2 + [SLUICE, IN_TREE] * 2
    assert [(sample.quantity, sample.driver, sample.round) for sample in record.samples][:3] == \
        [("a", IN_TREE, 0), ("a", SLUICE, 0), ("b", IN_TREE, 0)]


def test_share_of_the_floor_is_of_the_driver_and_the_round_of_both():
    record = Record("e1000")
    values = iter([20.0, 40.0, 10.0, 30.0])
    rates.one_round(record, Turns(), 0, {rates.UDP_FLOOR: lambda _: next(values),
                                         rates.UDP_SHARED: lambda _: next(values)})
    assert {sample.driver: sample.value for sample in record.samples
            if sample.quantity == rates.UDP_SHARE} == {IN_TREE: 0.5, SLUICE: 0.75}


# Accesses

TRACE = [
    "memory_region_ops_write cpu 0 mr 0x1 addr 0xfeb800d0 value 0x1 size 4 name 'e1000-mmio'",
    "memory_region_ops_read cpu 1 mr 0x1 addr 0xfeb800d0 value 0x1 size 4 name 'e1000-mmio'",
    "memory_region_ops_write cpu 0 mr 0x2 addr 0xfe003000 value 0x0 size 2 "
    "name 'virtio-pci-notify-virtio-net'",
    "memory_region_ops_write cpu 0 mr 0x3 addr 0xfe003000 value 0x0 size 2 "
    "name 'virtio-pci-notify-virtio-serial'",
]


def test_accesses_are_those_of_the_device():
    """Not those of the console and of the file system, which are virtio as well."""
    count = device_trace.count(TRACE, models.named("virtio").regions)
    assert count == {("virtio-pci-notify-virtio-net", 0xfe003000): 1}
    count = device_trace.count(TRACE, models.named("e1000").regions)
    assert count == {("e1000-mmio", 0xfeb800d0): 2}


# Resets

GRAPH = """\
# tracer: function_graph
#
# CPU  DURATION                  FUNCTION CALLS
# |     |   |                     |   |   |   |
 1)   812.500 us  |  sluice_rebuild [sluice]();
 ------------------------------------------
 0)   xdpctl-206   =>   xdpctl-208
 ------------------------------------------

 0) * 34074.33 us |  sluice_rebuild [sluice]();
 0)               |  sluice_rebuild [sluice]() {
 1) * 29357.41 us |  } /* sluice_rebuild [sluice] */
"""


def test_resets_are_timed_in_milliseconds():
    """Short ones, long ones, which the kernel marks, and one that has changed its processor."""
    assert resets.durations(GRAPH) == [0.8125, 34.07433, 29.35741]


def test_a_reset_has_its_target():
    taken = samples(SLUICE, 40, 60, 45, quantity=resets.QUANTITY, nic="virtio")
    assert verdict(row(taken), targets.target(row(taken))) == "met"
    slow = samples(SLUICE, 40, 60, 55, quantity=resets.QUANTITY, nic="virtio")
    assert verdict(row(slow), targets.target(row(slow))) == "MISSED"


# Instructions

KALLSYMS = """\
ffffffff81000100 T net_rx_action
ffffffff81000000 t handle_softirqs
ffffffff81000200 T __handle_irq_event_percpu
ffffffff81000300 T handle_irq_event
ffffffff81000400 T __dev_queue_xmit
ffffffff81000500 t ip_finish_output2
ffffffff81000600 T sysvec_apic_timer_interrupt
ffffffff81000700 t error_return
ffffffff81000800 T last
ffffffffc0000000 t sluice_poll\t[sluice]
ffffffffc0001000 t pktgen_xmit\t[pktgen]
ffffffffc0001100 t pktgen_thread_worker\t[pktgen]
ffffffffc0001200 t pktgen_stop\t[pktgen]
"""


def test_functions_by_address():
    symbols = instructions.Symbols(KALLSYMS)
    assert symbols.name(0xffffffff81000100) == "net_rx_action"
    assert symbols.name(0xffffffff810001ff) == "net_rx_action"
    assert symbols.name(0xffffffffc0000042) == "sluice_poll"
    assert symbols.span("net_rx_action") == (0xffffffff81000100, 0xffffffff81000200)
    with pytest.raises(KeyError, match="no function other"):
        symbols.start("other")


def test_brackets_of_a_kernel():
    """What is counted is closed by its caller's code, other interrupts are not counted."""
    found = instructions.brackets(instructions.Symbols(KALLSYMS))
    assert (0xffffffff81000100, 0xffffffff81000000, 0xffffffff81000100, 0, 1) in found
    assert (0xffffffff81000600, 0xffffffff81000700, 0xffffffff81000800, 0, 0) in found
    assert len(found) == len(instructions.COUNTED) + 1


def test_profile_has_the_largest_first():
    found = {0xffffffff81000100: 3, 0xffffffff81000140: 3, 0xffffffffc0000000: 12}
    assert instructions.profile(found, instructions.Symbols(KALLSYMS)) == \
        [("sluice_poll", 12), ("net_rx_action", 6)]


def test_instructions_are_the_same_twice():
    """The work is, whatever the machine does meanwhile; and none is counted that was not done."""
    plan = instructions.Plan(bursts=10)
    with instructions.booted(models.named("e1000")) as counting:
        counting.bed.give(SLUICE)
        runs = [sum(counting.drop(plan).values()) for _ in range(2)]
        nothing = sum(counting.counter.during(lambda: None).values())
    assert spread(runs) < REPEATABLE, runs
    # a frame costs at least the poll, its program and the return of its buffer
    assert 50 < runs[0] < 5_000
    # a poll or two of a NIC without work
    assert nothing < 10_000


# Tables

def test_numbers_survive_their_file(tmp_path):
    found = samples(IN_TREE, 100.5, 2e6) + samples(SLUICE, 0)
    tables.write(found, tmp_path / "numbers.csv")
    assert tables.read(tmp_path / "numbers.csv") == found


# The rows of README's table.
SHOWN = [
    "register accesses, lone received packet", "register accesses, request + response",
    "register accesses per packet, UDP send",
    "register accesses per packet, UDP send, tx-aggr 4 ms",
    "guest instructions per packet, XDP_DROP", "guest instructions per packet, RX to the stack",
    "guest instructions per packet, TX from the stack",
    "pages allocated per 10^6 received packets"]


def test_readme_says_what_was_measured():
    """The numbers of its first screen are those of the published run."""
    text = (Path(tables.PROJECT) / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\|.*→.*\|.*→.*\|$", text, re.M)
    said = [[cell.replace(" (generic)", "").split(" → ") for cell in line.split("|")[2:4]]
            for line in lines]
    found = {(one.nic, one.quantity): [tables.number(median(one.theirs)),
                                       tables.number(median(one.ours))]
             for one in rows(tables.read(f"{tables.NUMBERS}/bench.csv"))
             if one.conditions == targets.STOCK and one.other == IN_TREE}
    assert [[[number.strip() for number in cell] for cell in line] for line in said] == \
        [[found[nic, quantity] for nic in ("e1000", "virtio")] for quantity in SHOWN]


def test_table_says_ratio_spread_and_verdict():
    text = tables.text(samples(IN_TREE, 1000, 1000, 1000) + samples(SLUICE, 1300, 1100, 1250))
    assert "e1000, stock" in text
    line = next(line for line in text.splitlines() if QUANTITY in line)
    assert line.split()[4:] == ["in-tree", "1,000", "1,250", "1.25x", "1.10-1.30", ">=", "1.2x",
                                "met"]


@pytest.mark.parametrize("words", ["--quick", "--nic e1000", "--part tcp"])
def test_what_is_published_is_of_one_whole_run(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["bench", "--publish", *words.split()])
    with pytest.raises(SystemExit) as ended:
        bench.arguments()
    assert ended.value.code == 2
    assert "--publish is for the whole of make bench" in capsys.readouterr().err


@pytest.mark.parametrize("failed", [0, 1])
def test_run_with_a_part_missing_is_not_published(monkeypatch, capsys, tmp_path, failed):
    monkeypatch.setattr(sys, "argv", ["bench", "--publish"])
    monkeypatch.setattr(bench, "make_run_dir", lambda: str(tmp_path))
    published = []
    monkeypatch.setattr(tables, "publish", lambda record, command: published.append(command))
    bench.save(bench.arguments(), Record("e1000"), failed)
    assert published == ([] if failed else ["make bench"])
    assert ("not published" in capsys.readouterr().out) == bool(failed)


def test_part_that_fails_costs_no_other_part(monkeypatch, capsys):
    """What has been measured in half an hour is kept, and the exit status says that some is not."""
    def fails(record, nic, _plan):
        record.of(nic).add("before", IN_TREE, 0, 1.0)
        raise GuestError("no end after 60 s")

    def works(record, nic, _plan):
        record.of(nic).add("after", IN_TREE, 0, 2.0)
    monkeypatch.setattr(bench, "RUN", {"tcp": fails, "memory": works})
    monkeypatch.setattr(sys, "argv", "bench --nic e1000 --part tcp --part memory".split())
    kept = []
    monkeypatch.setattr(bench, "save", lambda options, record, failed: kept.extend(record.samples))
    assert bench.main() == 1
    assert [sample.quantity for sample in kept] == ["before", "after"]
    assert "e1000, tcp: FAILED, not all of it is measured: no end after 60 s" in \
        capsys.readouterr().out
    monkeypatch.setattr(bench, "RUN", {"tcp": works, "memory": works})
    assert bench.main() == 0
