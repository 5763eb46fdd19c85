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
from rates import PKTGEN_1, PKTGEN_32, PKTGEN_FLOOR, Rates, UDP_FLOOR, UDP_SEND, UDP_SHARED, \
    XDP_TX, in_turn
from ratios import DPDK, IN_TREE, SLUICE
from vhost_user import Dpdk, Port, guest_arguments

HANDS = {IN_TREE: (0,), SLUICE: (1,), DPDK: (2,)}
FROM_GUEST, TO_GUEST = 0, 1


@dataclasses.dataclass
class Plan:
    """Seconds per measurement, seconds before it, and frames where the guest sends."""
    seconds: float = 0.5
    warm: float = 0.3
    frames: int = 15_000


class Peer:
    """testpmd, with what rates.Rates asks of the other end."""

    def __init__(self, port):
        # its packets are for the guest's socket
        i = port.number
        self.testpmd = Dpdk(port, "rxonly", f"--eth-peer=0,{port.mac}", "--txpkts=60",
                            f"--tx-ip={HOST_ADDRESS.format(i)},{GUEST_ADDRESS.format(i)}",
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

    def __init__(self, running, peers, plan):
        super().__init__(running, peers, RatePlan(plan))
        self.times = plan

    def stack(self, flows=1):
        holder = self.bed.hold_port()
        rate = self.peer().rate("txonly", TO_GUEST, self.times)
        holder.stop()
        return rate

    def drop(self, flows=1):
        with self.program("bare_drop"):
            return self.peer().rate("txonly", TO_GUEST, self.times)

    def turn_around(self):
        with self.program("bare_tx"):
            return self.peer().rate("flowgen", FROM_GUEST, self.times)

    def sending(self, function, *arguments):
        with self.peer().busy("rxonly"):
            return function(self, *arguments)

    def forwarded_by(self, dpdk, inside, outside, way, burst=32):
        """What DPDK's driver does in the guest: the mode there, and here."""
        with dpdk.forwarding(inside, burst):
            return self.peer().rate(outside, way, self.times)


class RatePlan:
    """The numbers of frames as Rates wants them."""

    def __init__(self, plan):
        self.frames, self.warm = plan.frames, plan.frames // 10


MEASURES = {
    "pps, RX to the stack": VhostRates.stack,
    "pps, XDP_DROP": VhostRates.drop,
    XDP_TX: VhostRates.turn_around,
    PKTGEN_1: lambda rates: rates.sending(Rates.generate, 1),
    PKTGEN_32: lambda rates: rates.sending(Rates.generate, 32),
    PKTGEN_FLOOR: lambda rates: rates.sending(Rates.generate_only),
    UDP_SEND: lambda rates: rates.sending(Rates.udp_send),
    UDP_FLOOR: lambda rates: rates.sending(Rates.udp_floor),
    UDP_SHARED: lambda rates: rates.sending(Rates.udp_send_shared),
}
OF_DPDK = {
    "pps, XDP_DROP": lambda rates, dpdk: rates.forwarded_by(dpdk, "rxonly", "txonly", TO_GUEST),
    XDP_TX: lambda rates, dpdk: rates.forwarded_by(dpdk, "io", "flowgen", FROM_GUEST),
    PKTGEN_1: lambda rates, dpdk: rates.forwarded_by(dpdk, "txonly", "rxonly", FROM_GUEST, 1),
    PKTGEN_32: lambda rates, dpdk: rates.forwarded_by(dpdk, "txonly", "rxonly", FROM_GUEST),
}


@contextlib.contextmanager
def booted(plan, cmdline=""):
    with contextlib.ExitStack() as stack:
        ports = [Port(number) for number in range(len(HANDS))]
        for port in ports:
            stack.callback(port.remove)
        peers = [Peer(port) for port in ports]
        for peer in peers:
            stack.callback(peer.testpmd.stop)
        running = stack.enter_context(Bed(cmdline=cmdline, **guest_arguments(ports)))
        yield VhostRates(running, peers, plan)


def measure(record, rounds, plan, cmdline=""):
    """All of it, the drivers in turn, in one boot."""
    with booted(plan, cmdline) as rates:
        record.said("virtio: booted for packet rates over vhost-user")
        in_turn(record, rates, rounds, HANDS, MEASURES, OF_DPDK)
