# SPDX-License-Identifier: GPL-2.0-only
"""virtio-net with the device in a process beside QEMU: an honest one that checks the driver, DPDK's
testpmd, and one that lies a million times.

Such a device is far faster than QEMU's own, so the driver sets the pace; and it says what the
driver does wrong, which QEMU's bears in silence.
"""
import contextlib
import dataclasses
import hashlib
import os
import shutil
import time

import pytest

import frames
import pktgen
import taps
from counters import Growth, wait_for
from devlink import REPORTERS, health
from drivers import assert_ledgers, sluice_only
from guest import Guest
from path_watch import PathWatch
from topology import HOST_MAC, bring_up, wait_carrier
from vhost_user import Backend, Dpdk, Port, sent_frame

pytestmark = sluice_only

NIC = 0
# Both formats of a ring, with all that the driver can use of them and with as little as it needs.
RINGS = {"split": "",
         "packed": "packed=on",
         "split, plain": "event_idx=off,mrg_rxbuf=off,guest_csum=off",
         "packed, plain": "packed=on,event_idx=off,mrg_rxbuf=off,guest_csum=off"}
SIZES = [14, 15, 59, *range(60, 1514, 13), 1514]
JUMBO = [1515, 2035, 2036, 2037, 4000, 9014]
# Each slot of every ring is used many times.
MANY = 20_000
SEED = 20261122
# What the guest sends while it is lied to: nanoseconds between two frames.
DELAY = 20_000
# How many lies; one in how many makes the driver give up the queue, which takes a tenth of a
# second; after how many the device goes away for a moment. "make lies" tells a million.
LIES = {False: {"split": (20_000, 200, 6_000), "packed": (20_000, 200, 6_000),
                "split, plain": (5_000, 100, 2_000), "packed, plain": (5_000, 100, 2_000)},
        True: {"split": (450_000, 2000, 50_000), "packed": (450_000, 2000, 50_000),
               "split, plain": (50_000, 1000, 10_000), "packed, plain": (50_000, 1000, 10_000)}}
# A lie to order, and the driver's counter of the frames that it cost.
ORDERS = {"length_long": "length_err", "length_zero": "length_err", "length_short": "length_err",
          "length_bare": "length_err", "buffers_zero": "chain_err", "header_csum": "hdr_err"}
FORGED = 300
A_MILLION = bool(os.environ.get("SLUICE_MILLION_LIES"))


@dataclasses.dataclass
class Bench:
    """A guest with one NIC, and who is on the other side."""
    port: Port
    ring: str
    guest: Guest = None
    backend: Backend = None

    @property
    def ifname(self):
        return self.guest.ifname(NIC)

    def counters(self):
        return Growth(lambda: self.guest.ethtool_stats(NIC))

    def totals(self):
        return Growth(self.backend.totals)

    def connect(self):
        """The honest device that sends each frame back."""
        self.backend = Backend(self.port, mac=self.port.mac, seed=SEED)
        self.backend.echo(True)


@contextlib.contextmanager
def booted(bench):
    """The guest of a bench, with sluice and nobody who talks by himself."""
    with Guest(**bench.port.guest_arguments(RINGS[bench.ring])) as guest:
        guest.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                 "net.ipv6.conf.all.disable_ipv6=1")
        bring_up(guest, NIC)
        bench.guest = guest
        yield bench


@pytest.fixture(scope="module", params=RINGS)
def bench(request):
    """With an honest device, which at the end has no complaint of the driver."""
    made = Bench(Port(), request.param)
    made.connect()
    try:
        with booted(made):
            yield made
            assert_ledgers(made.guest)
            assert not made.backend.complaints()
    finally:
        made.backend.stop()
        made.port.remove()


# An honest device

def generate(bench, count, **options):
    """The guest sends so many frames."""
    pktgen.set_up(bench.guest, bench.ifname, count=count, **options)
    pktgen.start(bench.guest)


def assert_exact_from_guest(bench, count):
    """What the guest sends the device sees, and all of it comes back; nothing else moves."""
    counters, totals = bench.counters(), bench.totals()
    generate(bench, count)
    counters.wait("rx0_frames", count, timeout=60)
    counters.wait("tx0_completed", count)
    now, seen = counters(), totals()
    assert {name: now[name] for name in ("tx0_accepted", "tx0_completed", "rx0_frames",
                                         "rx0_passed")} == \
        dict.fromkeys(("tx0_accepted", "tx0_completed", "rx0_frames", "rx0_passed"), count)
    assert (seen["received"], seen["received_bytes"]) == (count, 60 * count)
    assert (seen["sent"], seen["sent_bytes"]) == (count, 60 * count)
    assert not bench.backend.complaints()


