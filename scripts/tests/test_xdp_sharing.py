# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP: XDP_TX, frames redirected in, and the stack share the one transmit ring."""
import threading

import pytest

from ledger import assert_balanced
from tracepoints import counted_events
from xdp import HEADER, To, Verdict, received, sources

pytest_plugins = ["xdp_fixtures"]

# Of each of the three sources. The emulator holds 10,000 frames for a slow reader and then drops in
# silence, so no more may be outstanding in all.
EACH = 3000
LENGTH = 200
FROM_TX, FROM_STACK, FROM_REDIRECT = 1, 2, 3
NETDEV_TX_BUSY = 0x10
NAMES = ["rx0_xdp_tx", "rx0_xdp_tx_full", "tx0_accepted", "tx0_xdp_accepted", "tx0_xdp_full"]


@pytest.fixture
def shared(ports):
    """The first NIC sends for all three; the second receives what is redirected to the first."""
    target, feeder = ports
    for port in ports:
        port.attach("obey_linear")
    feeder.redirect_to(To.DEV_0, target.name)
    # The distribution's queueing discipline drops on purpose when packets wait too long.
    target.sh("tc qdisc replace dev IF root pfifo limit 10000")
    yield target, feeder
    target.sh("tc qdisc del dev IF root; ethtool -G IF rx 256 tx 256")


def frames_for(port, verdict, source):
    return [port.order(LENGTH, verdict, to=To.DEV_0, seq=i, source=source) for i in range(EACH)]


def send_all(target, feeder):
    """All three sources at once, the stack's sender on a CPU of its own; the frames from the wires.
    """
    streams = [(target, frames_for(target, Verdict.TX, FROM_TX)),
               (feeder, frames_for(feeder, Verdict.REDIRECT, FROM_REDIRECT))]
    job = target.guest.spawn(
        f"taskset -c 1 {target.binary('framegun')} {target.name} {EACH} {LENGTH} {FROM_STACK} 2 0")
    threads = [threading.Thread(target=port.wire.send_many, args=(frames,))
               for port, frames in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    result = job.wait(60)
    assert result.status == 0, result.stdout
    return [frame for _, frames in streams for frame in frames]


def check_sources(frames, sent, lost):
    """Each source's frames are on the wire once and unchanged, but for the counted losses."""
    assert sources(frames) == {FROM_TX: EACH - lost[FROM_TX], FROM_STACK: EACH,
                               FROM_REDIRECT: EACH - lost[FROM_REDIRECT]}
    assert len(set(frames)) == len(frames)
    from_stack = [frame for frame in frames if frame[HEADER.size - 1] == FROM_STACK]
    assert set(frames) - set(from_stack) <= set(sent)
    assert [int.from_bytes(f[22:26], "big") for f in from_stack] == list(range(EACH))


@pytest.mark.parametrize("ring", [256, 64])
def test_one_ring_for_all(shared, ring):
    """XDP_TX, redirect-in and the stack at once: exact counts for each, never NETDEV_TX_BUSY."""
    target, feeder = shared
    target.sh(f"ethtool -G IF rx {ring} tx {ring}")
    before = target.stats()
    fed = feeder.stats()
    with counted_events(target.guest, "net:net_dev_xmit", "rc",
                        f"rc=={NETDEV_TX_BUSY}") as busy:
        sent = send_all(target, feeder)
        feeder.wait_stat(fed, "rx0_xdp_redirect", EACH)
        after = target.wait_stat(before, "rx0_frames", EACH)
        assert busy.total() == 0
    grown = {name: after[name] - before[name] for name in NAMES}
    lost = {FROM_TX: grown["rx0_xdp_tx_full"], FROM_REDIRECT: grown["tx0_xdp_full"]}
    frames = received(target.wire, 3 * EACH - sum(lost.values()), timeout=30)
    check_sources(frames, sent, lost)
    assert grown["rx0_xdp_tx"] == EACH - lost[FROM_TX]
    assert grown["tx0_accepted"] == EACH
    assert grown["tx0_xdp_accepted"] == 2 * EACH - sum(lost.values())
    assert_balanced(after)
    check_not_stuck(target)


def check_not_stuck(target):
    """The stack and XDP_TX still send."""
    target.sh(f"BIN/framegun IF 10 60 {FROM_STACK} 2 0")
    target.wire.send_many(frames_for(target, Verdict.TX, FROM_TX)[:10])
    assert sources(received(target.wire, 20)) == {FROM_STACK: 10, FROM_TX: 10}
