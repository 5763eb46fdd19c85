# SPDX-License-Identifier: GPL-2.0-only
"""TCP's throughput over a tap, with what the guest's processors do meanwhile, and how long a
request and its response take.
"""
import contextlib
import dataclasses
import itertools
import json

import bed
from bed import Bed, HOST_ADDRESS, HOST_MAC
from guest import Nic
from programs import program
from ratios import IN_TREE, SLUICE, percentile
from tap_namespace import why_not

ECHO_PORT, IPERF_PORT = 7, 5201
# NICs of each driver
HANDS = {IN_TREE: (0,), SLUICE: (1,)}
STREAMS = (1, 8)
DIRECTIONS = {"to": "-R", "from": ""}


@dataclasses.dataclass
class Plan:
    """Seconds of each stream, questions in a round and before it, and rounds of them, as the
    slowest of a hundred answers vary most.
    """
    seconds: int = 2
    questions: int = 1_000
    warm: int = 200
    question_rounds: int = 8


class Tcp:
    """The measurements."""

    def __init__(self, running):
        self.bed = running

    def busy(self):
        """Ticks of the guest's processors at work, and all of them."""
        ticks = [int(word) for word in self.bed.sh("head -1 /proc/stat").split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4], sum(ticks)

    @contextlib.contextmanager
    def server(self):
        """One for each client: after 34 of them, one of iperf3 3.12 was seen to take no more, its
        last client's connection closed and not read.
        """
        other = self.bed.guest.namespace
        server = other.spawn("iperf3 -s -1")
        other.sh(f"until ss -Hltn sport = {IPERF_PORT} | grep -q .; do sleep 0.01; done")
        yield
        server.kill()
        server.communicate()

    def throughput(self, plan, streams, option):
        """Bit/s at the receiver, and the share of the guest's processors that it takes."""
        before = self.busy()
        with self.server():
            answer = json.loads(self.bed.sh(f"iperf3 -J -c {self.bed.host()} -t {plan.seconds} "
                                            f"-P {streams} {option}"))
        work, time = (after - start for after, start in zip(self.busy(), before))
        return answer["end"]["sum_received"]["bits_per_second"], work / time

    def answers(self, questions):
        """Microseconds of each request with its response."""
        lines = self.bed.udp_loop(f"ask {self.bed.host()} {ECHO_PORT} {questions}").split()
        return [int(line) / 1000 for line in lines]


@contextlib.contextmanager
def between(made):
    """The guest of a bed and the host's TCP, in a namespace, at the other end of its taps."""
    with made as running:
        other = running.guest.namespace
        for i, nic in enumerate(running.guest.nics):
            other.sh(f"ip link set {nic.tap()} address {HOST_MAC} up; "
                     f"ip addr add {HOST_ADDRESS.format(i)}/24 dev {nic.tap()}")
        server = other.spawn(f"{program('udp_loop')} echo {ECHO_PORT}")
        try:
            yield Tcp(running)
        finally:
            server.kill()
            server.communicate()


def measure(record, model, rounds, plan):
    """All of it, the drivers in turn, in one boot."""
    if why_not():
        record.said(f"{model.name}: no TCP: {why_not()}")
        return
    nics = [Nic(model.name, ("tap", 1), bed.mac(i)) for i in range(len(HANDS))]
    with between(Bed(nics)) as tcp:
        record.said(f"{model.name}: booted for TCP")
        tcp.bed.deal(HANDS)
        for number in range(rounds):
            streams(record, tcp, plan, number)
        for number in range(plan.question_rounds):
            questions(record, tcp, plan, number)


def streams(record, tcp, plan, number):
    for (way, option), count, driver in itertools.product(DIRECTIONS.items(), STREAMS,
                                                          record.turns(number)):
        tcp.bed.turn(driver)
        what = f"{way} the guest, {count} stream{'s' * (count > 1)}"
        rate, share = tcp.throughput(plan, count, option)
        record.add(f"TCP bit/s {what}", driver, number, rate)
        record.add(f"share of the guest's CPUs, TCP {what}", driver, number, share)


def questions(record, tcp, plan, number):
    for driver in record.turns(number):
        tcp.bed.turn(driver)
        latency(record, tcp, plan, number)


def latency(record, tcp, plan, number):
    tcp.answers(plan.warm)
    times = tcp.answers(plan.questions)
    driver = tcp.bed.driver
    record.add("requests + responses per second", driver, number, len(times) / sum(times) * 1e6)
    record.add("99th percentile of request + response, us", driver, number,
               percentile(times, 0.99))
