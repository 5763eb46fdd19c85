# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP: frames redirected to another NIC or CPU, from veth, and to AF_XDP sockets."""
import contextlib

import pytest

from counters import wait_for
from tracepoints import counted_events
from xdp import LONGEST, Op, Port, To, Verdict, growth, received, sums

pytest_plugins = ["xdp_fixtures"]

LONGEST_MTU = LONGEST - 14
SIZES = [60, 61, 300, 1000, 1514]
LONG_SIZES = [2048, 2049, 4097, 9014, LONGEST]
MANY = 3000
# The buffers of so many frames of all sizes fit into the receive ring. With too few left for the
# next frame the device drops it (dev_missed): only a frame of one buffer waits on the wire.
FEW = 60


def redirects(port, sizes, to, numbers=None):
    """Frames that ask for a redirect, of all the sizes in turn."""
    return [port.order(sizes[i % len(sizes)], Verdict.REDIRECT, to=to, seq=i)
            for i in numbers or range(len(sizes))]


def bridge(near, far, program="obey_linear"):
    """Orders that reach one NIC may name the other as their target."""
    near.attach(program)
    near.redirect_to(To.DEV_1, far.name)


@pytest.mark.parametrize("sizes, window", [(SIZES, 100), (SIZES + LONG_SIZES, FEW)],
                         ids=["linear", "frags"])
def test_devmap_conserves_frames(ports, sizes, window):
    """Between two NICs: each frame in is one frame out, unchanged; the target has no program."""
    near, far = ports
    for port in ports:
        port.set_mtu(LONGEST_MTU)
    bridge(near, far, "obey_frags")
    before = near.stats(), far.stats()
    total = 20 * window
    for start in range(0, total, window):
        frames = redirects(near, sizes, To.DEV_1, range(start, start + window))
        near.wire.send_many(frames)
        assert received(far.wire, window) == frames
    after = near.wait_stat(before[0], "rx0_xdp_redirect", total), far.stats()
    assert growth(before[0], after[0], ["rx0_frames", "rx0_xdp_redirect", "rx0_passed"]) == \
        {"rx0_frames": total, "rx0_xdp_redirect": total}
    assert growth(before[1], after[1], ["tx0_xdp_accepted", "tx0_xdp_full", "tx0_accepted"]) == \
        {"tx0_xdp_accepted": total}
    assert far.attached() is None


class Flood:
    """More redirects than the target's ring may hold: each one comes out or is counted as refused.
    """

    def __init__(self, near, far, frames):
        self.near, self.far, self.frames = near, far, frames
        self.before = near.stats(), far.stats()

    def check(self):
        after = self.near.wait_stat(self.before[0], "rx0_xdp_redirect", len(self.frames))
        after = after, self.far.stats()
        refused = after[1]["tx0_xdp_full"] - self.before[1]["tx0_xdp_full"]
        got = received(self.far.wire, len(self.frames) - refused, timeout=30)
        assert len(got) == len(self.frames) - refused
        rest = iter(self.frames)
        assert all(frame in rest for frame in got), "a frame is changed, doubled, or out of order"
        assert got, "the target refused everything"
        assert growth(self.before[1], after[1], ["tx0_xdp_accepted"]) == \
            {"tx0_xdp_accepted": len(got)}


def test_devmap_both_ways(ports):
    """Two NICs that bridge for each other as fast as they can: every frame is accounted for."""
    near, far = ports
    bridge(near, far)
    bridge(far, near)
    floods = [Flood(a, b, redirects(a, SIZES, To.DEV_1, range(MANY)))
              for a, b in ((near, far), (far, near))]
    for pair in zip(*(flood.frames for flood in floods)):
        for flood, frame in zip(floods, pair):
            flood.near.wire.send(frame)
    for flood in floods:
        flood.check()


@pytest.mark.parametrize("sizes, count", [(SIZES, 300), (SIZES + LONG_SIZES, FEW)],
                         ids=["linear", "frags"])
def test_cpumap(ports, sizes, count):
    """A frame redirected to another CPU reaches the stack from there, with every byte."""
    port = ports[0]
    port.set_mtu(LONGEST_MTU)
    port.attach("obey_frags")
    port.sh("BIN/xdpctl cpumap IF 1 2048")
    before = port.stats()
    frames = redirects(port, sizes, To.CPU, range(count))
    with port.sink() as sunk:
        port.wire.send_many(frames)
        assert [s.frame for s in sunk(len(frames))] == frames
    after = port.stats()
    assert growth(before, after, ["rx0_frames", "rx0_xdp_redirect", "rx0_passed"]) == \
        {"rx0_frames": count, "rx0_xdp_redirect": count}


