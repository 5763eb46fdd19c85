# SPDX-License-Identifier: GPL-2.0-only
"""TCP's throughput over a tap, with what the guest's processors do meanwhile, and how long a
request and its response take.
"""
import contextlib
import dataclasses
import json

import bed
from bed import Bed, HOST_ADDRESS, HOST_MAC
from guest import Nic
from programs import program
from ratios import percentile
from tap_namespace import why_not

HOST = HOST_ADDRESS.format(0)
ECHO_PORT = 7
STREAMS = (1, 8)
DIRECTIONS = {"to": "-R", "from": ""}


@dataclasses.dataclass
class Plan:
    """Seconds of each stream, and questions."""
    seconds: int = 3
    questions: int = 3_000


class Tcp:
    """The measurements."""

    def __init__(self, running):
        self.bed = running

    def busy(self):
        """Ticks of the guest's processors at work, and all of them."""
        ticks = [int(word) for word in self.bed.sh("head -1 /proc/stat").split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    def throughput(self, plan, streams, option):
        """Bit/s at the receiver, and the share of the guest's processors that it takes."""
        before = self.busy()
        answer = json.loads(self.bed.sh(f"iperf3 -J -c {HOST} -t {plan.seconds} -P {streams} "
                                        f"{option}"))
        work, time = (after - start for after, start in zip(self.busy(), before))
        return answer["end"]["sum_received"]["bits_per_second"], work / time

    def answers(self, plan):
        """Microseconds of each request with its response."""
        lines = self.bed.udp_loop(f"ask {HOST} {ECHO_PORT} {plan.questions}").split()
        return [int(line) / 1000 for line in lines]


@contextlib.contextmanager
def between(made):
    """The guest of a bed and the host's TCP, in a namespace, at the other end of its tap."""
    with made as running:
        other = running.guest.namespace
        tap = running.guest.nics[0].tap()
        other.sh(f"ip link set {tap} address {HOST_MAC} up; ip addr add {HOST}/24 dev {tap}")
        servers = [other.spawn("iperf3 -s"), other.spawn(f"{program('udp_loop')} echo {ECHO_PORT}")]
        try:
            yield Tcp(running)
        finally:
            for server in servers:
                server.kill()
                server.communicate()


def measure(record, model, rounds, plan):
    """All of it, the drivers in turn, in one boot."""
    if why_not():
        record.said(f"{model.name}: no TCP: {why_not()}")
        return
    with between(Bed([Nic(model.name, ("tap", 1), bed.mac(0))])) as tcp:
        record.said(f"{model.name}: booted for TCP")
        for number in range(rounds):
            for driver in record.drivers:
                tcp.bed.give(driver)
                streams(record, tcp, plan, number)
                questions(record, tcp, plan, number)


def streams(record, tcp, plan, number):
    for way, option in DIRECTIONS.items():
        for count in STREAMS:
            what = f"{way} the guest, {count} stream{'s' * (count > 1)}"
            rate, share = tcp.throughput(plan, count, option)
            record.add(f"TCP bit/s {what}", tcp.bed.driver, number, rate)
            record.add(f"share of the guest's CPUs, TCP {what}", tcp.bed.driver, number, share)


def questions(record, tcp, plan, number):
    times = tcp.answers(plan)
    driver = tcp.bed.driver
    record.add("requests + responses per second", driver, number, len(times) / sum(times) * 1e6)
    record.add("99th percentile of request + response, us", driver, number,
               percentile(times, 0.99))
