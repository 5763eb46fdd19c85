# SPDX-License-Identifier: GPL-2.0-only
"""How cost grows: with descriptors, length of frames, NICs and queues."""
import concurrent.futures
import dataclasses
import time

import bed
import tcp
from bed import Bed
from guest import Nic
from rates import Rates, SECOND, SILENCE, booted
from ratios import IN_TREE, SLUICE
from tap_namespace import why_not

DESCRIPTORS = (64, 256, 1024, 4096)
SIZES = (64, 256, 1024, 1514, 4096, 9014)
NICS = (1, 2, 4, 8)
QUEUES = (1, 2, 4)
HEADER = 14
HANDS = {IN_TREE: (0,), SLUICE: (1,)}


@dataclasses.dataclass
class Plan:
    """Frames per measurement, as rates.Plan has them, and of TCP as tcp.Plan."""
    frames: int = 10_000
    warm: int = 1_000
    seconds: int = 2


class Growth(Rates):
    """The measurements."""

    def ring_sizes(self):
        """Those of DESCRIPTORS that the NIC has."""
        return [size for size in DESCRIPTORS if size <= self.bed.model.rings[0]]

    def with_descriptors(self, size):
        """Packets per second to the stack with rings of a size."""
        name = self.bed.names[0]
        # a driver refuses the size that it has
        self.bed.sh(f"ethtool -G {name} rx {size} tx {size} || ethtool -g {name} | "
                    f"grep -q '^RX:.*{size}$'")
        self.bed.up(0)
        return self.stack(1)

    def set_mtu(self, mtu):
        self.bed.mtu = mtu
        self.bed.up(0)

    def with_size(self, size):
        """Packets per second of one length that arrive: an 8254x drops frames of several buffers
        for which it has too few, and the wire cannot wait.
        """
        self.peer().restart(size)
        # an 8254x of the emulator is deaf for a second after it was set up
        self.peer().send(self.plan.warm)
        time.sleep(SILENCE)
        before = self.bed.received()
        nanoseconds = self.peer().send(self.plan.frames)
        time.sleep(SILENCE)
        got = self.bed.received() - before
        self.peer().restart()
        return got / nanoseconds * SECOND

    def with_nics(self, count):
        """Packets per second of all of so many NICs together."""
        peers = self.peers[:count]
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            list(pool.map(lambda peer: peer.send(self.plan.warm), peers))
            times = list(pool.map(lambda peer: peer.send(self.plan.frames), peers))
        return count * self.plan.frames / max(times) * SECOND


def measure(record, model, rounds, plan):
    """One boot for a NIC's own settings, one with many NICs, and one with queues."""
    with booted(model, plan, nics=len(HANDS), kind=Growth) as growth:
        record.said(f"{model.name}: booted for rings and lengths")
        growth.bed.deal(HANDS)
        for number in range(rounds):
            settings(record, growth, number)
    with booted(model, plan, nics=NICS[-1], kind=Growth) as growth:
        record.said(f"{model.name}: booted with {NICS[-1]} NICs")
        in_turn(record, growth, rounds, many_nics)
    if model.module == "virtio_net" and not why_not():
        with_queues(record, model, rounds, plan)


def in_turn(record, growth, rounds, function):
    """Of all NICs together, which go from hand to hand."""
    for number in range(rounds):
        for driver in record.drivers:
            growth.bed.give(driver)
            function(record, growth, number)


def settings(record, growth, number):
    for size in growth.ring_sizes():
        of_each(record, growth, number, f"pps, RX to the stack, {size} descriptors",
                lambda size=size: growth.with_descriptors(size))
    set_mtus(record, growth, SIZES[-1] - HEADER)
    for size in SIZES:
        of_each(record, growth, number, f"pps, RX, {size} bytes",
                lambda size=size: growth.with_size(size))
    set_mtus(record, growth, 1500)


def set_mtus(record, growth, mtu):
    for driver in record.drivers:
        growth.bed.turn(driver)
        growth.set_mtu(mtu)


def of_each(record, growth, number, quantity, function):
    """One driver after the other, each with a NIC of its own."""
    for driver in record.turns(number):
        growth.bed.turn(driver)
        record.add(quantity, driver, number, function())


def many_nics(record, growth, number):
    for count in NICS:
        record.add(f"pps, RX, {count} NICs together", growth.bed.driver, number,
                   growth.with_nics(count))


def with_queues(record, model, rounds, plan):
    nic = Nic(model.name, ("tap", QUEUES[-1]), bed.mac(0), options="mq=on,vectors=10")
    with tcp.between(Bed([nic], smp=QUEUES[-1])) as running:
        record.said(f"{model.name}: booted with {QUEUES[-1]} queues")
        in_turn(record, running, rounds,
                lambda record, running, number: queues(record, running, plan, number))


def queues(record, running, plan, number):
    for count in QUEUES:
        running.bed.sh(f"ethtool -L {running.bed.names[0]} combined {count} || true")
        rate, _ = running.throughput(plan, 8, tcp.DIRECTIONS["to"])
        record.add(f"TCP bit/s to the guest, 8 streams, {count} queues", running.bed.driver, number,
                   rate)
