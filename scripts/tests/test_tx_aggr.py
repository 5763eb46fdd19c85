# SPDX-License-Identifier: GPL-2.0-only
"""Frames of a stream share a doorbell, and nobody who is waited for waits.

The times are the longest there are where frames are counted: what is asserted is who shared a
doorbell, not how fast the sender was.
"""
import struct

import pytest

import bpf
import frames
import pktgen
from counters import Growth
from drivers import assert_ledgers, sluice_only
from guest import Guest, Nic
from taps import program
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up

pytestmark = sluice_only

WIRED, USER = range(2)
SMALL = 100_000
# The emulator holds 10,000 frames towards the host.
PIECE = 5000
PORT = 6200
FRAMES, LONGEST = 32, 100_000
ALONE = 8
LONE = 20
# Streams' frames until one of them has waited.
MANY = 100


@pytest.fixture(scope="module")
def guest():
    with Guest(nics=[Nic(), Nic(wire="user")]) as running:
        # Nobody but the test sends: a frame of the stack's own would be in the counts.
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                   "net.ipv6.conf.all.disable_ipv6=1")
        bring_up(running, USER, "10.0.2.15/24")
        name = bring_up(running, WIRED, f"{GUEST_V4}/24")
        running.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {name}")
        # fq_codel would lose frames that wait in it for a slow device
        running.sh(f"tc qdisc replace dev {name} root pfifo")
        yield running


@pytest.fixture(autouse=True)
def aggr(guest):
    """Sets it on the wired NIC; afterwards it is the default again, and both ledgers balance."""
    command = f"{program('tx_aggr.py')} {guest.ifname(WIRED)}"
    default = guest.sh(command).stdout.split()
    guest.wire(WIRED).drain()
    yield lambda words: guest.sh(f"{command} {words}", check=False)
    guest.sh(f"{command} " + " ".join(f"{name}={value}" for name, value in
                                      zip(("frames", "bytes", "usecs"), default)))
    assert_ledgers(guest)


def grown(guest, i=WIRED):
    return Growth(lambda: guest.ethtool_stats(i))


def shoot(guest, first, count):
    guest.sh(f"{bpf.build()}/udpgun {HOST_V4} {PORT} {first} {count}", timeout=120)


def numbers(wire, count):
    """The numbers of so many datagrams, as they came."""
    seen = []
    while len(seen) < count:
        frame = wire.recv(20)
        assert frame, f"{len(seen)} of {count} datagrams"
        if frame[36:38] == struct.pack("!H", PORT):
            seen.append(struct.unpack_from("!I", frame, 42)[0])
    return seen


def test_default_needs_no_command(aggr):
    """The three settings as the driver starts with them, by netlink."""
    assert aggr("").stdout.split() == ["32", "65536", "200"]


def test_100000_datagrams_share_doorbells_and_arrive_once_and_in_order(guest, aggr):
    """A loop of sendto(): at most a doorbell for ten frames, and every frame is on the wire."""
    assert not aggr(f"frames={FRAMES} usecs={LONGEST}").status
    counters, wire = grown(guest), guest.wire(WIRED)
    for first in range(0, SMALL, PIECE):
        shoot(guest, first, PIECE)
        assert numbers(wire, PIECE) == list(range(first, first + PIECE))
    assert wire.recv(0.5) is None
    assert counters.wait("tx0_completed", SMALL) == SMALL
    now = counters()
    assert now["tx0_accepted"] == SMALL
    assert now["tx0_doorbells"] <= SMALL / 10
    assert now["tx0_held"]


def test_last_frames_of_a_stream_go_when_their_time_is_over(guest, aggr):
    """More frames share a doorbell than there are: the timer rings for them, once. None waits for
    a virtio device that is awake, so it may take some streams."""
    assert not aggr(f"frames=1000000 bytes=1000000000 usecs={LONGEST}").status
    counters, wire, sent, now = grown(guest), guest.wire(WIRED), 0, {"tx0_held": 0}
    while not now["tx0_held"] and sent < MANY * ALONE:
        shoot(guest, 0, 3 * ALONE)
        assert numbers(wire, 3 * ALONE) == list(range(3 * ALONE))
        sent += 3 * ALONE
        assert counters.wait("tx0_completed", sent) == sent
        now = counters()
    assert now["tx0_timers"] >= 1
    assert now["tx0_doorbells"] < sent


