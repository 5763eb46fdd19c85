# SPDX-License-Identifier: GPL-2.0-only
"""Packets per second over a wire that never loses a frame: the emulated NIC is a part of what is
measured, and the same for both drivers.

Received frames are timed by who sends them, which waits for the NIC; sent ones by who sends them in
the guest, or for XDP by who takes them.
"""
import contextlib
import dataclasses
import re
import time

import bed
import bpf
import pktgen
from bed import Bed
from dpdk import GuestDpdk
from ratios import DPDK, IN_TREE, SLUICE

SECOND = 1e9
# Seconds without a frame after which there will be none.
SILENCE = 0.15
# NICs of each driver. Four share no interrupt line in this machine; the fifth does with the first,
# which only gets what is redirected.
HANDS = {IN_TREE: (1, 2), SLUICE: (3, 0), DPDK: (4,)}
DUMMY = "dummy0"
# while DPDK sends
SENDING = 0.5
RX_STACK, XDP_DROP, XDP_TX = "pps, RX to the stack, 1 flow", "pps, XDP_DROP, 1 flow", "pps, XDP_TX"
PKTGEN_1, PKTGEN_32 = "pps, pktgen burst 1", "pps, pktgen burst 32"
PKTGEN_FLOOR = "pps, pktgen burst 1 to a dummy"
UDP_SEND, UDP_FLOOR = "pps, UDP socket send", "pps, floor of UDP socket send"
UDP_SHARED = "pps, UDP socket send, tx-aggr 4 ms"
UDP_SHARE = f"{UDP_SHARED}, of its floor"


@dataclasses.dataclass
class Plan:
    """Frames per measurement, frames before it, which of MEASURES, and whether DPDK has turns, too.
    """
    frames: int = 12_000
    warm: int = 1_000
    only: tuple = ()
    dpdk: bool = True


class Rates:
    """The measurements of the driver whose turn it is; its NIC 1 is where redirected frames go."""

    def __init__(self, running, peers, plan):
        self.bed, self.peers, self.plan = running, peers, plan

    def peer(self, i=0):
        """The other end of the driver's NIC i."""
        return self.peers[self.bed.places[i]]

    def send_in(self):
        """Packets per second that NIC 0 takes; the guest must have got all of them."""
        total = self.bed.received() + self.plan.warm + self.plan.frames
        rate = self.take()
        self.bed.wait_received(total)
        return rate

    def take(self):
        """Packets per second that NIC 0 takes, whoever has it."""
        self.peer().send(self.plan.warm)
        return self.plan.frames / self.peer().send(self.plan.frames) * SECOND

    def stack(self, flows):
        """Frames for a UDP socket."""
        holder = self.bed.hold_port()
        self.peer().flows(flows)
        rate = self.send_in()
        self.peer().flows(1)
        holder.stop()
        return rate

    @contextlib.contextmanager
    def program(self, name):
        self.bed.attach(name)
        yield
        self.bed.detach()

    def drop(self, flows):
        self.peer().flows(flows)
        with self.program("bare_drop"):
            rate = self.send_in()
        self.peer().flows(1)
        return rate

    def through(self, peer):
        """Packets per second that come out at a peer while NIC 0 is flooded."""
        self.peer().send(self.plan.warm)
        settle(peer)
        self.peer().send(self.plan.frames)
        count, nanoseconds = settle(peer)
        return (count - 1) / nanoseconds * SECOND

    def turn_around(self):
        with self.program("bare_tx"):
            return self.through(self.peer())

    def redirect(self):
        target = self.bed.names[1]
        with self.program("bare_redirect"):
            self.bed.xdpctl(f"devmap {self.bed.names[0]} 0 {target}")
            # a driver may send redirected frames only if it has a program itself
            self.bed.attach("bare_drop", 1)
            rate = self.through(self.peer(1))
            self.bed.detach(1)
        return rate

    def socket(self):
        """Packets per second that an AF_XDP socket gets by copying; it loses what it has no room
        for, and ends when nothing comes any more.
        """
        name, said = self.bed.names[0], "/tmp/xsksink"
        with self.program("bare_socket"):
            # what the last one said is no sign that this one is there
            self.bed.sh(f"rm -f {said}")
            job = self.bed.guest.spawn(f"{bpf.build()}/xsksink {name} copy 1 >{said}")
            self.bed.sh(f"until grep -qs ready {said}; do sleep 0.1; done")
            seconds = self.peer().send(self.plan.frames) / SECOND
            job.wait()
        return int(re.search(r"frames (\d+)", self.bed.sh(f"cat {said}"))[1]) / seconds

    def generate(self, burst, name=None):
        """pktgen, straight into the driver."""
        guest, name = self.bed.guest, name or self.bed.names[0]
        pktgen.set_up(guest, name, count=self.plan.frames, burst=burst)
        pktgen.start(guest)
        settle(self.peer())
        return generated_rate(guest, name)

    def udp_send(self, address=None):
        """sendto() in a loop, without batching."""
        words = f"send {address or self.bed.host()} {bed.PORT} {{}} 18"
        self.bed.udp_loop(words.format(self.plan.warm))
        nanoseconds = int(self.bed.udp_loop(words.format(self.plan.frames)))
        settle(self.peer())
        return self.plan.frames / nanoseconds * SECOND

    def udp_send_shared(self):
        """The same with doorbells that wait longer for others."""
        with self.bed.longer_sharing():
            return self.udp_send()

    @contextlib.contextmanager
    def dummy(self):
        self.bed.sh(f"modprobe dummy numdummies=0; ip link add {DUMMY} type dummy; "
                    f"ip addr add 10.99.0.1/24 dev {DUMMY}; ip link set {DUMMY} up arp off")
        try:
            yield
        finally:
            self.bed.sh(f"ip link del {DUMMY}")

    def udp_floor(self):
        """What a driver could reach that batches all doorbells: the stack alone, as on a dummy,
        and the device alone, as pktgen drives it by bursts."""
        with self.dummy():
            dummy = self.udp_send("10.99.0.2")
        return 1 / (1 / dummy + 1 / self.generate(32))

    def generate_only(self):
        """What pktgen takes to make packets, which a driver cannot save."""
        with self.dummy():
            return self.generate(1, DUMMY)

    def taken_by_dpdk(self, dpdk):
        with dpdk.forwarding("rxonly"):
            return self.take()

    def turned_by_dpdk(self, dpdk):
        with dpdk.forwarding("io"):
            return self.through(self.peer())

    def sent_by_dpdk(self, dpdk, burst):
        with dpdk.forwarding("txonly", burst):
            self.peer().received()
            time.sleep(SENDING)
            count, nanoseconds = self.peer().received()
        settle(self.peer())
        return (count - 1) / nanoseconds * SECOND


