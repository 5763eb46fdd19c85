# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP programs come, go, are refused, and stay: without a lost frame or a link flap."""
import collections
import json
import re
import threading
import time

import pytest

from counters import missed, wait_for
from guest import Nic
from ledger import assert_balanced
from xdp import LONGEST, Verdict, growth, received

pytest_plugins = ["xdp_fixtures"]

LINEAR_MTU = Nic.default_model.linear_mtu
LONGEST_MTU = LONGEST - 14
NATIVE = 1      # XDP_ATTACHED_DRV, as ip reports the mode


def test_ip_attaches_and_detaches(ports):
    """The everyday way: ip link set ... xdpdrv obj, and off again; bpftool reads the counts."""
    port = ports[0]
    port.sh("ip link set dev IF xdpdrv obj BIN/obey.bpf.o sec xdp")
    assert port.attached()["mode"] == NATIVE
    port.wire.send_many(port.order(100, Verdict.DROP) for _ in range(7))
    wait_for(lambda: map_values(port, port.attached()["prog"]["id"]),
             lambda values: values[Verdict.DROP] == 7, 10, "7 dropped frames in the map")
    port.sh("ip link set dev IF xdpdrv off")
    assert port.attached() is None
    check_passes(port)


def map_values(port, prog_id):
    """The counts map of a program that nobody pinned."""
    program = json.loads(port.sh(f"bpftool -j prog show id {prog_id}").stdout)
    for map_id in program["map_ids"]:
        if '"counts"' in port.sh(f"bpftool -j map show id {map_id}").stdout:
            entries = json.loads(port.sh(f"bpftool -j map dump id {map_id}").stdout)
            return [entry["formatted"]["value"] for entry in entries]
    raise AssertionError("the program has no map named counts")


def check_passes(port):
    """Without a program frames reach the stack."""
    before = port.stats()
    port.wire.send_many(port.order(100, Verdict.DROP) for _ in range(5))
    after = port.wait_stat(before, "rx0_passed", 5)
    assert growth(before, after, ["rx0_frames", "rx0_xdp_drop"]) == {"rx0_frames": 5}


class Load:
    """Frames as fast as the guest takes them, until told to stop; counts them."""

    def __init__(self, port):
        self.wire = port.wire
        self.frames = [port.order(60 + i, Verdict.PASS, seq=i) for i in range(200)]
        self.sent = 0
        self.stopping = False
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stopping:
            self.sent += self.wire.send_many(self.frames)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(60)
        assert not self.thread.is_alive(), "the wire is stuck"


@pytest.fixture
def anchors(xdp_guest):
    """Interfaces without traffic; guest/xdpctl.c says what for."""
    names = ["anchor0", "anchor1", "anchor2"]
    xdp_guest.sh("modprobe dummy numdummies=0; "
                 + "; ".join(f"ip link add {name} type dummy" for name in names))
    yield " ".join(names)
    xdp_guest.sh("; ".join(f"ip link del {name}" for name in names))


def test_toggle_under_load(ports, anchors):
    """1,000 times attach, replace twice, detach under load: every frame accounted for, no flap."""
    port = ports[0]
    rounds = port.guest.rounds(1000)
    port.attach("steady_drop")
    port.watch_stack()
    port.detach()
    link = port.read("carrier_changes")
    before = port.stats()
    with Load(port) as load:
        port.sh(f"BIN/xdpctl toggle IF BIN/steady.bpf.o {rounds} 300 {anchors}",
                timeout=120)
    after = port.wait_stat(before, "rx0_frames", load.sent)
    grown = collections.Counter({n: after[n] - before[n] for n in after if n in before})
    counts = port.counts()
    back = received(port.wire, grown["rx0_xdp_tx"])
    assert port.read("carrier_changes") == link
    assert grown["rx0_frames"] == load.sent
    assert grown["rx0_xdp_drop"] == counts["DROP"] > 0
    assert grown["rx0_passed"] == counts["STACK"] > counts["PASS"] > 0
    assert grown["rx0_xdp_tx"] == len(back) == counts["TX"] - grown["rx0_xdp_tx_full"]
    assert load.sent == counts["DROP"] + counts["STACK"] + counts["TX"]
    assert_balanced(after)
    assert port.attached() is None


