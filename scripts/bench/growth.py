# SPDX-License-Identifier: GPL-2.0-only
"""How cost grows: with descriptors, length of frames, NICs and queues."""
import concurrent.futures
import contextlib
import dataclasses
import time

import bed
import tcp
from bed import Bed
from guest import Nic
from rates import Rates, SECOND, SILENCE, booted
from tap_namespace import why_not

DESCRIPTORS = (64, 256, 1024, 4096)
SIZES = (64, 256, 1024, 1514, 4096, 9014)
NICS = (1, 2, 4, 8)
QUEUES = (1, 2, 4)
HEADER = 14


@dataclasses.dataclass
class Plan:
    """Frames per measurement, as rates.Plan has them, and of TCP as tcp.Plan."""
    frames: int = 20_000
    warm: int = 2_000
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

    @contextlib.contextmanager
    def long_frames(self):
        self.bed.mtu = SIZES[-1] - HEADER
        self.bed.up(0)
        yield
        self.bed.mtu = 1500
        self.bed.up(0)

    def with_size(self, size):
        """Packets per second of one length that arrive: an 8254x drops frames of several buffers
        for which it has too few, and the wire cannot wait.
        """
        self.peers[0].restart(size)
        before = self.bed.received()
        nanoseconds = self.peers[0].send(self.plan.frames)
        time.sleep(SILENCE)
        got = self.bed.received() - before
        self.peers[0].restart()
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
    with booted(model, plan, nics=1, kind=Growth) as growth:
        record.said(f"{model.name}: booted for rings and lengths")
        in_turn(record, growth, rounds, settings)
    with booted(model, plan, nics=NICS[-1], kind=Growth) as growth:
        record.said(f"{model.name}: booted with {NICS[-1]} NICs")
        in_turn(record, growth, rounds, many_nics)
    if model.module == "virtio_net" and not why_not():
        with_queues(record, model, rounds, plan)


def in_turn(record, growth, rounds, function):
    for number in range(rounds):
        for driver in record.drivers:
            growth.bed.give(driver)
            function(record, growth, number)


def settings(record, growth, number):
    driver = growth.bed.driver
    for size in growth.ring_sizes():
        record.add(f"pps, RX to the stack, {size} descriptors", driver, number,
                   growth.with_descriptors(size))
    with growth.long_frames():
        for size in SIZES:
            record.add(f"pps, RX, {size} bytes", driver, number,
                       growth.with_size(size))


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
