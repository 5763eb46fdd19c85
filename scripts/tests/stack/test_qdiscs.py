# SPDX-License-Identifier: GPL-2.0-only
"""qd-*: the qdisc in front of the driver, whichever it is: rates, delays, drops, order."""
import contextlib
import re
import statistics

import pytest

from connections import talk
from counters import Growth, wait_for
from datagrams import PORT, Receiver, exchange, intact, send, start_sending
from hosts import LEFT, ROUTER_V4

# Payload of a datagram and its frame's bytes as a qdisc counts them.
SIZE, FRAME = 1000, 1042
RECOVERY = 40
# A shaper makes good what a busy host holds the guest up: its bucket is a fifth of a second, which
# is a twenty-fifth of the time that is measured.
BURST = 8 * 5
TRIES = 3


@pytest.fixture(scope="module", autouse=True)
def default_qdisc(bed):
    """The left host has what the kernel gives it, and not the bed's."""
    bed.left.sh(f"tc qdisc del dev {bed.left.ifname()} root")


@contextlib.contextmanager
def qdisc(host, *commands):
    """tc's commands, IF for the interface; afterwards the default qdisc is there again."""
    host.sh("set -e\n" + "\n".join(f"tc {line.replace('IF', host.ifname())}" for line in commands))
    try:
        yield
    finally:
        host.sh(f"tc qdisc del dev {host.ifname()} root")


def qdiscs(host):
    """What tc -s shows, by kind."""
    found = host.json(f"tc -j -s qdisc show dev {host.ifname()}")
    return {item["kind"]: item for item in found}


def kinds(host):
    """The kinds of all qdiscs of the interface."""
    return [item["kind"] for item in host.json(f"tc -j qdisc show dev {host.ifname()}")]


def rates(bed, count, **settings):
    """Bits per second of frames that arrive, by source port."""
    receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=sum(count.values()))
    send(bed.left, ROUTER_V4, PORT, count, low=SIZE, **settings)
    flows = receiver.result()["sockets"][0]
    assert all(intact(flow, count[sport]) for sport, flow in flows.items()), flows
    return {sport: (count[sport] - 1) * FRAME * 8e9 / (flow["last"] - flow["first"])
            for sport, flow in flows.items()}


def within(rate, wanted, share=0.1):
    return wanted * (1 - share) <= rate <= wanted * (1 + share)


def assert_kept(bed, count, wanted, **settings):
    """The rates are within a tenth of what is wanted, by source port.

    A busy host now and then holds the guest up for longer than a bucket lasts; a shaper that is
    wrong is so each time.
    """
    for _ in range(TRIES):
        seen = rates(bed, count, **settings)
        if all(within(seen[sport], rate) for sport, rate in wanted.items()):
            return
    raise AssertionError(f"wanted {wanted}, last seen {seen}")


# qd-default

@contextlib.contextmanager
def transmitter_stuck(bed):
    """The NIC fetches nothing any more, until the watchdog has the driver reset it."""
    bed.guest.expect_console(r"NETDEV WATCHDOG")
    resets = Growth(bed.left.stats)
    bed.guest.sh(f"setpci -s {bed.guest.pci(LEFT)} COMMAND=0:4")
    yield
    resets.wait("resets", 1, RECOVERY)
    bed.left.wait_carrier()


def bql(host, name):
    """A file of byte_queue_limits."""
    path = f"/sys/class/net/{host.ifname()}/queues/tx-0/byte_queue_limits/{name}"
    return int(host.sh(f"cat {path}").stdout)


