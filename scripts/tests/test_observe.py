# SPDX-License-Identifier: GPL-2.0-only
"""What an observer sees: tracepoints, software timestamps, queues over netlink; exact numbers."""
import collections
import contextlib
import json
import re

import pytest

import frames
import pktgen
from counters import Growth
from drivers import DRIVER, IS_SLUICE, assert_ledgers, sluice_only
from guest import Guest, Nic
from steady_traffic import assert_carries_frames, frame_to
from taps import fresh_path, program, wait_for_file
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up, wait_carrier
from tracepoints import TRACING, counted_events
from xdp import Port, To, Verdict

OBSERVED, OTHER = range(2)
N = 200
PORT = 6100
# The watchdog looks after five seconds without progress.
RECOVERY = 30
RX, TX = range(2)
RX_RING = 256
SENT = 0


@pytest.fixture(scope="module")
def guest():
    with Guest(nics=[Nic(), Nic()], driver=DRIVER) as running:
        # Nobody but the test sends: a frame of the stack's own would be in the counts.
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                   "net.ipv6.conf.all.disable_ipv6=1")
        # one doorbell a frame, where the sender does not say that more will come
        running.sh(f"{program('tx_aggr.py')} {running.ifname(OBSERVED)} frames=1", check=IS_SLUICE)
        running.sh(f"mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}")
        yield running


@pytest.fixture(autouse=True)
def ifname(guest):
    """The observed interface, up and addressed; both ledgers balance afterwards."""
    name = bring_up(guest, OBSERVED, f"{GUEST_V4}/24")
    guest.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {name}")
    guest.wire(OBSERVED).drain()
    yield name
    assert_ledgers(guest)


# Traffic of exact size

def receive_n(guest):
    """N frames from the wire, received by the driver when this returns."""
    counters = Growth(lambda: guest.ethtool_stats(OBSERVED))
    guest.wire(OBSERVED).send_many(frame_to(guest, OBSERVED) for _ in range(N))
    counters.wait("rx0_frames", N)
    return counters


def send_n(guest, ifname, **settings):
    """N frames of the generator, or part of a burst more, completed when this returns."""
    pktgen.set_up(guest, ifname, count=N, **settings)
    counters = Growth(lambda: guest.ethtool_stats(OBSERVED))
    pktgen.start(guest)
    sent = pktgen.receive_all(guest, ifname, guest.wire(OBSERVED))
    assert N <= sent < N + settings.get("burst", 1)
    assert counters.wait("tx0_completed", sent) == sent
    return counters


# Tracepoints

@contextlib.contextmanager
def counted(guest, event, key, ifname, condition=""):
    """Count one of the driver's events on the observed interface."""
    here = f'name=="{ifname}"' + (f" && {condition}" if condition else "")
    with counted_events(guest, f"sluice:sluice_{event}", key, here) as events:
        yield events


def total_of(events):
    """The sum of the key's values over all events."""
    return sum(value * hits for value, hits in events.by_key().items())


@sluice_only
def test_every_received_frame_is_one_completion_and_one_post(guest, ifname):
    """sluice_rx_completion, sluice_rx_post: 200 of each for 200 frames of one buffer."""
    with counted(guest, "rx_completion", "slot", ifname) as completions, \
            counted(guest, "rx_post", "slot", ifname) as posts:
        receive_n(guest)
        # each buffer goes back where it came from, before the frame after it is taken
        assert posts.by_key() == completions.by_key()
        assert completions.total() == N
    with counted(guest, "rx_completion", "len", ifname) as lengths:
        receive_n(guest)
        assert lengths.by_key() == {60: N}