def assert_exact_to_guest(bench, count, size):
    """What the device sends the driver passes on; nothing else moves."""
    counters, totals = bench.counters(), bench.totals()
    bench.backend.send(count, size)
    counters.wait("rx0_frames", count, timeout=60)
    now, seen = counters(), totals()
    assert (now["rx0_frames"], now["rx0_passed"], now["rx0_bytes"]) == (count, count, count * size)
    assert (seen["sent"], seen["received"]) == (count, 0)
    assert not bench.backend.complaints()


@contextlib.contextmanager
def explained(bench):
    """A failure says where each side sees the rings, now and before the watchdog's reset: whether
    a kick was lost (more doorbells than kicks, but for one at each start), a call or a place."""
    try:
        yield
    except AssertionError as failure:
        grown = {name: n for name, n in bench.guest.ethtool_stats(NIC).items() if n}
        said = [bench.backend.rings(), bench.backend.totals(), grown, bench.guest.log.tail(20)]
        raise AssertionError("\n".join(map(str, [failure, *said]))) from failure


def assert_exact_both_ways(bench, count=MANY):
    with explained(bench):
        assert_exact_from_guest(bench, count)
        assert_exact_to_guest(bench, count, 60)


def numbered_frame(bench, size, ethertype=taps.TEST_TYPE):
    head = frames.ether(HOST_MAC, bench.guest.nics[NIC].mac, ethertype)
    return head + frames.pattern(size - len(head), size)


def send_from_guest(bench, sent):
    path = taps.share_file(sent, bench.guest.run_dir)
    bench.guest.sh(f"{taps.program('packet_socket.py')} send {bench.ifname} {path}", timeout=60)


def turned_around(frame):
    return frame[6:12] + frame[:6] + frame[12:]


def digests(expected):
    return [(len(frame), hashlib.sha256(frame).hexdigest()) for frame in expected]


def seen_by(tap):
    return [(one.length, one.sha256) for one in tap.delivered()]


def end_tap(bench):
    """The frame that ends a tap takes the same way as those before it."""
    send_from_guest(bench, [numbered_frame(bench, 60, taps.SENTINEL_TYPE)])


def test_frames_are_counted_exactly_in_both_directions(bench):
    """20,000 frames from the guest and back, then 20,000 from the device."""
    assert_exact_both_ways(bench)


def test_frames_that_nobody_answers_are_completed(bench):
    """Without a reply no other interrupt lets the driver see that a frame is sent."""
    bench.backend.echo(False)
    counters, totals = bench.counters(), bench.totals()
    generate(bench, 2 * MANY)
    counters.wait("tx0_completed", 2 * MANY)
    assert (totals.of("received"), counters.of("rx0_frames")) == (2 * MANY, 0)
    bench.backend.echo(True)


@pytest.mark.parametrize("size", [14, 61, 1514])
def test_generated_frames_arrive_unchanged(bench, size):
    """Each byte depends on its place and its frame."""
    tap = taps.Tap(bench.guest, bench.ifname)
    bench.backend.send(200, size)
    end_tap(bench)
    mac = frames.mac_bytes(bench.guest.nics[NIC].mac)
    assert seen_by(tap) == digests(sent_frame(200 - i, size, mac) for i in range(200))


def test_frames_of_every_length_come_back_unchanged(bench):
    """From a bare header to the MTU: sent by the guest, turned around by the device."""
    sent = [numbered_frame(bench, size) for size in SIZES]
    tap = taps.Tap(bench.guest, bench.ifname)
    send_from_guest(bench, sent)
    end_tap(bench)
    assert seen_by(tap) == digests(map(turned_around, sent))


def test_frames_over_several_buffers_come_back_unchanged(bench):
    """MTU 9000: several descriptors to send, several buffers to receive."""
    if "plain" in bench.ring:
        pytest.skip("without mergeable buffers the MTU is that of one buffer")
    sent = [numbered_frame(bench, size) for size in JUMBO] * 20
    bench.guest.sh(f"ip link set {bench.ifname} mtu 9000")
    wait_carrier(bench.guest, bench.ifname)
    try:
        tap = taps.Tap(bench.guest, bench.ifname)
        send_from_guest(bench, sent)
        end_tap(bench)
        assert seen_by(tap) == digests(map(turned_around, sent))
    finally:
        bench.guest.sh(f"ip link set {bench.ifname} mtu 1500")