def settle(peer):
    """Wait until a peer gets nothing more; frames and nanoseconds since it was last asked."""
    count, nanoseconds, silent = 0, 0, False
    while not silent:
        time.sleep(SILENCE)
        more, _ = peer.peek()
        silent, count = more == count, more
    count, nanoseconds = peer.received()
    return count, nanoseconds


def generated_rate(guest, name):
    """Packets per second of pktgen's own report."""
    text = guest.sh(f"cat {pktgen.CONTROL}/{name}@0").stdout
    return float(re.search(r" (\d+)pps", text)[1])


MEASURES = {
    RX_STACK: lambda rates: rates.stack(1),
    "pps, RX to the stack, 16 flows": lambda rates: rates.stack(16),
    XDP_DROP: lambda rates: rates.drop(1),
    "pps, XDP_DROP, 16 flows": lambda rates: rates.drop(16),
    XDP_TX: Rates.turn_around,
    "pps, XDP_REDIRECT": Rates.redirect,
    "pps, AF_XDP in copy mode": Rates.socket,
    PKTGEN_1: lambda rates: rates.generate(1),
    PKTGEN_32: lambda rates: rates.generate(32),
    PKTGEN_FLOOR: Rates.generate_only,
    UDP_SEND: Rates.udp_send,
    UDP_FLOOR: Rates.udp_floor,
    UDP_SHARED: Rates.udp_send_shared,
}
# DPDK gives nothing to a stack: what its driver takes is what there is.
OF_DPDK = {
    RX_STACK: Rates.taken_by_dpdk,
    XDP_DROP: Rates.taken_by_dpdk,
    XDP_TX: Rates.turned_by_dpdk,
    PKTGEN_1: lambda rates, dpdk: rates.sent_by_dpdk(dpdk, 1),
    PKTGEN_32: lambda rates, dpdk: rates.sent_by_dpdk(dpdk, 32),
}
# For a run that is to take no time.
QUICK = (RX_STACK, XDP_DROP, PKTGEN_1, UDP_SEND, UDP_FLOOR, UDP_SHARED)
# Where it may matter whether the kernel clears pages.
CLEARING = (RX_STACK, XDP_DROP, PKTGEN_1, PKTGEN_32)


@contextlib.contextmanager
def booted(model, plan, cmdline="", nics=1, kind=Rates):
    peers = [bed.Peer(i) for i in range(nics)]
    try:
        with Bed([peer.nic(model.name) for peer in peers], cmdline) as running:
            yield kind(running, peers, plan)
    finally:
        for peer in peers:
            peer.stop()


def measure(record, model, rounds, plan, cmdline=""):
    """All of it, the drivers in turn, in one boot."""
    hands = {driver: HANDS[driver] for driver in record.drivers}
    if plan.dpdk:
        hands[DPDK] = HANDS[DPDK]
    with booted(model, plan, cmdline, sum(map(len, HANDS.values()))) as rates:
        record.said(f"{model.name}: booted for packet rates")
        chosen = {name: MEASURES[name] for name in plan.only or MEASURES}
        in_turn(record, rates, rounds, hands, chosen, OF_DPDK)


def in_turn(record, rates, rounds, hands, measures, of_dpdk):
    """Each quantity of one driver after the other, who begins changes from round to round."""
    rates.bed.deal(hands)
    with contextlib.ExitStack() as stack:
        dpdk = stack.enter_context(GuestDpdk(rates.bed, *hands[DPDK])) if DPDK in hands else None
        for number in range(rounds):
            one_round(record, rates, number, measures)
            if dpdk:
                with_dpdk(record, rates, number, of_dpdk, dpdk)


def one_round(record, rates, number, measures):
    found = {}
    for quantity, function in measures.items():
        for driver in record.turns(number):
            rates.bed.turn(driver)
            found[quantity, driver] = function(rates)
            record.add(quantity, driver, number, found[quantity, driver])
    for driver in record.drivers if UDP_SHARED in measures else ():
        record.add(UDP_SHARE, driver, number, found[UDP_SHARED, driver] / found[UDP_FLOOR, driver])


def with_dpdk(record, rates, number, measures, dpdk):
    """The same wire, and another driver."""
    rates.bed.turn(DPDK)
    for quantity, function in measures.items():
        record.add(quantity, DPDK, number, function(rates, dpdk))