@pytest.mark.needs("every doorbell")
@sluice_only
def test_receive_doorbells_are_traced_as_they_are_counted(guest, ifname):
    """sluice_doorbell, receiving: as many as rx0_doorbells grew, a quarter of the ring each."""
    with counted(guest, "doorbell", "descs", ifname, "tx==0") as doorbells:
        rung = receive_n(guest).of("rx0_doorbells")
        assert rung > 0
        assert doorbells.by_key() == {RX_RING // 4: rung}


def assert_rung(traced, rung, burst):
    """Each is traced, also one that the device has not wanted and that was not rung."""
    assert N / burst <= traced <= N
    if Nic.default_model.can("every doorbell"):
        assert traced == rung
    else:
        assert 0 < rung <= traced


@sluice_only
@pytest.mark.parametrize("burst", [1, 8])
def test_transmit_doorbells_and_completions_are_traced_as_they_are_counted(guest, ifname, burst):
    """sluice_doorbell, sluice_tx_completion: tx0_doorbells, 200 descriptors, 200 frames, bytes.

    A frame takes one descriptor, also where it has a header.
    """
    with counted(guest, "doorbell", "descs", ifname, "tx==1") as doorbells, \
            counted(guest, "tx_completion", "frames", ifname) as done:
        counters = send_n(guest, ifname, burst=burst)
        assert_rung(doorbells.total(), counters.of("tx0_doorbells"), burst)
        assert total_of(done) == (sent := counters.of("tx0_packets"))
        assert total_of(doorbells) == sent
    with counted(guest, "doorbell", "tx", ifname) as directions, \
            counted(guest, "tx_completion", "bytes", ifname) as sizes:
        counters = send_n(guest, ifname, burst=burst)
        assert directions.by_key().keys() == {TX}
        assert_rung(directions.total(), counters.of("tx0_doorbells"), burst)
        assert total_of(sizes) == counters.of("tx0_bytes") == 60 * counters.of("tx0_packets")


@sluice_only
def test_every_verdict_is_traced_with_its_length(guest, ifname):
    """sluice_xdp_verdict: each verdict as often as it was ordered, an unknown one by its number."""
    port, other = Port(guest, OBSERVED), Port(guest, OTHER)
    port.attach("obey_linear")
    try:
        port.redirect_to(To.DEV_1, other.name)
        times = {verdict: 30 + number for number, verdict in enumerate(Verdict)}
        by_verdict = {int(verdict): many for verdict, many in times.items()}
        by_length = {100 + verdict: many for verdict, many in times.items()}
        for key, expected in (("verdict", by_verdict), ("len", by_length)):
            with counted(guest, "xdp_verdict", key, ifname) as events:
                port.counts(reset=True)
                for verdict, many in times.items():
                    port.wire.send_many([port.order(100 + verdict, verdict)] * many)
                port.wait_count(sum(times.values()))
                assert events.by_key() == expected
    finally:
        port.detach()
        wait_carrier(guest, ifname)


@sluice_only
def test_reset_is_traced_once_with_its_number(guest, ifname):
    """sluice_reset: one event for the reset of a hanging transmitter, numbered as ethtool -S."""
    with counted(guest, "reset", "resets", ifname) as resets:
        guest.expect_console(r"NETDEV WATCHDOG")
        counters = Growth(lambda: guest.ethtool_stats(OBSERVED))
        guest.sh(f"setpci -s {guest.pci(OBSERVED)} COMMAND=0:4")
        # a ring full: the watchdog looks at stopped queues only
        guest.sh(f"{program('udp_sizes.py')} {HOST_V4} {PORT} " + " ".join("1" * 250))
        counters.wait("resets", 1, RECOVERY)
        wait_carrier(guest, ifname)
        assert resets.by_key() == {guest.ethtool_stats(OBSERVED)["resets"]: 1}
    assert_carries_frames(guest, OBSERVED)


def trace_lines(guest, ifname):
    """The trace buffer's lines of this interface: how many of each event, without its prefix."""
    text = guest.sh(f"cat {TRACING}/trace").stdout
    assert "LOST" not in text
    return collections.Counter(re.findall(rf" sluice_(\w+): {ifname} ", text))


def enable_events(guest, on):
    guest.sh(f"echo {int(on)} > {TRACING}/events/sluice/enable")


@sluice_only
def test_nothing_is_recorded_until_the_events_are_enabled(guest, ifname):
    """Off by default: no line in the trace, then 200 of each kind that 200 frames cause."""
    assert guest.sh(f"cat {TRACING}/events/sluice/enable").stdout.strip() == "0"
    guest.sh(f"echo > {TRACING}/trace")
    receive_n(guest)
    send_n(guest, ifname)
    assert not trace_lines(guest, ifname)
    enable_events(guest, True)
    try:
        receive_n(guest)
    finally:
        enable_events(guest, False)
    seen = trace_lines(guest, ifname)
    assert (seen["rx_completion"], seen["rx_post"]) == (N, N)
    receive_n(guest)
    assert trace_lines(guest, ifname) == seen


# Timestamps

def test_software_transmit_stamp_of_every_datagram(guest):
    """SO_TIMESTAMPING TX: each datagram's own stamp, between the call and its return."""
    sent = guest.sh(f"{program('timestamps.py')} send {HOST_V4} {PORT} {N}", timeout=60).stdout
    rows = [[int(word) for word in line.split()] for line in sent.splitlines()]
    assert [row[:2] for row in rows] == [[number, SENT] for number in range(N)]
    for _, _, before, stamp, after in rows:
        assert before <= stamp <= after


def test_software_receive_stamp_of_every_datagram(guest):
    """SO_TIMESTAMPING RX: each datagram has a stamp, in their order, before it was read."""
    ready = fresh_path("stamps")
    job = guest.spawn(f"{program('timestamps.py')} receive {PORT} {N} --ready {ready}")
    wait_for_file(guest, ready)
    flow = frames.Flow(guest.nics[OBSERVED].mac, HOST_MAC, HOST_V4, GUEST_V4, PORT, PORT)
    guest.wire(OBSERVED).send_many([frames.udp_frame(flow, bytes(18))] * N)
    result = job.wait(30)
    assert result.status == 0, result.stdout
    rows = [[int(word) for word in line.split()] for line in result.stdout.splitlines()]
    stamps = [stamp for stamp, _ in rows]
    assert len(stamps) == N
    assert stamps[0] > 0 and stamps == sorted(stamps)
    assert all(stamp <= read for stamp, read in rows)


@sluice_only
def test_ethtool_reports_the_software_stamps(guest, ifname):
    """ethtool -T: software stamps in both directions, and no hardware that the device lacks."""
    text = guest.sh(f"ethtool -T {ifname}").stdout
    for capability in ("software-transmit", "software-receive", "software-system-clock"):
        assert capability in text
    assert "hardware-transmit" not in text and "hardware-receive" not in text


# Queues over netlink

def observe(guest, ifname):
    """The kernel's own view of the interface: queues, NAPIs and statistics."""
    return json.loads(guest.sh(f"{program('netdev_queues.py')} {ifname}").stdout)


def interrupts_of(guest, ifname):
    """The lines of /proc/interrupts that name the interface; with MSI-X one is not a queue's."""
    return [int(line.split(":")[0])
            for line in guest.sh("cat /proc/interrupts").stdout.splitlines()
            if re.search(rf"[,\s]{ifname}\b", line)]


def assert_one_napi_serves(guest, ifname):
    """Both queues have the one NAPI there is, and it has the NIC's interrupt."""
    seen = observe(guest, ifname)
    napi, = seen["napis"]
    assert seen["queues"] == [{"id": 0, "type": kind, "napi-id": napi["id"]} for kind in (RX, TX)]
    assert napi["irq"] in interrupts_of(guest, ifname)


@sluice_only
def test_both_queues_belong_to_the_napi_of_the_interrupt(guest, ifname):
    """QUEUE_GET, NAPI_GET: rx0 and tx0 share a NAPI, whose irq is the line in /proc/interrupts."""
    assert_one_napi_serves(guest, ifname)


@sluice_only
def test_queues_lose_their_napi_when_down_and_have_it_again_when_up(guest, ifname):
    """Down: no queue has a NAPI and none is listed; up, or with other rings: as before."""
    guest.sh(f"ip link set {ifname} down")
    seen = observe(guest, ifname)
    assert not [queue for queue in seen["queues"] if "napi-id" in queue]
    assert seen["napis"] == []
    bring_up(guest, OBSERVED)
    assert_one_napi_serves(guest, ifname)
    guest.sh(f"ethtool -G {ifname} rx 128")
    wait_carrier(guest, ifname)
    assert_one_napi_serves(guest, ifname)
    guest.sh(f"ethtool -G {ifname} rx 256")
    wait_carrier(guest, ifname)


def expected_queue_stats(stats):
    """QSTATS_GET's numbers from those of ethtool -S."""
    rx = {"packets": "frames", "bytes": "bytes", "alloc-fail": "alloc_fail"}
    tx = {"packets": "packets", "bytes": "bytes", "stop": "stops", "wake": "wakes"}
    return {f"rx-{name}": stats[f"rx0_{counter}"] for name, counter in rx.items()}, \
        {f"tx-{name}": stats[f"tx0_{counter}"] for name, counter in tx.items()}


@sluice_only
def test_queue_statistics_are_those_of_ethtool(guest, ifname):
    """QSTATS_GET: packets, bytes, stops and wakes of both queues; the device is their sum."""
    receive_n(guest)
    guest.sh(f"ethtool -G {ifname} tx 64")
    wait_carrier(guest, ifname)
    counters = send_n(guest, ifname, burst=100)
    assert counters.of("tx0_stops") > 0
    guest.sh(f"ethtool -G {ifname} tx 256")
    wait_carrier(guest, ifname)
    seen, stats = observe(guest, ifname), guest.ethtool_stats(OBSERVED)
    rx, tx = expected_queue_stats(stats)
    assert rx["rx-packets"] >= N and tx["tx-packets"] >= N
    assert seen["queue_stats"] == [{"id": 0, "type": RX} | rx, {"id": 0, "type": TX} | tx]
    assert seen["device_stats"] == [rx | tx]


@sluice_only
def test_device_statistics_stay_when_the_interface_is_down(guest, ifname):
    """QSTATS_GET of the device: the sum is the same while it is down and after it is up."""
    receive_n(guest)
    before = observe(guest, ifname)["device_stats"]
    assert before[0]["rx-packets"] >= N
    guest.sh(f"ip link set {ifname} down")
    assert observe(guest, ifname)["device_stats"] == before
    bring_up(guest, OBSERVED)
    assert observe(guest, ifname)["device_stats"] == before