def reconnect(bench):
    """The device hangs up and comes back; wait until it has gone on."""
    totals = bench.totals()
    bench.backend.vanish()
    totals.wait("connections", 1)
    wait_for(lambda: bench.backend.totals()["running"], lambda rings: rings == 2, 20,
             "both rings to run")
    wait_carrier(bench.guest, bench.ifname)


def test_device_that_comes_back_goes_on_where_it_was(bench):
    """The connection breaks and is made anew: carrier off and on, and no frame goes missing; not
    behind chains of descriptors either, of which a packed ring keeps the inner ones as they were.
    """
    for _ in range(3):
        completed = bench.counters()
        generate(bench, 100, pkt_size=300, frags=2)
        completed.wait("tx0_completed", 100)
        reconnect(bench)
        assert_exact_both_ways(bench, 1000)


def test_new_device_starts_from_what_the_driver_says(bench):
    """Another process takes over."""
    if "packed" in bench.ring:
        pytest.skip("QEMU does not know where a packed ring stood when its connection broke")
    bench.backend.stop()
    wait_carrier(bench.guest, bench.ifname, on=False)
    bench.connect()
    wait_carrier(bench.guest, bench.ifname)
    assert_exact_both_ways(bench, 1000)


# A device that lies

@pytest.mark.parametrize("bench", ["split", "packed"], indirect=True)
def test_path_shows_what_the_receive_ring_loses(bench):
    """obs-drops: each frame with such a lie is lost in the ring, by name, and no other anywhere."""
    with PathWatch(bench.guest, bench.ifname) as watch:
        for kind, reason in ORDERS.items():
            counters = bench.counters()
            with watch.during() as seen:
                bench.backend.forge(FORGED, kind)
                counters.wait("rx0_frames", FORGED)
            assert seen.losses == {("received", "ring", reason): FORGED}, kind
            assert seen.ledgers[-1] is True
            assert counters.of("rx0_frames") == counters.of(f"rx0_{reason}") == FORGED
    assert_exact_both_ways(bench, 1000)


def assert_goes_on(bench, lies, before):
    """Wait for the lies, which come as fast as the driver makes room; its totals."""
    progress = before
    while progress["lies"] - before["lies"] < lies:
        last, deadline = progress, time.monotonic() + 60 * bench.guest.slowdown
        while progress["lies"] == last["lies"]:
            assert time.monotonic() < deadline, \
                f"the driver makes no room for lies after {progress}: " \
                f"{bench.backend.complaints()}{bench.guest.log.tail(20)}"
            time.sleep(0.2)
            progress = bench.backend.totals()
        # alive means that it answers
        bench.guest.sh("true")
    return progress


@contextlib.contextmanager
def sending(bench):
    """The guest sends frames of several pieces. The generator gives up when the carrier goes."""
    pktgen.set_up(bench.guest, bench.ifname, count=0, delay=DELAY, pkt_size=300, frags=3)
    end = taps.fresh_path("end")
    job = bench.guest.spawn(f"until test -e {end}; do echo start >{pktgen.CONTROL}/pgctrl; "
                            "sleep 0.05; done")
    yield
    bench.guest.sh(f"touch {end}")
    pktgen.stop(bench.guest)
    job.wait()


def restart(bench):
    """Down and up: what a lie has left behind on the ring is gone."""
    bench.guest.sh(f"ip link set {bench.ifname} down && ip link set {bench.ifname} up")
    wait_carrier(bench.guest, bench.ifname)


def lies_of(ring):
    """Kinds that are told on a ring."""
    kinds = ["length_long", "length_zero", "length_short", "length_bare", "buffers_zero",
             "buffers_max", "buffers_more", "header_flags", "header_gso", "header_csum",
             "header_length", "transmit_length", "late", "call", "event", "id_range",
             "id_unknown", "id_twice", "vanished"]
    if "packed" in ring:
        return kinds + ["flags_noise", "flags_wrap"]
    return kinds + ["id_inner", "index_jump", "index_back", "index_early"]


def test_driver_bears_a_device_that_lies(bench):
    """Lengths, counts, headers, identifiers and indexes that are wrong, while the guest sends too.
    No sanitizer has anything to report, and afterwards every frame is counted again."""
    lies, *rates = LIES[A_MILLION][bench.ring]
    before = bench.backend.totals()
    with sending(bench):
        bench.backend.lie(lies, *rates)
        after = assert_goes_on(bench, lies, before)
    told = {kind: after[kind] - before[kind] for kind in lies_of(bench.ring)}
    assert all(told.values()), f"not every kind was told: {told}"
    assert not bench.backend.complaints()
    restart(bench)
    reconnect(bench)
    assert_exact_both_ways(bench, 2000)
    assert_ledgers(bench.guest)


