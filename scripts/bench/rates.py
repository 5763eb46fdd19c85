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
from bed import Bed, HOST_ADDRESS

SECOND = 1e9
# Seconds without a frame after which there will be none.
SILENCE = 0.3
DUMMY = "dummy0"
UDP_SEND, UDP_FLOOR = "pps, UDP socket send", "pps, floor of UDP socket send"
UDP_SHARE = "pps, UDP socket send, of its floor"


@dataclasses.dataclass
class Plan:
    """Frames per measurement, frames before it, and which of MEASURES."""
    frames: int = 60_000
    warm: int = 3_000
    only: tuple = ()


class Rates:
    """The measurements; NIC 1 is where redirected frames go."""

    def __init__(self, running, peers, plan):
        self.bed, self.peers, self.plan = running, peers, plan

    def send_in(self):
        """Packets per second that NIC 0 takes; the guest must have got all of them."""
        total = self.bed.received() + self.plan.warm + self.plan.frames
        self.peers[0].send(self.plan.warm)
        seconds = self.peers[0].send(self.plan.frames) / SECOND
        self.bed.wait_received(total)
        return self.plan.frames / seconds

    def stack(self, flows):
        """Frames for a UDP socket."""
        holder = self.bed.hold_port()
        self.peers[0].flows(flows)
        rate = self.send_in()
        self.peers[0].flows(1)
        holder.stop()
        return rate

    @contextlib.contextmanager
    def program(self, name):
        self.bed.attach(name)
        yield
        self.bed.detach()

    def drop(self, flows):
        self.peers[0].flows(flows)
        with self.program("bare_drop"):
            return self.send_in()

    def through(self, peer):
        """Packets per second that come out at a peer while NIC 0 is flooded."""
        self.peers[0].send(self.plan.warm)
        settle(peer)
        self.peers[0].send(self.plan.frames)
        count, nanoseconds = settle(peer)
        return (count - 1) / nanoseconds * SECOND

    def turn_around(self):
        with self.program("bare_tx"):
            return self.through(self.peers[0])

    def redirect(self):
        target = self.bed.names[1]
        with self.program("bare_redirect"):
            self.bed.xdpctl(f"devmap {self.bed.names[0]} 0 {target}")
            # a driver may send redirected frames only if it has a program itself
            self.bed.attach("bare_drop", 1)
            rate = self.through(self.peers[1])
            self.bed.detach(1)
        return rate

    def socket(self):
        """Packets per second that an AF_XDP socket gets by copying; it loses what it has no room
        for, and ends when nothing comes any more.
        """
        name, said = self.bed.names[0], "/tmp/xsksink"
        with self.program("bare_socket"):
            job = self.bed.guest.spawn(f"{bpf.build()}/xsksink {name} copy 1 >{said}")
            self.bed.sh(f"until grep -q ready {said}; do sleep 0.1; done")
            seconds = self.peers[0].send(self.plan.frames) / SECOND
            job.wait()
        return int(re.search(r"frames (\d+)", self.bed.sh(f"cat {said}"))[1]) / seconds

    def generate(self, burst, name=None):
        """pktgen, straight into the driver."""
        guest, name = self.bed.guest, name or self.bed.names[0]
        pktgen.set_up(guest, name, count=self.plan.frames, burst=burst)
        pktgen.start(guest)
        settle(self.peers[0])
        return generated_rate(guest, name)

    def udp_send(self, address=None):
        """sendto() in a loop, without batching."""
        words = f"send {address or HOST_ADDRESS.format(0)} {bed.PORT} {{}} 18"
        self.bed.udp_loop(words.format(self.plan.warm))
        nanoseconds = int(self.bed.udp_loop(words.format(self.plan.frames)))
        settle(self.peers[0])
        return self.plan.frames / nanoseconds * SECOND

    def udp_floor(self):
        """What a driver could reach that batches all doorbells: the stack alone, as on a dummy,
        and the device alone, as pktgen drives it by bursts."""
        self.bed.sh(f"modprobe dummy numdummies=0; ip link add {DUMMY} type dummy; "
                    f"ip addr add 10.99.0.1/24 dev {DUMMY}; ip link set {DUMMY} up arp off")
        try:
            dummy = self.udp_send("10.99.0.2")
        finally:
            self.bed.sh(f"ip link del {DUMMY}")
        return 1 / (1 / dummy + 1 / self.generate(32))


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
    "pps, RX to the stack, 1 flow": lambda rates: rates.stack(1),
    "pps, RX to the stack, 16 flows": lambda rates: rates.stack(16),
    "pps, XDP_DROP, 1 flow": lambda rates: rates.drop(1),
    "pps, XDP_DROP, 16 flows": lambda rates: rates.drop(16),
    "pps, XDP_TX": Rates.turn_around,
    "pps, XDP_REDIRECT": Rates.redirect,
    "pps, AF_XDP in copy mode": Rates.socket,
    "pps, pktgen burst 1": lambda rates: rates.generate(1),
    "pps, pktgen burst 32": lambda rates: rates.generate(32),
    UDP_SEND: Rates.udp_send,
    UDP_FLOOR: Rates.udp_floor,
}
# For a run that is to take no time.
QUICK = ("pps, RX to the stack, 1 flow", "pps, XDP_DROP, 1 flow", "pps, pktgen burst 1",
         UDP_SEND, UDP_FLOOR)


@contextlib.contextmanager
def booted(model, plan, cmdline="", nics=2, kind=Rates):
    peers = [bed.Peer(i) for i in range(nics)]
    try:
        with Bed([peer.nic(model.name) for peer in peers], cmdline) as running:
            yield kind(running, peers, plan)
    finally:
        for peer in peers:
            peer.stop()


def measure(record, model, rounds, plan, cmdline=""):
    """All of it, the drivers in turn, in one boot."""
    with booted(model, plan, cmdline) as rates:
        record.said(f"{model.name}: booted for packet rates")
        for number in range(rounds):
            for driver in record.drivers:
                rates.bed.give(driver)
                one_driver(record, rates, {name: MEASURES[name] for name in
                                           plan.only or MEASURES}, number)


def one_driver(record, rates, measures, number):
    """A turn of the driver that has the NICs."""
    found = {}
    for quantity, function in measures.items():
        found[quantity] = function(rates)
        record.add(quantity, rates.bed.driver, number, found[quantity])
    if UDP_FLOOR in found:
        record.add(UDP_SHARE, rates.bed.driver, number, found[UDP_SEND] / found[UDP_FLOOR])
