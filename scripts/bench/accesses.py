# SPDX-License-Identifier: GPL-2.0-only
"""Accesses to registers: for a lone packet, for a request and its response, in floods."""
import contextlib
import dataclasses
import os
import tempfile
import time

import bed
import frames
from bed import Bed, GUEST_ADDRESS, HOST_ADDRESS, HOST_MAC
from device_trace import DeviceTrace
from tracepoints import counted_events

# A doorbell that only wakes another thread of the emulator is not traced.
TRACED = {"virtio_net": "ioeventfd=off"}
# Statistics of the 8254x, which in-tree e1000 reads every 2 s and sluice when it is asked.
STATISTICS = range(0x4000, 0x4100)
REGISTERS = 0x20000
# Between lone packets, longer than any interrupt is held back.
PAUSE = 0.05
ANSWER_SECONDS = 5


@dataclasses.dataclass
class Plan:
    """How many frames of each kind."""
    lone: int = 20
    flood: int = 20_000
    sent: int = 20_000
    shared: int = 100_000


@contextlib.contextmanager
def booted(model):
    """A bed whose accesses are traced."""
    with tempfile.TemporaryDirectory(prefix="sluice-trace-") as directory:
        trace, peer = DeviceTrace(os.path.join(directory, "accesses")), bed.Peer(0)
        try:
            with Bed([peer.nic(model.name, TRACED.get(model.module, ""))],
                     extra_args=trace.arguments) as running:
                trace.guest = running.guest
                yield Accesses(running, trace, peer)
        finally:
            peer.stop()


class Accesses:
    """The measurements."""

    def __init__(self, running, trace, peer):
        self.bed, self.trace, self.peer = running, trace, peer

    def during(self, work):
        """Accesses by kind, but not those for statistics."""
        module = self.bed.model.module
        seen = self.trace.during(work, self.bed.model.regions)
        return sum(count for (_, address), count in seen.items()
                   if module != "e1000" or address % REGISTERS not in STATISTICS)

    def ask(self):
        """An echo request, and wait for its answer."""
        self.peer.send_frame(frames.icmp_echo(frames.Flow(
            bed.mac(0), HOST_MAC, HOST_ADDRESS.format(0), GUEST_ADDRESS.format(0))))
        end = time.monotonic() + ANSWER_SECONDS
        while not self.peer.received()[0]:
            if time.monotonic() > end:
                raise RuntimeError(f"no answer from {self.bed.driver}")
            time.sleep(0.001)

    def give(self, driver):
        """To a driver, until it answers: a NIC may be deaf for a second when it is set up."""
        self.bed.give(driver)
        self.peer.received()
        self.ask()
        time.sleep(PAUSE)

    def lone(self, count, work):
        """Accesses for each, so far apart that they have nothing in common."""
        def all_of_them():
            for _ in range(count):
                work()
                time.sleep(PAUSE)
        return self.during(all_of_them) / count

    def lone_received(self, plan):
        return self.lone(plan.lone, lambda: self.peer.send(1))

    def request_response(self, plan):
        return self.lone(plan.lone, self.ask)

    def flood(self, plan):
        """Accesses in all while it receives as many frames as come."""
        def work():
            self.peer.send(plan.flood)
            time.sleep(PAUSE)
        return self.during(work)

    def receive_flood(self, plan):
        return self.flood(plan) / plan.flood

    def flood_per_poll(self, plan):
        """For each call of the driver's poll."""
        name = self.bed.names[0]
        with counted_events(self.bed.guest, "napi:napi_poll", "common_cpu",
                            f'dev_name == "{name}"') as polls:
            return self.flood(plan) / polls.total()

    def send(self, count):
        """sendto() without xmit_more; the wire is read as fast as it comes."""
        words = f"send {self.bed.host()} {bed.PORT} {count} 18"
        return self.during(lambda: self.bed.udp_loop(words)) / count

    def send_loop(self, plan):
        return self.send(plan.sent)

    def send_loop_shared(self, plan):
        """The same with doorbells that wait longer for others."""
        with self.bed.longer_sharing():
            return self.send(plan.shared)


MEASURES = {
    "register accesses, lone received packet": Accesses.lone_received,
    "register accesses, request + response": Accesses.request_response,
    "register accesses per packet, RX flood": Accesses.receive_flood,
    "register accesses per poll, RX flood": Accesses.flood_per_poll,
    "register accesses per packet, UDP send": Accesses.send_loop,
    "register accesses per packet, UDP send, tx-aggr 4 ms": Accesses.send_loop_shared,
}


def measure(record, model, rounds, plan):
    """All of it, the drivers in turn, in one boot."""
    with booted(model) as accesses:
        record.said(f"{model.name}: booted for register accesses")
        # held for all rounds, so that nothing is answered
        holder = accesses.bed.hold_port()
        for number in range(rounds):
            for driver in record.drivers:
                accesses.give(driver)
                for quantity, function in MEASURES.items():
                    record.add(quantity, driver, number, function(accesses, plan))
        holder.stop()
