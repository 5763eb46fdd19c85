# SPDX-License-Identifier: GPL-2.0-only
"""rx-*: interrupts, polls, GRO, handlers, CPUs, and frames for which there is no buffer."""
import contextlib
import threading
import time

import pytest

import frames
from connections import talk
from counters import Growth, wait_for
from datagrams import PORT, Receiver, exchange, expected_at, intact, send
from guest import Nic
from hosts import LEFT_V4, ROUTER_V4, WIRE, rx_losses
from polling import hold, interrupts, polls_every, processors_of, send_apart, softirqs
from steady_traffic import frame_to
from topology import GUEST_V4, GUEST_V6, HOST_MAC, HOST_V4, HOST_V6
from tracepoints import counted_events

LOAD, LONE = 100_000, 20
BUDGET = 64
# Seconds without a poll
HELD = 5


@pytest.fixture
def edge(bed):
    """The host whose wire the test holds, without a word of its own."""
    name = bed.edge.ifname()
    bed.edge.sh(f"echo 1 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6")
    yield bed.edge
    polls_every(bed.guest, name, 0)
    bed.edge.sh(f"echo 0 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6")
    bed.restore(bed.edge)


@pytest.fixture
def wire(bed):
    yield bed.guest.wire(WIRE)


# rx-irq

def interrupts_for(bed, send_frames, count):
    """How many interrupts so many frames cost."""
    before = interrupts(bed.guest, bed.edge.ifname())
    frames_ = Growth(bed.edge.stats)
    send_frames()
    assert frames_.wait("rx0_passed", count, 120) == count
    return interrupts(bed.guest, bed.edge.ifname()) - before


def test_rx_irq(bed, edge, wire):
    """rx-irq: a frame alone is one interrupt; of 100,000 in a row most need none."""
    alone = interrupts_for(bed, lambda: send_apart(bed.guest, WIRE, LONE), LONE)
    load = interrupts_for(bed, lambda: wire.send_many([frame_to(bed.guest, WIRE)] * LOAD), LOAD)
    assert LONE <= alone <= LONE * 1.5
    # how many share one depends on how fast the sender is, and the guest: 3 to 30
    assert 0 < load < LOAD // 2


# rx-napi

@contextlib.contextmanager
def polls_of(bed, key):
    with counted_events(bed.guest, "napi:napi_poll", key,
                        f'dev_name=="{bed.edge.ifname()}"') as events:
        yield events


def test_rx_napi(bed, edge, wire):
    """rx-napi: polls take up to 64 and all that there is; an idle device is left alone."""
    name, count = edge.ifname(), 10_000
    with polls_of(bed, "work") as work, polls_of(bed, "budget") as budget:
        received = Growth(edge.stats)
        # what waits while nobody polls is more than one poll may take; the first frame is hold()'s
        hold(bed.guest, WIRE, name, HELD)
        wire.send_many([frame_to(bed.guest, WIRE)] * 200)
        received.wait("rx0_passed", 201)
        polls_every(bed.guest, name, 0)
        wire.send_many([frame_to(bed.guest, WIRE)] * count)
        received.wait("rx0_passed", count + 201)
        assert max(work.by_key()) == BUDGET
        assert sum(n * hits for n, hits in work.by_key().items()) == count + 201
        assert budget.by_key().keys() == {BUDGET}

        def activity():
            return interrupts(bed.guest, name), work.total()
        wait_until_steady(activity, 3)


def wait_until_steady(read, seconds):
    """Until read() has given the same for so long: the stack has something to send now and then."""
    def twice():
        before = read()
        time.sleep(seconds)
        return before, read()
    wait_for(twice, lambda seen: seen[0] == seen[1], 30, "an idle interface")


# rx-threaded

def both_ways(bed):
    """Exact numbers each way between left and router, and a megabyte each way."""
    exchange(bed.left, bed.router, ROUTER_V4, 500)
    exchange(bed.router, bed.left, LEFT_V4, 500)
    talk(bed.router, bed.left, ROUTER_V4)


def run_time(bed, thread):
    """Nanoseconds that a kernel thread has run."""
    return int(bed.guest.sh(f"cat /proc/$(pgrep {thread})/schedstat").stdout.split()[0])