def refused(result, *words):
    """The command failed, and its text has the words."""
    assert result.status != 0
    missing = [word for word in words if not re.search(word, result.stdout, re.I)]
    assert not missing, f"{missing} not in: {result.stdout}"


def test_linear_program_above_one_buffer(ports):
    """At an MTU above one buffer a program without frags is refused by a sentence; with, taken."""
    port = ports[0]
    port.set_mtu(LINEAR_MTU + 1)
    refused(port.attach("steady_linear", check=False), f"{LINEAR_MTU}", "frags", "kernel error")
    assert port.attached() is None
    port.attach("obey_frags")
    kept = port.attached()
    refused(port.attach("steady_linear", check=False), f"{LINEAR_MTU}", "frags")
    assert port.attached() == kept
    port.wire.send_many(port.order(2049, Verdict.TX, seq=i) for i in range(5))
    assert len(received(port.wire, 5)) == 5


def test_mtu_raised_under_linear_program(ports):
    """The MTU may grow to what one buffer holds, no further, while the program lacks frags."""
    port = ports[0]
    port.attach("obey_linear")
    port.set_mtu(LINEAR_MTU)
    seen = len(port.guest.console())
    assert port.set_mtu(LINEAR_MTU + 1, check=False).status != 0
    # the kernel gives a driver no way to answer ip here, so the sentence is in the kernel's log
    wait_for(lambda: port.guest.console()[seen:],
             lambda text: re.search(rf"{port.name}: .*frags.* {LINEAR_MTU}\b", text), 5,
             "the sentence")
    assert port.read("mtu") == str(LINEAR_MTU)
    port.wire.send(port.order(LINEAR_MTU + 14, Verdict.TX))
    assert len(received(port.wire, 1)) == 1
    port.detach()
    port.set_mtu(LONGEST_MTU)


def test_mtu_raised_under_frags_program(ports):
    """A program with frags support allows every MTU, and keeps running across the change."""
    port = ports[0]
    port.attach("obey_frags")
    port.set_mtu(LONGEST_MTU)
    frames = [port.order(size, Verdict.TX) for size in (60, 1514, LONGEST)]
    port.wire.send_many(frames)
    assert received(port.wire, len(frames)) == frames


def test_offload_is_refused(ports):
    """The NIC runs no program by itself, and the driver says so; nothing is attached."""
    port = ports[0]
    refused(port.attach("obey_linear", mode="offload", check=False),
            "kernel error.*sluice: .*native")
    assert port.attached() is None


FEATURES = {"BASIC": 1, "REDIRECT": 2, "NDO_XMIT": 4, "XSK_ZEROCOPY": 8, "HW_OFFLOAD": 16,
            "RX_SG": 32, "NDO_XMIT_SG": 64}
UP = {"BASIC", "REDIRECT", "NDO_XMIT", "RX_SG", "NDO_XMIT_SG"}
DOWN = UP - {"NDO_XMIT", "NDO_XMIT_SG"}
VLAN_TAG = 4


def parse_features(line):
    """Names of the XDP features, and the metadata mask, of a line of guest/xdp_features.py."""
    features, metadata = (int(word, 16) for word in line.split())
    return {name for name, bit in FEATURES.items() if features & bit}, metadata


def test_features_are_true(ports):
    """xdp_features say what works now: no redirect target while down, and each change is told."""
    port = ports[0]
    reader = f"/usr/bin/python3 {port.source('xdp_features.py')}"
    assert parse_features(port.sh(f"{reader} show IF").stdout) == (UP, VLAN_TAG)
    job = port.guest.spawn(f"exec {reader} watch {port.name} /tmp/features")
    port.sh("until [ -e /tmp/features ]; do sleep 0.1; done")
    port.sh("ip link set dev IF down")
    assert parse_features(port.sh(f"{reader} show IF").stdout) == (DOWN, VLAN_TAG)
    port.sh("ip link set dev IF up")
    assert parse_features(port.sh(f"{reader} show IF").stdout) == (UP, VLAN_TAG)
    lines = wait_for(lambda: port.sh("cat /tmp/features").stdout.splitlines(),
                     lambda seen: len(seen) >= 2, 5, "two notifications")
    job.stop()
    assert [parse_features(line)[0] for line in (lines[0], lines[-1])] == [DOWN, UP]