# What the administrator sees of it

def tell(bench, action, reporter, words=""):
    """devlink health ACTION of a reporter of the NIC."""
    return health(bench.guest, NIC, reporter, action, words)


def states(bench):
    """What the reporters say of themselves, by their names."""
    return {name: tell(bench, "show", name) for name in REPORTERS}


def total(state, count):
    """A count of both reporters together."""
    return sum(reporter[count] for reporter in state.values())


def in_error(state):
    return [name for name in REPORTERS if state[name]["state"] == "error"]


def lie_until(bench, condition, what):
    """Only lies that break a ring, until the reporters say something; then honest again."""
    with sending(bench):
        bench.backend.lie(1_000_000, 1)
        state = wait_for(lambda: states(bench), condition, 60, what)
        bench.backend.honest()
    return state


def test_lies_are_reported_and_recovered_from(bench):
    """devlink's reporters count each broken ring and each recovery, and show where rings stand."""
    before = total(states(bench), "error")
    lie_until(bench, lambda now: total(now, "error") > before + 2, "errors to be reported")
    after = wait_for(lambda: states(bench),
                     lambda now: total(now, "error") == total(now, "recover"), 20,
                     "the last recovery")
    assert not in_error(after)
    restart(bench)
    for name in REPORTERS:
        ring = tell(bench, "diagnose", name)["vectors"][0]
        assert ring[f"{name}_size"] == 256 and not ring[f"{name}_broken"]
        assert tell(bench, "dump show", name)["vectors"]
        tell(bench, "dump clear", name)
    assert_exact_both_ways(bench, 1000)


def test_recovery_by_hand(bench):
    """auto_recover off: a ring stays broken, and nothing is reset, until it is asked for."""
    # a ring that is left broken is one that hangs, if the test takes long to look at it
    bench.guest.expect_console("NETDEV WATCHDOG")
    for name in REPORTERS:
        tell(bench, "set", name, "auto_recover false")
    before = total(states(bench), "recover")
    lie_until(bench, in_error, "a broken ring")
    state = states(bench)
    assert total(state, "recover") == before
    for name in in_error(state):
        assert tell(bench, "diagnose", name)["vectors"][0][f"{name}_broken"]
    for name in in_error(state):
        tell(bench, "recover", name)
    state = states(bench)
    assert not in_error(state) and total(state, "recover") > before
    for name in REPORTERS:
        tell(bench, "set", name, "auto_recover true")
    restart(bench)
    assert_exact_both_ways(bench, 1000)


# DPDK's testpmd

@contextlib.contextmanager
def with_testpmd(ring, mode):
    """A guest whose other side is DPDK."""
    made = Bench(Port(), ring)
    peer = Dpdk(made.port, mode)
    try:
        with booted(made):
            yield made, peer
    finally:
        peer.stop()
        made.port.remove()


needs_dpdk = pytest.mark.skipif(not shutil.which("dpdk-testpmd"), reason="dpdk is not installed")


@needs_dpdk
@pytest.mark.parametrize("ring", ["split", "packed"])
def test_testpmd_swaps_addresses(ring):
    """macswap: it has seen each of 20,000 frames, the guest each that it sent back; it drops what
    the guest has no room for."""
    with with_testpmd(ring, "macswap") as (bench, peer):
        peer.begin()
        counters = bench.counters()
        generate(bench, MANY)
        counters.wait("tx0_completed", MANY)
        peer.end()
        received, sent = peer.counts()
        counters.wait("rx0_frames", sent)
        now = counters()
        assert received == now["tx0_completed"] == MANY
        assert 0 < sent == now["rx0_frames"] == now["rx0_passed"]


@needs_dpdk
@pytest.mark.parametrize("ring", ["split", "packed"])
def test_testpmd_floods(ring):
    """txonly: as fast as the driver makes room, and the guest has seen exactly what was sent."""
    with with_testpmd(ring, "txonly") as (bench, peer):
        counters = bench.counters()
        peer.begin()
        counters.wait("rx0_frames", 10 * MANY, timeout=60)
        peer.end()
        sent = peer.counts()[1]
        counters.wait("rx0_frames", sent)
        assert counters()["rx0_frames"] == sent
        assert_ledgers(bench.guest)