def test_rx_threaded(bed):
    """rx-threaded: a thread polls; both ways carry, and it is the thread that works."""
    name = bed.router.ifname()
    bed.router.sh(f"echo 1 > /sys/class/net/{name}/threaded")
    try:
        before = run_time(bed, f"napi/{name}-")
        both_ways(bed)
        assert run_time(bed, f"napi/{name}-") - before > 1_000_000
        assert bed.router.sh(f"cat /sys/class/net/{name}/threaded").stdout.strip() == "1"
    finally:
        bed.router.sh(f"echo 0 > /sys/class/net/{name}/threaded")
    both_ways(bed)


def test_rx_threaded_busy_poll(bed):
    """rx-threaded: a socket that polls by itself gets its frames, in its own system call."""
    count = 500
    polled = Growth(bed.router.snmp)
    receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=count, busy_poll=1000)
    bed.edge.sh("sysctl -qw net.core.busy_poll=1000")
    try:
        send(bed.left, ROUTER_V4, PORT, {6000: count}, pause=0.001)
        assert intact(receiver.result()["sockets"][0][6000], count)
    finally:
        bed.edge.sh("sysctl -qw net.core.busy_poll=0")
    assert polled.of("TcpExtBusyPollRxPackets") > 0


def test_rx_threaded_timer(bed):
    """rx-threaded: polls by a timer, while the interrupt stays off; without, each frame is one."""
    name, count = bed.router.ifname(), 500
    sysfs = f"/sys/class/net/{name}"

    def frames_apart():
        before = interrupts(bed.guest, name)
        with counted_events(bed.guest, "napi:napi_poll", "work", f'dev_name=="{name}"') as polls:
            with expected_at(bed.router, ROUTER_V4, count):
                send(bed.left, ROUTER_V4, PORT, {6000: count}, pause=0.002)
            return interrupts(bed.guest, name) - before, polls.total()
    assert frames_apart()[0] > count // 2
    # an interrupt, if none comes for a fifth of a second
    bed.router.sh(f"echo 1000000 > {sysfs}/gro_flush_timeout; "
                  f"echo 200 > {sysfs}/napi_defer_hard_irqs")
    try:
        raised, polls = frames_apart()
        assert raised < count // 10 and polls > count
        both_ways(bed)
    finally:
        bed.router.sh(f"echo 0 > {sysfs}/gro_flush_timeout; echo 0 > {sysfs}/napi_defer_hard_irqs")


# rx-gro

def at_rest(read):
    """What read() says once it says it twice: the last acknowledgement may be on its way."""
    return wait_for(lambda: (read(), read()), lambda seen: seen[0] == seen[1], 20, "a rest")[0]


@pytest.mark.parametrize("gro", ["on", "off"])
def test_rx_gro(bed, gro):
    """rx-gro: on, TCP gets fewer and larger skbs than there were frames; off, one for each."""
    name, size = bed.router.ifname(), 4 << 20
    bed.router.sh(f"ethtool -K {name} gro {gro}")
    try:
        received, sums = Growth(bed.router.stats), Growth(bed.router.snmp)
        with counted_events(bed.guest, "net:netif_receive_skb", "len",
                            f'name=="{name}"') as skbs:
            talk(bed.router, bed.left, ROUTER_V4, size)
            frames_, pieces = at_rest(lambda: (received.of("rx0_passed"), skbs.total()))
    finally:
        bed.router.sh(f"ethtool -K {name} gro on")
    assert frames_ > size // 1448
    assert sums.of("TcpInCsumErrors") == 0
    if gro == "on":
        assert pieces < frames_ * 0.8
    else:
        assert pieces == frames_


# rx-demux

MANY = 40
LLDP, UNKNOWN, VID = 0x88cc, 0x88b5, 5


def packet(bed, ethertype, size=60):
    return frames.pad(frames.ether(bed.edge.mac(), HOST_MAC, ethertype), size)


def answers(wire, is_answer, timeout=10):
    """How many frames on the wire are answers, once there are MANY."""
    seen = []

    def read():
        seen.extend(frame for frame in map(frames.parse, wire.drain()) if is_answer(frame))
        return len(seen)
    return wait_for(read, lambda number: number >= MANY, timeout, "the answers")


def echo(bed, source, target):
    return frames.icmp_echo(frames.Flow(bed.edge.mac(), HOST_MAC, source, target))