def test_features_do_not_depend_on_a_program(ports):
    """A redirect target needs no program of its own, so attaching one changes no feature."""
    port = ports[0]
    command = f"/usr/bin/python3 {port.source('xdp_features.py')} show IF"
    port.attach("obey_linear")
    assert parse_features(port.sh(command).stdout)[0] == UP
    port.detach()
    assert parse_features(port.sh(command).stdout)[0] == UP


def check_obeys(port, attached):
    """The same program is attached and does its work: drops, sends back, passes."""
    assert port.attached() == attached
    port.wait_carrier()
    port.counts(reset=True)
    frames = [port.order(100, verdict, seq=i) for i, verdict in
              enumerate([Verdict.DROP, Verdict.TX, Verdict.PASS] * 20)]
    before = port.stats()
    port.wire.send_many(frames)
    assert received(port.wire, 20) == frames[1::3]
    after = port.wait_stat(before, "rx0_frames", 60)
    assert growth(before, after, ["rx0_xdp_drop", "rx0_xdp_tx", "rx0_passed"]) == \
        {"rx0_xdp_drop": 20, "rx0_xdp_tx": 20, "rx0_passed": 20}


SURVIVED = {
    "down and up": "ip link set dev IF down; ip link set dev IF up",
    "ring resize": "ethtool -G IF rx 128 tx 128; ethtool -G IF rx 256 tx 256",
    "MTU change": "ip link set dev IF mtu 9000; ip link set dev IF mtu 1400",
    # Its own frames are not the program's.
    "self test": "ethtool -t IF offline",
}
changes = [pytest.param(change, marks=pytest.mark.needs("self test"))
           if change == "self test" else change for change in SURVIVED]


@pytest.mark.parametrize("change", changes)
def test_program_survives(ports, change):
    """A program stays attached and at work across a change of the interface; detach ends it."""
    port = ports[0]
    port.attach("obey_frags")
    attached = port.attached()
    check_obeys(port, attached)
    port.sh(SURVIVED[change])
    check_obeys(port, attached)
    port.detach()
    check_passes(port)


def test_program_survives_reset(ports):
    """A transmit hang (bus mastering off) ends in a reset, after which the program goes on. The
    stack's watchdog looks at queues that are stopped, which a full ring is whatever BQL allows."""
    port = ports[0]
    port.guest.expect_console("NETDEV WATCHDOG|transmit queue .* timed out|Call Trace|cut here")
    port.attach("obey_frags")
    attached = port.attached()
    before = port.stats()
    address = port.guest.pci(port.index)
    port.sh(f"setpci -s {address} COMMAND=0:4; BIN/framegun IF 250 100 1 2 0")
    wait_for(port.stats, lambda s: s["tx0_timeouts"] > before["tx0_timeouts"], 30, "the timeout")
    port.sh(f"setpci -s {address} COMMAND=4:4")
    wait_for(lambda: settled(port), bool, 30, "the end of the reset")
    port.wire.drain()
    check_obeys(port, attached)


def settled(port):
    """Whether nothing waits in the transmit ring and the carrier is back."""
    return not port.stats()["tx0_in_flight"] and port.read("carrier") == "1"


def test_slow_pass_does_not_drain_the_ring(ports):
    """Thousands of passed frames, one at a time, through a ring of 64: each one finds a buffer."""
    port = ports[0]
    port.sh("ethtool -G IF rx 64")
    port.attach("obey_linear")
    before = port.stats()
    for i in range(3000):
        port.wire.send(port.order(60 + i % 1400, Verdict.PASS, seq=i))
        time.sleep(0.001)
    after = port.wait_stat(before, "rx0_passed", 3000)
    assert growth(before, after, ["rx0_frames", "rx0_alloc_fail", "rx0_skb_fail"]) == \
        {"rx0_frames": 3000}
    assert missed(after) == missed(before)
    port.sh("ethtool -G IF rx 256")