# Another device may not have sent all in the 100 ms that it is given, with or without this.
def test_interface_goes_down_with_frames_that_wait(guest, aggr):
    """ip link set down right behind them: all that the driver has taken are on the wire."""
    assert not aggr(f"frames=1000000 bytes=1000000000 usecs={LONGEST}").status
    counters, wire, name = grown(guest), guest.wire(WIRED), guest.ifname(WIRED)
    guest.sh(f"{bpf.build()}/udpgun {HOST_V4} {PORT} 0 100; ip link set {name} down")
    now = counters()
    assert now["tx0_accepted"] > ALONE
    assert (now["tx0_completed"], now["tx0_reset_drop"]) == (now["tx0_accepted"], 0)
    assert numbers(wire, now["tx0_accepted"]) == list(range(now["tx0_accepted"]))
    bring_up(guest, WIRED, f"{GUEST_V4}/24")
    guest.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {name}")


def test_answers_of_the_guest_have_no_timer(guest):
    """Echo requests to the guest, by default: no answer is held."""
    counters, wire = grown(guest), guest.wire(WIRED)
    request = frames.icmp_echo(frames.Flow(guest.nics[WIRED].mac, HOST_MAC, HOST_V4, GUEST_V4))
    for _ in range(LONE):
        wire.send(request)
        assert wire.recv(10)
    counters.wait("tx0_completed", LONE)
    now = counters()
    assert (now["tx0_held"], now["tx0_timers"]) == (0, 0)
    assert now["tx0_accepted"] == LONE


@pytest.mark.parametrize("interval", ["-i 0.02", "-f"])
def test_requests_of_the_guest_have_no_timer(guest, interval):
    """ping from the guest, paced and as fast as answers come: no request is held."""
    counters = grown(guest, USER)
    guest.sh(f"ping -q -c {10 * LONE} {interval} 10.0.2.2", timeout=60)
    now = counters()
    assert now["tx0_accepted"] >= 10 * LONE
    assert (now["tx0_held"], now["tx0_timers"]) == (0, 0)


def test_frames_of_the_generator_share_doorbells_unless_that_is_off(guest, aggr):
    """pktgen, without bursts: off with frames=1, on by what was set."""
    name, wire, total = guest.ifname(WIRED), guest.wire(WIRED), PIECE
    for frames_each, most in ((1, total), (FRAMES, total / 10)):
        assert not aggr(f"frames={frames_each} usecs={LONGEST}").status
        counters = grown(guest)
        pktgen.set_up(guest, name, count=total)
        pktgen.start(guest)
        assert pktgen.receive_all(guest, name, wire) == total
        now = counters()
        assert now["tx0_doorbells"] <= most
        assert bool(now["tx0_held"]) == (frames_each > 1)
        if frames_each == 1 and Nic.default_model.can("every doorbell"):
            assert now["tx0_doorbells"] == total


def test_settings_are_kept_over_down_and_up(guest, aggr):
    """Whatever was set is shown, also after a down and up."""
    assert not aggr("frames=7 bytes=8000 usecs=900").status
    guest.sh(f"ip link set {guest.ifname(WIRED)} down")
    bring_up(guest, WIRED)
    assert aggr("").stdout.split() == ["7", "8000", "900"]
    guest.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {guest.ifname(WIRED)}")


def test_longer_waits_are_refused_with_a_sentence(aggr):
    """A wait that the watchdog could take for a hang: refused, and all is as it was."""
    before = aggr("").stdout
    refused = aggr(f"usecs={LONGEST + 1}")
    assert refused.status and f"the limit is {LONGEST}" in refused.stdout
    assert aggr("").stdout == before