ASKED = {
    "arp": (lambda bed: frames.arp(1, HOST_MAC, HOST_V4, GUEST_V4, dst_mac=bed.edge.mac()),
            lambda frame: frame.ethertype == frames.ETH_P_ARP and frame.frame[20:22] == b"\0\2"),
    "v4": (lambda bed: echo(bed, HOST_V4, GUEST_V4),
           lambda frame: frame.protocol == frames.IPPROTO_ICMP and frame.payload[0] == 0),
    "v6": (lambda bed: echo(bed, HOST_V6, GUEST_V6),
           lambda frame: frame.protocol == frames.IPPROTO_ICMPV6 and frame.payload[0] == 129),
}


@pytest.mark.parametrize("kind", ASKED)
def test_rx_demux(bed, wire, kind):
    """rx-demux: ARP, IPv4 and IPv6 each answer every request."""
    request, is_answer = ASKED[kind]
    wire.drain()
    wire.send_many([request(bed)] * MANY)
    assert answers(wire, is_answer) == MANY


def dropped(bed):
    """What no handler has taken, of this interface and of the one for VLAN 5."""
    text = bed.edge.sh(f"cat /sys/class/net/{bed.edge.ifname()}/statistics/rx_dropped "
                       "/sys/class/net/tagged/statistics/rx_packets 2>/dev/null || true").stdout
    return dict(zip(("dropped", "tagged"), map(int, text.split())))


def dropped_of(bed, wire, frame):
    """How many of MANY frames no handler has taken."""
    received, ends = Growth(bed.edge.stats), Growth(lambda: dropped(bed))
    wire.send_many([frame] * MANY)
    assert received.wait("rx0_passed", MANY) == MANY
    return at_rest(lambda: ends.of("dropped"))


@pytest.mark.parametrize("ethertype", [LLDP, UNKNOWN], ids=["lldp", "unknown"])
def test_rx_demux_without_a_handler(bed, edge, wire, ethertype):
    """rx-demux: nobody listens, so each frame is in rx_dropped; a listener gets each, whole."""
    assert dropped_of(bed, wire, packet(bed, ethertype)) == MANY
    listener = edge.spawn(
        "exec python3 -c 'import socket, sys; "
        f"s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons({ethertype})); "
        "print(sum(len(s.recv(2048)) for _ in range(%d)))'" % MANY)
    edge.sh(f"until grep -q ' {ethertype:04x} ' /proc/net/packet; do sleep 0.05; done")
    assert dropped_of(bed, wire, packet(bed, ethertype, 300)) == 0
    assert int(listener.wait(10).stdout) == 300 * MANY


def test_rx_demux_tags(bed, edge, wire):
    """rx-demux: a tag reaches its VLAN's interface; another one goes to no other place."""
    ours, other = (frames.vlan(packet(bed, frames.ETH_P_IP), vid) for vid in (VID, VID + 1))
    edge.sh(f"ip link add tagged link {edge.ifname()} type vlan id {VID} && ip link set tagged up")
    try:
        received, ends = Growth(bed.edge.stats), Growth(lambda: dropped(bed))
        wire.send_many([other] * MANY + [ours] * MANY)
        assert ends.wait("tagged", MANY) == MANY
        # a device that filters has not let in the others; the stack drops them otherwise
        let_in = received.of("rx0_passed") - MANY
        assert ends.of("dropped") == let_in and let_in in (0, MANY)
    finally:
        edge.sh("ip link del tagged")


# rx-softnet

def moved(bed, send_frames):
    """For each CPU: packets, those that came from another CPU, NET_RX."""
    def read():
        columns = [tuple(cpu.values()) for cpu in processors_of(bed.guest)]
        return {cpu: (*column, rounds) for cpu, (column, rounds)
                in enumerate(zip(columns, softirqs(bed.guest, "NET_RX")))}
    before = read()
    send_frames()
    after = read()
    return [[b - a for a, b in zip(before[cpu], after[cpu])] for cpu in before]


def set_affinity(bed, cpu):
    """The interrupts of the edge's interface come to this CPU."""
    bed.guest.sh("for irq in $(grep -E '[, ]%s\\b' /proc/interrupts | cut -d: -f1); do "
                 "echo %d > /proc/irq/$irq/smp_affinity_list; done" % (bed.edge.ifname(), cpu))


@pytest.mark.parametrize("cpu", [0, 1])
def test_rx_softnet(bed, edge, wire, cpu):
    """rx-softnet: the CPU that has the interrupt counts the packets and runs NET_RX."""
    count = 2000

    def load():
        received = Growth(edge.stats)
        wire.send_many([packet(bed, UNKNOWN)] * count)
        received.wait("rx0_passed", count)
    set_affinity(bed, cpu)
    load()
    counts = moved(bed, load)
    assert count <= counts[cpu][0] < count + 100
    assert counts[1 - cpu][0] < 100
    assert counts[cpu][2] > counts[1 - cpu][2]