def test_target_is_down(ports):
    """Redirect to an interface that is down: a counted loss and a trace event for each frame."""
    near, far = ports
    near.attach("obey_linear")
    near.redirect_to(To.DEV_1, far.name)
    far.sh("ip link set dev IF down")
    before = near.stats()
    with counted_events(near.guest, "xdp:xdp_redirect_err", "act") as events:
        near.wire.send_many(redirects(near, SIZES, To.DEV_1))
        after = near.wait_stat(before, "rx0_frames", len(SIZES))
        wait_for(events.by_key, lambda seen: seen == {int(Verdict.REDIRECT): len(SIZES)}, 5,
                 "a trace event for each frame")
    assert growth(before, after, ["rx0_xdp_redirect", "rx0_xdp_redirect_err"]) == \
        {"rx0_xdp_redirect_err": len(SIZES)}


def test_empty_devmap_entry(ports):
    """The helper's answer for an empty entry (here ABORTED) is the verdict that counts."""
    port = ports[0]
    port.attach("obey_linear")
    before = port.stats()
    port.wire.send_many(redirects(port, SIZES, To.DEV_3))
    after = port.wait_stat(before, "rx0_frames", len(SIZES))
    assert growth(before, after, ["rx0_xdp_aborted", "rx0_xdp_redirect",
                                  "rx0_xdp_redirect_err"]) == {"rx0_xdp_aborted": len(SIZES)}


class Veth(Port):
    """The receiving end of a veth pair, with the programs and maps of a Port."""

    def __init__(self, guest, mtu):
        self.guest, self.name, self.wire, self.mac = guest, "veth1", None, b"\xff" * 6
        self.sh("modprobe veth; ip link add veth0 type veth peer name veth1; "
                "for i in veth0 veth1; do "
                f"echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; ip link set $i mtu {mtu} up; "
                "done")


@contextlib.contextmanager
def veth(guest, mtu):
    yield Veth(guest, mtu)
    guest.sh("ip link del veth0; rm -rf /sys/fs/bpf/veth1")


def ends(before, now):
    """How many frames that were redirected in have been taken or refused."""
    return sum(growth(before, now, ["tx0_xdp_accepted", "tx0_xdp_full"]).values())


@pytest.mark.parametrize("length, mtu", [(60, 1500), (1514, 1500), (9014, 9000)])
def test_redirect_in_from_veth(ports, length, mtu):
    """ndo_xdp_xmit takes frames whose memory another driver owns; here veth's, around skb pages."""
    target = ports[0]
    target.set_mtu(mtu)
    with veth(target.guest, mtu) as source:
        source.attach("obey_frags")
        source.redirect_to(To.DEV_0, target.name)
        before = target.stats()
        source.sh(f"BIN/framegun veth0 300 {length} 7 {Verdict.REDIRECT:d} {To.DEV_0:d}")
        after = wait_for(target.stats, lambda now: ends(before, now) == 300, 10, "300 frames")
    frames = received(target.wire, after["tx0_xdp_accepted"] - before["tx0_xdp_accepted"])
    refused = after["tx0_xdp_full"] - before["tx0_xdp_full"]
    assert refused == 0 or not target.guest.nics[0].model.can("prompt sending")
    assert after["tx0_accepted"] == before["tx0_accepted"]
    numbers = [int.from_bytes(f[22:26], "big") for f in frames]
    assert len(set(numbers)) == len(numbers) == 300 - refused > 0
    assert set(numbers) <= set(range(300))
    payload = bytes(i & 255 for i in range(28, length))
    assert all(frame[28:] == payload for frame in frames)


@pytest.mark.parametrize("sizes, options", [(SIZES, ""), (SIZES + LONG_SIZES, "sg")],
                         ids=["linear", "frags"])
def test_af_xdp_copy_mode(ports, sizes, options):
    """An AF_XDP socket in copy mode receives each redirected frame with every byte."""
    port = ports[0]
    port.set_mtu(LONGEST_MTU)
    port.attach("obey_frags")
    received_there = port.af_xdp(f"copy 3 {options}")
    before = port.stats()
    frames = redirects(port, sizes, To.XSK, range(FEW))
    port.wire.send_many(frames)
    assert received_there() == sums(frames)
    assert growth(before, port.stats(), ["rx0_xdp_redirect", "rx0_xdp_redirect_err"]) == \
        {"rx0_xdp_redirect": len(frames)}


def test_af_xdp_zero_copy_is_refused(ports):
    """Binding for zero copy is refused, not silently turned into copying; XDP goes on working."""
    port = ports[0]
    port.attach("obey_linear")
    result = port.sh("BIN/xsksink IF zerocopy 1", check=False)
    assert result.status == 1
    assert "bind: Operation not supported" in result.stdout
    port.wire.send(port.order(100, Verdict.TX, op=Op.NONE))
    assert len(received(port.wire, 1)) == 1
