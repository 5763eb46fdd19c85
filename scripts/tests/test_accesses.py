# SPDX-License-Identifier: GPL-2.0-only
"""Register accesses, each of them a VM exit, counted by the emulator's own trace of the device.

Counts do not depend on the machine's speed, only their bounds on how many frames share one
interrupt, which loss-free waiting between lone frames fixes.
"""
import time

import pytest

import bpf
import frames
import pktgen
from device_access import ICR, IMC, IMS, RDT, STATISTICS
from guest import Guest, Nic
from taps import program
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up

pytest_plugins = ["register_trace"]

LONE = 20
FLOOD = 20_000
SENT = 3_200


@pytest.fixture(scope="module")
def guest(register_trace):
    with Guest(nics=[Nic(wire="dgram")], extra_args=register_trace.arguments) as running:
        register_trace.guest = running
        dev = running.ifname(0)
        running.sh(f"sysctl -qw net.ipv6.conf.{dev}.disable_ipv6=1")
        bring_up(running, 0, f"{GUEST_V4}/24")
        running.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {dev}")
        # up is deaf for a second, and lone frames would come all at once
        running.wire(0).send(echo_request(running))
        assert running.wire(0).recv(5)
        yield running


def echo_request(guest):
    return frames.icmp_echo(frames.Flow(guest.nics[0].mac, HOST_MAC, HOST_V4, GUEST_V4))


def lone(guest, frame, answered):
    """Frames so far apart that each has an interrupt of its own."""
    wire = guest.wire(0)
    for _ in range(LONE):
        wire.send(frame)
        if answered:
            assert wire.recv(5)
        time.sleep(0.05)


def test_lone_received_frame(guest, register_trace):
    """One access: the read of ICR.  The tail moves once for a quarter of the ring."""
    frame = frames.pad(frames.ether(guest.nics[0].mac, HOST_MAC, 0x88b5))
    seen = register_trace.during(lambda: lone(guest, frame, answered=False))
    # a guest that is held up may find two frames at once
    assert LONE // 2 <= sum(seen.values()) <= LONE + 2, seen


def test_request_and_response(guest, register_trace):
    """Two: acknowledge and doorbell; the completion of the response has none."""
    seen = register_trace.during(lambda: lone(guest, echo_request(guest), answered=True))
    assert 2 * LONE <= sum(seen.values()) <= 2 * LONE + 2, seen


def test_receive_flood(guest, register_trace):
    """The tail moves once for a quarter of the ring; an interrupt costs one access, and the mask
    that spares the next ones is written and undone as often."""
    frame = frames.pad(frames.ether(guest.nics[0].mac, HOST_MAC, 0x88b5))
    before = guest.ethtool_stats(0)["rx0_frames"]

    def flood():
        guest.wire(0).send_many([frame] * FLOOD)
        while guest.ethtool_stats(0)["rx0_frames"] < before + FLOOD:
            time.sleep(0.2)
    seen = register_trace.during(flood)
    quarter = 256 // 4
    assert FLOOD // quarter <= seen.pop(RDT) <= FLOOD // quarter + 1
    masked = seen.pop(IMC, 0)
    assert abs(seen.pop(IMS, 0) - masked) <= 1
    assert masked <= seen.pop(ICR) < FLOOD / 4
    assert all(STATISTICS <= register < STATISTICS + 0x100 for register in seen), seen


def test_transmit_with_xmit_more(guest, register_trace):
    """One doorbell a burst and nothing else: completions are found when it returns."""
    dev = guest.ifname(0)
    pktgen.set_up(guest, dev, count=SENT, burst=32)
    seen = register_trace.during(lambda: pktgen.start(guest))
    assert SENT / 32 <= sum(seen.values()) <= SENT / 32 + 5, seen


def test_transmit_without_xmit_more(guest, register_trace):
    """With tx-aggr off one doorbell a frame and nothing else."""
    dev = guest.ifname(0)
    guest.sh(f"{program('tx_aggr.py')} {dev} frames=1")
    pktgen.set_up(guest, dev, count=SENT)
    seen = register_trace.during(lambda: pktgen.start(guest))
    assert SENT <= sum(seen.values()) <= SENT + 5, seen


def test_datagrams_that_share_doorbells(guest, register_trace):
    """A loop of sendto() with tx-aggr on: at most one access for ten frames, the timer's too."""
    guest.sh(f"{program('tx_aggr.py')} {guest.ifname(0)} frames=32 usecs=100000")
    seen = register_trace.during(
        lambda: guest.sh(f"{bpf.build()}/udpgun {HOST_V4} 6200 0 {SENT}"))
    assert SENT / 32 <= sum(seen.values()) <= SENT / 10, seen