def test_rx_softnet_rps(bed, edge, wire):
    """rx-softnet: rps_cpus hands each packet to the CPU it names."""
    name, count = edge.ifname(), 2000
    flow = frames.Flow(edge.mac(), HOST_MAC, HOST_V4, GUEST_V4, 2000, 9)

    def load():
        protocol = Growth(edge.snmp)
        wire.send_many([frames.udp_frame(flow, bytes(30))] * count)
        protocol.wait("IpInReceives", count)
    # a poll that goes on stays where it is
    set_affinity(bed, 0)
    load()
    # what the other CPU has not got to yet must fit
    edge.sh(f"sysctl -qw net.core.netdev_max_backlog={2 * count}; "
            f"echo 2 > /sys/class/net/{name}/queues/rx-0/rps_cpus")
    try:
        counts = moved(bed, load)
    finally:
        edge.sh(f"echo 0 > /sys/class/net/{name}/queues/rx-0/rps_cpus; "
                "sysctl -qw net.core.netdev_max_backlog=1000")
    # an interrupt of the other CPU for several packets
    assert 0 < counts[1][1] <= count + 100
    assert counts[1][0] >= count
    assert counts[0][1] == 0


# rx-missed

JUMBO, RING = 9000, 256


@pytest.fixture
def jumbo(bed, edge):
    """Frames of several buffers may come."""
    edge.sh(f"ip link set {edge.ifname()} mtu {JUMBO}")
    edge.wait_carrier()
    yield edge
    polls_every(bed.guest, edge.ifname(), 0)
    edge.sh(f"ip link set {edge.ifname()} mtu 1500")
    edge.wait_carrier()


def losses(host):
    """All that says that a frame is missing, and the frames that are not."""
    stats, link = host.stats(), host.link()["rx"]
    return {"driver": rx_losses(stats), "missed": link["missed_errors"],
            "dropped": link["dropped"], "frames": stats["rx0_frames"]} | \
        {name: stats[name] for name in ("dev_missed", "dev_no_buffer") if name in stats}


def send_while_held(bed, wire, frame, count):
    """All the frames, by a thread: the wire may take no more until there is a poll.

    The frame that hold() sends is one more.
    """
    grown = Growth(lambda: losses(bed.edge))
    hold(bed.guest, WIRE, bed.edge.ifname(), HELD)
    sender = threading.Thread(target=wire.send_many, args=([frame] * count,), daemon=True)
    sender.start()
    wait_for(grown, lambda now: now["frames"] + now["missed"] > count, 30, "all frames")
    sender.join()
    now = grown()
    return now | {"frames": now["frames"] - 1}


@pytest.mark.needs("counters")
def test_rx_missed(bed, jumbo, wire):
    """rx-missed: jumbo frames beyond the ring are counted by name, one by one, and are in none."""
    count = 80
    # Also who sends is polled for: what the stack has to say at a bad moment empties the ring.
    for _ in range(3):
        now = send_while_held(bed, wire, frame_to(bed.guest, WIRE, JUMBO + 14), count)
        assert now["frames"] + now["missed"] == count
        assert now["missed"] == now["dev_missed"] == now["dev_no_buffer"] == now["driver"]
        if now["missed"]:
            break
    assert 0 < now["missed"] < count


def test_rx_missed_never_for_one_buffer(bed, jumbo, wire):
    """rx-missed: frames of one buffer, more than the ring has, wait on the wire."""
    count = 2 * RING
    now = send_while_held(bed, wire, frame_to(bed.guest, WIRE, 1000), count)
    assert (now["frames"], now["missed"], now["driver"]) == (count, 0, 0)


@pytest.mark.skipif(Nic.default_model.can("counters"), reason="this device drops such frames")
def test_rx_missed_never_where_the_device_waits(bed, jumbo, wire):
    """rx-missed: jumbo frames wait too; nothing is lost, and rx_missed stays 0."""
    count = 80
    now = send_while_held(bed, wire, frame_to(bed.guest, WIRE, JUMBO + 14), count)
    assert (now["frames"], now["missed"], now["driver"]) == (count, 0, 0)