def test_qd_default(bed):
    """qd-default: one for the queue; what is beyond its limit is dropped and counted there."""
    # all are sent before the watchdog looks, on a slow machine too
    count, limit = 1000, 300
    queues = bed.left.sh(f"ls /sys/class/net/{bed.left.ifname()}/queues").stdout.count("tx-")
    assert kinds(bed.left).count("fq_codel") == queues
    # no more than a ring and the limit is kept, and fq_codel's own drops are off for the wait
    with qdisc(bed.left, f"qdisc replace dev IF root fq_codel limit {limit} target 100s "
               "interval 200s memory_limit 64mb"):
        driver, before = Growth(bed.left.stats), qdiscs(bed.left)["fq_codel"]
        receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=count)
        with transmitter_stuck(bed):
            send(bed.left, ROUTER_V4, PORT, {6000: count}, low=SIZE)
            stuck = qdiscs(bed.left)["fq_codel"]
        now = driver()
        dropped = stuck["drops"] - before["drops"]
        arrived = receiver.result(count - dropped - now["tx0_reset_drop"])["sockets"][0][6000]
    # it drops up to 64 at a time, from the front
    assert limit - 64 <= stuck["qlen"] <= limit
    # but for a report or two of IPv6's, which are shorter
    assert 0 <= stuck["qlen"] * FRAME - stuck["backlog"] <= 2 * FRAME
    assert dropped > 0 and now["tx0_reset_drop"] > 0
    assert arrived["received"] + dropped + now["tx0_reset_drop"] == count
    assert (arrived["wrong"], arrived["late"]) == (0, 0)


def test_qd_default_bql(bed):
    """qd-default: BQL has a limit, which follows the load; nothing is in flight at the end."""
    bed.left.sh(f"echo 0 > /sys/class/net/{bed.left.ifname()}/queues/tx-0/byte_queue_limits/limit",
                check=False)
    before = bql(bed.left, "limit")
    talk(bed.router, bed.left, ROUTER_V4, 8 << 20)
    assert bql(bed.left, "limit") != before
    wait_for(lambda: bql(bed.left, "inflight"), lambda bytes_: bytes_ == 0, 10, "an idle queue")


# Rates

def test_qd_fq(bed):
    """qd-fq: a socket's pace is kept, by fq alone, while another is sent at once."""
    pace, count = 100_000, 300
    with qdisc(bed.left, "qdisc replace dev IF root fq flow_limit 1000 initial_quantum 3028"):
        assert_kept(bed, {6000: count}, {6000: pace * 8}, pacing=pace)
        throttled = qdiscs(bed.left)["fq"]["throttled"]
        rates(bed, {6001: count})
        assert qdiscs(bed.left)["fq"]["throttled"] == throttled
    # once for each quantum, which is two frames
    assert throttled > count // 4


def test_qd_htb(bed):
    """qd-htb: two classes get their rates, each within a tenth, while both are full."""
    wanted = {6001: 1_000_000, 6002: 500_000}
    commands = ["qdisc replace dev IF root handle 1: htb default 30"]
    for minor, (sport, rate) in enumerate(wanted.items(), 1):
        commands += [f"class add dev IF parent 1: classid 1:{minor} htb rate {rate} ceil {rate} "
                     f"burst {rate // BURST} cburst {rate // BURST}",
                     f"qdisc add dev IF parent 1:{minor} pfifo limit 4000",
                     f"filter add dev IF parent 1: protocol ip u32 match ip sport {sport} 0xffff "
                     f"flowid 1:{minor}"]
    with qdisc(bed.left, *commands):
        assert_kept(bed, {6001: 600, 6002: 300}, wanted)


def test_qd_tbf(bed):
    """qd-tbf: all traffic together is shaped to the rate, within a tenth."""
    with qdisc(bed.left, "qdisc replace dev IF root tbf rate 1mbit burst 25000 limit 10mb"):
        assert_kept(bed, {6000: 600}, {6000: 1_000_000})
        assert qdiscs(bed.left)["tbf"]["overlimits"] > 0


# Delay, loss, order

def round_trips(bed, count):
    """Milliseconds of each ping."""
    text = bed.left.sh(f"ping -c {count} -i 0.1 {ROUTER_V4}").stdout
    return [float(word) for word in re.findall(r"time=([\d.]+)", text)]


