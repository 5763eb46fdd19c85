# SPDX-License-Identifier: GPL-2.0-only
"""Instructions of the guest's kernel per packet, counted by insn_counter.c in the emulator.

What is counted is what runs in the softirq of the network, in transmission from the stack, and in
pktgen's.
Interrupts that come meanwhile are not.  Clearing a page is one instruction here, as on a processor
that has one for it.

How many frames share one poll depends on how fast the machine is, and so do instructions per frame.
So here frames come in bursts that fit into a ring, and interrupts wait until a burst is complete.
"""
import bisect
import collections
import contextlib
import dataclasses
import mmap
import struct
import tempfile
import time

import bed
import pktgen
import qtest
from bed import Bed, HOST_ADDRESS
from interrupt_gate import InterruptGate
from programs import plugin

# As in insn_counter.c.
BRACKETS, WORD = 64, 8
BRACKET, BLOCK = struct.Struct("=5Q"), struct.Struct("=4Q")
ON, USED, NUMBER = 0, WORD, 2 * WORD
FIRST_BRACKET = 3 * WORD
FIRST_BLOCK = FIRST_BRACKET + BRACKETS * BRACKET.size
BLOCKS = 4 << 20
# Function that opens, function whose code closes, whether only a call from there opens, counted.
COUNTED = [("net_rx_action", "handle_softirqs", False),
           ("__dev_queue_xmit", "ip_finish_output2", True),
           ("pktgen_xmit", "pktgen_thread_worker", False)]
# What comes in between: handlers of interrupts, and where these return to.
INTERRUPTS, RETURN = ("sysvec_", "common_interrupt"), "error_return"
# Frames that fit into the least ring, also where one takes two descriptors; seconds until the guest
# is done with them.
BURST, PAUSE = 100, 0.05
SENT_SECONDS = 10
# More bytes in flight than a burst has: a queue that stops by chance is another path.
NEVER_STOPS = 1 << 20


@dataclasses.dataclass
class Plan:
    """Bursts to the guest per measurement, those from it, which take a command each, and bursts
    before them.
    """
    bursts: int = 50
    sends: int = 10
    warm: int = 2


class Symbols:
    """The functions of the guest's kernel, its modules and its programs by address."""

    def __init__(self, text):
        words = [line.split()[:3] for line in text.splitlines()]
        found = {int(address, 16): name for address, _, name in words}
        self.addresses = sorted(found)
        self.names = [found[address] for address in self.addresses]
        # the kernel's own come first, and a module may have one of the same name
        self.by_name = {name: int(address, 16) for address, _, name in reversed(words)}

    def name(self, address):
        """Of the function that an address is in."""
        return self.names[bisect.bisect_right(self.addresses, address) - 1]

    def start(self, name):
        if name not in self.by_name:
            raise KeyError(f"the guest's kernel has no function {name}")
        return self.by_name[name]

    def span(self, name):
        """First address and the one behind the last."""
        start = self.start(name)
        return start, self.addresses[bisect.bisect_right(self.addresses, start)]


def brackets(symbols):
    """What the plugin is told, as rows of struct bracket."""
    rows = [(symbols.start(enter), *symbols.span(after), int(direct), 1)
            for enter, after, direct in COUNTED]
    back = symbols.span(RETURN)
    rows += [(address, *back, 0, 0) for name, address in symbols.by_name.items()
             if name.startswith(INTERRUPTS)]
    return rows


