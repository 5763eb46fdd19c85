# SPDX-License-Identifier: GPL-2.0-only
"""Packets per second where the other end is DPDK's testpmd beside the emulator, which polls and
never limits: the driver itself is the limit.

One virtual processor, and interrupts by a line: see PROCESSORS and MODEL in scripts/vhost_user.py.
What is counted is what testpmd has put into the guest's ring, or taken from it, in a time.
"""
import contextlib
import dataclasses
import time

import bed
from bed import Bed, GUEST_ADDRESS, HOST_ADDRESS
from dpdk import GuestDpdk
from rates import Rates, UDP_FLOOR, UDP_SEND, one_driver
from ratios import DPDK
from vhost_user import Dpdk, Port

FROM_GUEST, TO_GUEST = 0, 1


@dataclasses.dataclass
class Plan:
    """Seconds per measurement, seconds before it, and frames where the guest sends."""
    seconds: float = 1.0
    warm: float = 0.5
    frames: int = 100_000


class Peer:
    """testpmd, with what rates.Rates asks of the other end."""

    def __init__(self, port):
        # its packets are for the guest's socket
        self.testpmd = Dpdk(port, "rxonly", f"--eth-peer=0,{port.mac}", "--txpkts=60",
                            f"--tx-ip={HOST_ADDRESS.format(0)},{GUEST_ADDRESS.format(0)}",
                            f"--tx-udp={bed.PORT}")

    def rate(self, mode, way, plan):
        """Frames a second in one direction while it does something."""
        with self.busy(mode):
            time.sleep(plan.warm)
            start, before = time.monotonic(), self.testpmd.counts()[way]
            time.sleep(plan.seconds)
            after = self.testpmd.counts()[way]
            return (after - before) / (time.monotonic() - start)

    @contextlib.contextmanager
    def busy(self, mode):
        self.testpmd.write(f"set fwd {mode}")
        self.testpmd.begin()
        yield
        self.testpmd.end()

    def peek(self):
        """testpmd takes all there is; nothing to wait for."""
        return 0, 0

    received = peek


class VhostRates(Rates):
    """The measurements that differ from those over a socket."""

    def __init__(self, running, peer, plan):
        super().__init__(running, [peer], RatePlan(plan))
        self.peer, self.times = peer, plan

    def stack(self, flows=1):
        holder = self.bed.hold_port()
        rate = self.peer.rate("txonly", TO_GUEST, self.times)
        holder.stop()
        return rate

    def drop(self, flows=1):
        with self.program("bare_drop"):
            return self.peer.rate("txonly", TO_GUEST, self.times)

    def turn_around(self):
        with self.program("bare_tx"):
            return self.peer.rate("flowgen", FROM_GUEST, self.times)

    def sending(self, function, *arguments):
        with self.peer.busy("rxonly"):
            return function(self, *arguments)


class RatePlan:
    """The numbers of frames as Rates wants them."""

    def __init__(self, plan):
        self.frames, self.warm = plan.frames, plan.frames // 10


MEASURES = {
    "pps, RX to the stack": VhostRates.stack,
    "pps, XDP_DROP": VhostRates.drop,
    "pps, XDP_TX": VhostRates.turn_around,
    "pps, pktgen burst 1": lambda rates: rates.sending(Rates.generate, 1),
    "pps, pktgen burst 32": lambda rates: rates.sending(Rates.generate, 32),
    UDP_SEND: lambda rates: rates.sending(Rates.udp_send),
    UDP_FLOOR: lambda rates: rates.sending(Rates.udp_floor),
}
# What DPDK's driver does in the guest: the mode there, and here.
OF_DPDK = {
    "pps, XDP_DROP": ("rxonly", "txonly", TO_GUEST),
    "pps, XDP_TX": ("io", "flowgen", FROM_GUEST),
}


@contextlib.contextmanager
def booted(plan, cmdline=""):
    port = Port()
    peer = Peer(port)
    try:
        with Bed(cmdline=cmdline, **port.guest_arguments()) as running:
            yield VhostRates(running, peer, plan)
    finally:
        peer.testpmd.stop()
        port.remove()


def measure(record, rounds, plan, cmdline=""):
    """All of it, the drivers in turn, in one boot."""
    with booted(plan, cmdline) as rates:
        record.said("virtio: booted for packet rates over vhost-user")
        for number in range(rounds):
            for driver in record.drivers:
                rates.bed.give(driver)
                one_driver(record, rates, MEASURES, number)
            with_dpdk(record, rates, number)


def with_dpdk(record, rates, number):
    for quantity, (inside, outside, way) in OF_DPDK.items():
        with GuestDpdk(rates.bed, inside):
            record.add(quantity, DPDK, number, rates.peer.rate(outside, way, rates.times))