def test_qd_netem(bed):
    """qd-netem: each ping takes the delay; of those sent, what is missing is what it dropped."""
    with qdisc(bed.left, "qdisc replace dev IF root netem delay 60ms limit 4000"):
        times = round_trips(bed, 10)
        assert min(times) >= 60 and statistics.median(times) < 100
    count = 1000
    with qdisc(bed.left, "qdisc replace dev IF root netem loss 30% limit 4000"):
        receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=count)
        send(bed.left, ROUTER_V4, PORT, {6000: count})
        dropped = qdiscs(bed.left)["netem"]["drops"]
        arrived = receiver.result(count - dropped)["sockets"][0][6000]
    assert arrived["wrong"] == 0 and arrived["received"] == arrived["distinct"]
    assert count * 0.2 < dropped < count * 0.4
    assert arrived["received"] == count - dropped


def test_qd_prio(bed):
    """qd-prio: behind a bottleneck the urgent datagrams overtake all that still wait."""
    low, high = 60, 60
    with qdisc(bed.left, "qdisc replace dev IF root handle 1: tbf rate 250kbit burst 3000 "
               "limit 10mb", "qdisc add dev IF parent 1:1 handle 10: prio"):
        receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=low + high)
        # they are sent in turns
        send(bed.left, ROUTER_V4, PORT, {6000: f"{low}:1", 6001: f"{high}:6"}, low=SIZE)
        result = receiver.result()
    flows = result["sockets"][0]
    assert intact(flows[6000], low) and intact(flows[6001], high)
    sport, waited = result["order"][-1]
    assert sport == 6000 and waited > low // 2


@pytest.mark.needs("8254x")
def test_qd_without_mq(bed):
    """qd-mq: a NIC that can have one queue only has its qdisc at the root, and refuses mq."""
    assert kinds(bed.left) == ["fq_codel"]
    assert bed.left.sh(f"tc qdisc replace dev {bed.left.ifname()} root mq", check=False).status
    assert kinds(bed.left) == ["fq_codel"]


@pytest.mark.needs("several queues")
def test_qd_mq_of_one(bed):
    """qd-mq: with one queue it has one child, which counts all that is sent."""
    with qdisc(bed.left, "qdisc replace dev IF root pfifo", "qdisc replace dev IF root mq"):
        assert sorted(kinds(bed.left)) == ["fq_codel", "mq"]
        exchange(bed.left, bed.router, ROUTER_V4, 100)
        seen = qdiscs(bed.left)
        # and a few questions of IPv6's
        assert 100 <= seen["fq_codel"]["packets"] == seen["mq"]["packets"] < 110


# Replaced under traffic

# Not netem: what it delays is gone with it.
KINDS = ["fq", "pfifo_fast", "htb", "prio", "tbf rate 1gbit burst 100k limit 10mb", "sfq",
         "fq_codel"]


def test_qd_replaced(bed):
    """qd-*: each kind in turn under traffic: the driver loses none, all else is counted."""
    count, name = 3000, bed.left.ifname()
    sent, dropped = Growth(bed.left.stats), Growth(lambda: bed.left.link()["tx"])
    came = Growth(bed.router.stats)
    receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=count)
    job = start_sending(bed.left, ROUTER_V4, PORT, {6000: count}, pause=0.001)
    bed.left.sh("set -e\nfor n in 1 2; do\n" + "\n".join(
        f"tc qdisc replace dev {name} root {kind}; sleep 0.1" for kind in KINDS) + "\ndone",
                timeout=120)
    bed.left.sh(f"tc qdisc del dev {name} root")
    assert job.wait(120).stdout.split()[:2] == [str(count), "0"]
    wait_for(lambda: sent.of("tx0_accepted") - came.of("rx0_frames"), lambda late: late == 0, 20,
             "all that was sent to be received")
    arrived = receiver.result(came.of("rx0_frames"))["sockets"][0][6000]
    assert arrived["wrong"] == 0 and arrived["received"] == arrived["distinct"]
    grown = sent()
    assert grown["tx0_accepted"] == grown["tx0_completed"] == arrived["received"]
    # While one qdisc takes another one's place the kernel has none, and counts what it drops, but
    # not what still waits in the old one, as it does where the device is slow.
    assert dropped.of("dropped") <= count - arrived["received"] < count // 5