class Counter:
    """The host's side of the plugin, in the file that both map."""

    def __init__(self, path):
        self.path = path
        self.arguments = ["-plugin", f"{plugin('insn_counter')},counts={path}"]
        self.map = None

    def open(self, symbols):
        """Tell the plugin what to count; once, as it remembers which code it has looked at."""
        with open(self.path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        rows = brackets(symbols)
        assert len(rows) <= BRACKETS
        for place, row in enumerate(rows):
            BRACKET.pack_into(self.map, FIRST_BRACKET + place * BRACKET.size, *row)
        self.set(NUMBER, len(rows))

    def set(self, place, value):
        struct.pack_into("=Q", self.map, place, value)

    def get(self, place):
        return struct.unpack_from("=Q", self.map, place)[0]

    def counts(self):
        """Instructions so far by the address of their block of code."""
        used = self.get(USED)
        if used > BLOCKS:
            raise RuntimeError("more code than the plugin has room for")
        found = collections.Counter()
        data = self.map[FIRST_BLOCK:FIRST_BLOCK + used * BLOCK.size]
        for address, instructions, runs, _ in BLOCK.iter_unpack(data):
            if runs:
                found[address] += instructions * runs
        return found

    def during(self, work):
        """Instructions by block while work runs."""
        before = self.counts()
        self.set(ON, 1)
        work()
        self.set(ON, 0)
        return self.counts() - before


class Instructions:
    """The measurements."""

    def __init__(self, running, peer, counter, symbols, gate):
        self.bed, self.peer, self.counter = running, peer, counter
        # both modules stay where they are
        self.symbols, self.gate = symbols, gate

    def bursts(self, count, work):
        for _ in range(count):
            with self.gate.closed():
                work()
            time.sleep(PAUSE)

    def count(self, warm, count, work):
        """Instructions per frame by block of so many bursts."""
        self.bursts(warm, work)
        found = self.counter.during(lambda: self.bursts(count, work))
        return {address: number / count / BURST for address, number in found.items()}

    def receive(self, plan):
        expected = self.bed.received() + (plan.warm + plan.bursts) * BURST
        found = self.count(plan.warm, plan.bursts, lambda: self.peer.send(BURST))
        self.bed.wait_received(expected)
        return found

    def stack(self, plan):
        holder = self.bed.hold_port()
        found = self.receive(plan)
        holder.stop()
        return found

    def with_program(self, plan, name):
        self.bed.attach(name)
        found = self.receive(plan)
        self.bed.detach()
        return found

    def drop(self, plan):
        return self.with_program(plan, "bare_drop")

    def turn_around(self, plan):
        return self.with_program(plan, "bare_tx")

    def transmit(self, plan):
        self.bed.sh(f"echo {NEVER_STOPS} | tee /sys/class/net/{self.bed.names[0]}/queues/tx-*/"
                    "byte_queue_limits/limit_min")
        words = f"send {HOST_ADDRESS.format(0)} {bed.PORT} {BURST} 18"
        return self.count(plan.warm, plan.sends, lambda: self.bed.udp_loop(words))

    def transmit_shared(self, plan):
        """The same with doorbells that wait longer: counting slows the guest, and not its clock."""
        with self.bed.longer_sharing():
            return self.transmit(plan)

    def generate(self, plan):
        """pktgen, straight into the driver: one packet, made once and sent again and again. It ends
        when the driver has let go of it, for which in-tree needs the interrupt.
        """
        guest, jobs = self.bed.guest, []
        pktgen.set_up(guest, self.bed.names[0], count=BURST, burst=BURST // 4)

        def burst():
            if jobs:
                jobs.pop().wait()
            self.peer.received()
            jobs.append(pktgen.start_in_background(guest))
            self.wait_sent(BURST)

        found = self.count(plan.warm, plan.sends, burst)
        jobs.pop().wait()
        # itself it spins until its packet is free
        return {address: number for address, number in found.items()
                if self.symbols.name(address) != "pktgen_xmit"}

    def wait_sent(self, count):
        """Until the other end has so many frames."""
        end = time.monotonic() + SENT_SECONDS
        while (got := self.peer.peek()[0]) < count:
            if time.monotonic() > end:
                raise RuntimeError(f"{self.bed.driver} has sent {got} of {count} frames")
            time.sleep(0.01)


MEASURES = {
    "guest instructions per packet, RX to the stack": Instructions.stack,
    "guest instructions per packet, XDP_DROP": Instructions.drop,
    "guest instructions per packet, XDP_TX": Instructions.turn_around,
    "guest instructions per packet, TX from the stack": Instructions.transmit,
    "guest instructions per packet, TX from the stack, tx-aggr 4 ms": Instructions.transmit_shared,
    "guest instructions per packet, pktgen": Instructions.generate,
}


@contextlib.contextmanager
def booted(model, cmdline=""):
    """A bed in an emulator that counts."""
    with tempfile.TemporaryDirectory(prefix="sluice-insns-") as directory:
        counter, peer = Counter(f"{directory}/counts"), bed.Peer(0)
        try:
            with Bed([peer.nic(model.name)], cmdline, extra_args=[
                    *counter.arguments, *qtest.arguments(f"{directory}/qtest")]) as running:
                symbols = Symbols(running.sh("modprobe pktgen; grep -i ' [tw] ' /proc/kallsyms"))
                counter.open(symbols)
                gate = InterruptGate(f"{directory}/qtest", running.guest.pci(0))
                yield Instructions(running, peer, counter, symbols, gate)
                gate.close()
        finally:
            peer.stop()


def profile(found, symbols):
    """Instructions by function, the largest first."""
    sums = collections.Counter()
    for address, instructions in found.items():
        sums[symbols.name(address)] += instructions
    return sums.most_common()


def measure(record, model, rounds, plan, cmdline=""):
    """All of it, the drivers in turn, in one boot."""
    with booted(model, cmdline) as instructions:
        record.said(f"{model.name}: booted for instructions")
        for number in range(rounds):
            for driver in record.drivers:
                instructions.bed.give(driver)
                one_driver(record, instructions, plan, number)


def one_driver(record, instructions, plan, number):
    driver = instructions.bed.driver
    for quantity, function in MEASURES.items():
        found = function(instructions, plan)
        record.add(quantity, driver, number, sum(found.values()))
        record.add_profile(quantity, driver, profile(found, instructions.symbols))
