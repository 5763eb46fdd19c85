# SPDX-License-Identifier: GPL-2.0-only
"""XDP always attaches: six situations in which the kernel's virtio_net refuses a program, does not
run it, or does not let anything be changed while it is there.

Each is first reproduced with that driver, and then seen to work with sluice: the program drops
echo requests' answers, and nothing else.  The other end is the host's own TCP/IP behind a tap.
"""
import collections
import contextlib
import json
import re

import pytest

import bpf
import tap_namespace
from counters import Growth
from device_trace import DeviceTrace
from drivers import assert_ledgers
from guest import Guest, Nic
from ledger import settle
from topology import bring_up, wait_carrier
from tracepoints import TRACING, counted_events
from xdp import Verdict

pytestmark = pytest.mark.skipif(bool(tap_namespace.why_not()), reason=str(tap_namespace.why_not()))

# What the host has chosen of each NIC's device, and the queues of its tap.
NICS = {
    "no command for offloads": ("ctrl_guest_offloads=off", 1),
    "one queue pair": ("", 1),
    "no merged buffers": ("mrg_rxbuf=off,host_mtu=9000", 1),
    "large MTU": ("host_mtu=9000", 1),
    "channels": ("mq=on,vectors=6", 2),
    "GRO_HW": ("", 1),
}
SITUATIONS = list(NICS)
JUMBO = 8000
# Of a frame that nobody else sends, and of what is in front of it.
LENGTH, VIRTIO_HEADER = 1234, 12


def boot(driver, **options):
    """A guest with a NIC for each situation, all up, and their taps with addresses."""
    nics = [Nic(model="virtio", options=chosen, wire=("tap", queues))
            for chosen, queues in NICS.values()]
    guest = Guest(nics=nics, driver=driver, **options)
    guest.boot()
    for i, nic in enumerate(nics):
        # what it says by itself a filter may keep from the guest
        guest.namespace.sh(f"sysctl -qw net.ipv6.conf.{nic.tap()}.disable_ipv6=1; "
                           f"ip link set {nic.tap()} up mtu 9000; "
                           f"ip addr add 10.60.{i}.1/24 dev {nic.tap()}")
        bring_up(guest, i, f"10.60.{i}.2/24")
    return guest


@pytest.fixture(scope="module")
def in_tree():
    guest = boot("in-tree")
    yield guest
    guest.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The emulator's trace of buffers that devices of the next guest have filled."""
    return DeviceTrace(str(tmp_path_factory.mktemp("trace") / "filled"), ["virtqueue_fill"])


@pytest.fixture(scope="module")
def ours(filled):
    filled.guest = guest = boot("sluice", extra_args=filled.arguments)
    yield guest
    guest.close()


@pytest.fixture(autouse=True)
def balanced(ours):
    yield
    assert_ledgers(ours)


def attach(guest, i, frags=""):
    """What the kernel says to an attempt to attach the program that drops ICMP."""
    program = bpf.build() / "xdp_drop_count.bpf.o"
    return guest.sh(f"ip link set dev {guest.ifname(i)} xdpdrv obj {program} sec xdp{frags} 2>&1",
                    check=False)


def detach(guest, i):
    guest.sh(f"ip link set dev {guest.ifname(i)} xdpdrv off")


def answers(guest, i, size=56):
    """Whether the host's echo answers come through to the guest's sockets."""
    command = f"ping -c 3 -i 0.1 -W 2 -M do -s {size} 10.60.{i}.1"
    return guest.sh(command, check=False).status == 0


def assert_runs(guest, i, size=56):
    """The program sees the answers and drops them; nothing else is in its way."""
    grown = Growth(lambda: guest.ethtool_stats(i))
    assert not answers(guest, i, size)
    grown.wait("rx0_xdp_drop", 3)


def assert_attaches_and_runs(guest, i, size=56):
    """From no program to one and back, at an interface that carries frames before and after."""
    assert answers(guest, i, size)
    done = attach(guest, i)
    assert done.status == 0, done.stdout
    assert_runs(guest, i, size)
    detach(guest, i)
    assert answers(guest, i, size)
    return done.stdout


def test_no_command_for_offloads_in_tree(in_tree):
    """Refused: the host leaves checksums to the guest, and cannot be told to stop."""
    done = attach(in_tree, SITUATIONS.index("no command for offloads"))
    assert done.status != 0
    assert "Can't set XDP while host is implementing GRO_HW/CSUM" in done.stdout


def test_no_command_for_offloads(ours):
    """The device is reset with fewer features, says so, and nothing of the interface changes."""
    i = SITUATIONS.index("no command for offloads")
    name = ours.ifname(i)
    ours.sh(f"modprobe 8021q && ip link add link {name} name {name}.7 type vlan id 7 && "
            f"ip link set {name} address 02:00:00:00:60:00 && ethtool -G {name} rx 128 tx 64")
    before = settings(ours, i)
    assert "the device was reset" in assert_attaches_and_runs(ours, i)
    assert settings(ours, i) == before
    ours.sh(f"ip link del {name}.7")


def settings(guest, i):
    """What a reset must not change."""
    name = guest.ifname(i)
    link = json.loads(guest.sh(f"ip -j link show dev {name}").stdout)[0]
    text = guest.sh(f"ethtool -g {name}; ethtool -l {name}; ethtool -k {name}; cat "
                    f"/sys/class/net/{name}/carrier_changes; ip route show dev {name}").stdout
    return link["address"], link["mtu"], link["flags"], text


@contextlib.contextmanager
def flood(guest, i, directory, sent):
    """Frames from the host as long as the block runs; how many is appended to a list after it."""
    tap, stop = guest.nics[i].tap(), directory / "stop"
    sender = guest.namespace.spawn(
        f"sh -c 'until [ -e {stop} ]; do {bpf.build()}/framegun {tap} 200 {LENGTH} 0 "
        f"{Verdict.PASS:d} 0; sleep 0.005; done'")
    try:
        yield
    finally:
        stop.touch()
        sent += map(int, sender.communicate(timeout=60)[0].split())


def of_tap(guest, i):
    """The host's side of a tap: frames that the emulator took, and those that found it full."""
    shown = guest.namespace.sh(f"ip -s -j link show dev {guest.nics[i].tap()}")
    return json.loads(shown)[0]["stats64"]["tx"]


def given(lines):
    """Frames that the device has given: buffers that it has returned of the ring of the flood's, by
    the emulator's trace, without those that continue a frame.
    """
    found = re.findall(r"virtqueue_fill vq (\w+) .* len (\d+) idx (\d+)", "".join(lines))
    rings = collections.Counter(ring for ring, length, _ in found
                                if int(length) == VIRTIO_HEADER + LENGTH)
    ring = rings.most_common(1)[0][0]
    return sum(vq == ring and index == "0" for vq, _, index in found)


def test_no_frame_is_lost_by_a_reset(ours, filled, tmp_path):
    """Frames from the host while a program comes and goes, each time by a reset of the device: each
    that the device has given has come to the driver, and has an end there.

    Of a ring nothing can be lost unnoticed.  A frame is the emulator's or the driver's: QEMU 7.2
    (hw/net/virtio-net.c, virtio_net_receive_rcu()) takes buffers, fills and returns them without
    letting go of the lock under which the guest's write resets the device, so none is ever taken
    and not returned.  What was returned before the reset NAPI takes, or it is counted in
    rx0_reset_drop.

    While the driver is not ready QEMU takes no buffer: one frame waits in the emulator, and those
    behind it in the tap, which counts what it drops when it is full.  The one in the emulator is
    lost without a count whenever any driver starts: virtio_set_status() has it delivered by
    virtio_net_set_status() before it notes DRIVER_OK, without which virtio_net_receive_rcu()
    gives nothing.
    """
    i, rounds = SITUATIONS.index("no command for offloads"), 4
    settle(ours, i)
    grown, of_host = Growth(lambda: ours.ethtool_stats(i)), Growth(lambda: of_tap(ours, i))
    sent = []

    def work():
        with flood(ours, i, tmp_path, sent):
            for _ in range(rounds):
                assert attach(ours, i).status == 0
                detach(ours, i)
        settle(ours, i)

    frames = given(filled.lines(work))
    seen, host = grown(), of_host()
    assert frames == seen["rx0_frames"] > 1000
    assert 0 <= host["packets"] - frames <= 2 * rounds
    assert sum(sent) <= host["packets"] + host["dropped"]


ATTACH = "ip link set IF xdpdrv obj OBJECTS/xdp_drop_count.bpf.o sec xdp"
ATTACH_FRAGS = "ip link set IF xdpdrv obj OBJECTS/steady.bpf.o sec xdp.frags"
DETACH = "ip link set IF xdpdrv off"
# What resets a device, and who says so: the command itself, or the log if the stack's hook has no
# word for its caller.
RESETS = [
    ("no command for offloads", ATTACH, "command"),
    ("no command for offloads", DETACH, "command"),
    ("no command for offloads", "ethtool -K IF rx off", "log"),
    ("no command for offloads", "ethtool -K IF rx on", "log"),
    ("one queue pair", "ethtool -G IF rx 128", "command"),
    ("one queue pair", "ethtool -G IF rx 256", "command"),
    ("no merged buffers", "ip link set IF mtu 4000", "log"),
    ("no merged buffers", "ip link set IF mtu 9000", "log"),
    ("large MTU", ATTACH, "command"),
    ("large MTU", DETACH, "command"),
    ("channels", "ethtool -L IF combined 1", "log"),
    ("channels", "ethtool -L IF combined 2", "log"),
    ("GRO_HW", "ethtool -K IF rx-gro-hw off", "log"),
    # a command does the rest, as buffers need not change any more
    ("GRO_HW", ATTACH, ""),
    ("GRO_HW", DETACH, ""),
    ("GRO_HW", "ethtool -K IF rx off", ""),
    ("GRO_HW", "ethtool -K IF rx on", ""),
    ("GRO_HW", "ethtool -K IF rx-gro-hw on", "log"),
    ("GRO_HW", ATTACH_FRAGS, ""),
    ("GRO_HW", DETACH, ""),
    ("one queue pair", "ip link set IF mtu 1400", ""),
    ("one queue pair", "ip link set IF mtu 1500", ""),
    ("one queue pair", "! ethtool -G IF rx 100", ""),
    ("channels", "! ethtool -L IF combined 9", ""),
]
# Of an interface that is down.
IDLE = [
    ("no command for offloads", ATTACH, ""),
    ("no command for offloads", DETACH, ""),
    ("no command for offloads", "ethtool -K IF rx off", ""),
    ("no command for offloads", "ethtool -K IF rx on", ""),
    ("no command for offloads", "ethtool -G IF rx 128", ""),
    ("no command for offloads", "ethtool -G IF rx 256", ""),
]
SAID = "the device was reset for"


@pytest.fixture(name="try_row")
def fixture_try_row(ours):
    """A function of a row: was the device reset, seen where a driver stops it by a status of 0, and
    who has said so?
    """
    ours.sh(f"echo 'p:stopped vp_modern_set_status status=$arg2:u8' >{TRACING}/kprobe_events")

    def try_row(situation, text):
        text = text.replace("IF", ours.ifname(SITUATIONS.index(situation)))
        text = text.replace("OBJECTS", str(bpf.build()))
        ours.sh("dmesg -C")
        with counted_events(ours, "kprobes:stopped", "status", "status == 0") as stopped:
            places = {"command": ours.sh(f"{text} 2>&1").stdout, "log": ours.sh("dmesg").stdout}
            return stopped.total() > 0, [place for place in places if SAID in places[place]]

    yield try_row
    ours.sh(f"echo >{TRACING}/kprobe_events")


def otherwise(try_row, rows):
    """What went otherwise than the rows say."""
    for situation, text, by in rows:
        found = try_row(situation, text)
        if found != (bool(by), [by] if by else []):
            yield situation, text, found


def test_each_reset_is_announced_and_nothing_else(ours, try_row):
    """By the command that has caused it, whatever that was."""
    assert not list(otherwise(try_row, RESETS))
    name = ours.ifname(SITUATIONS.index("no command for offloads"))
    ours.sh(f"ip link set {name} down")
    assert not list(otherwise(try_row, IDLE))
    ours.sh(f"ip link set {name} up")
    wait_carrier(ours, name)


def test_one_queue_pair_in_tree(in_tree):
    """Attaches, and says that it is slower than with a queue for each processor."""
    i = SITUATIONS.index("one queue pair")
    assert attach(in_tree, i).status == 0
    assert "will operate in a slower locked tx mode" in in_tree.sh("dmesg").stdout
    detach(in_tree, i)


def test_one_queue_pair(ours):
    """The program's frames share the ring with the stack's, always."""
    assert_attaches_and_runs(ours, SITUATIONS.index("one queue pair"))


def test_no_merged_buffers_in_tree(in_tree):
    """Attaches without a word at a small MTU, and the program never runs."""
    i = SITUATIONS.index("no merged buffers")
    in_tree.sh(f"ip link set {in_tree.ifname(i)} mtu 1500")
    done = attach(in_tree, i)
    assert (done.status, done.stdout) == (0, "")
    assert answers(in_tree, i)
    detach(in_tree, i)


def test_no_merged_buffers(ours):
    """A program without frags sees whole frames of the host's large MTU."""
    i = SITUATIONS.index("no merged buffers")
    assert_attaches_and_runs(ours, i)
    assert_attaches_and_runs(ours, i, JUMBO)


def test_large_mtu_in_tree(in_tree):
    """Refused without frags."""
    done = attach(in_tree, SITUATIONS.index("large MTU"))
    assert done.status != 0
    assert "MTU too large to enable XDP without frags" in done.stdout


def test_large_mtu(ours):
    """Buffers become as long as the frames, for as long as the program is there."""
    i = SITUATIONS.index("large MTU")
    assert_attaches_and_runs(ours, i)
    assert_attaches_and_runs(ours, i, JUMBO)


def test_channels_in_tree(in_tree):
    """Channels cannot be changed while a program is attached."""
    i = SITUATIONS.index("channels")
    name = in_tree.ifname(i)
    in_tree.sh(f"ethtool -L {name} combined 1")
    assert attach(in_tree, i).status == 0
    assert in_tree.sh(f"ethtool -L {name} combined 2", check=False).status != 0
    detach(in_tree, i)


def test_channels(ours):
    """They can, and the program runs on each number of them."""
    i = SITUATIONS.index("channels")
    name = ours.ifname(i)
    assert answers(ours, i)
    assert attach(ours, i).status == 0
    for channels in (1, 2, 1, 2):
        ours.sh(f"ethtool -L {name} combined {channels}")
        grown = Growth(lambda: ours.ethtool_stats(i))
        assert not answers(ours, i)
        seen = grown()
        assert seen["rx0_xdp_drop"] + seen["rx1_xdp_drop"] >= 3
    detach(ours, i)
    assert answers(ours, i)


def switch_gro(guest, i, onoff):
    return guest.sh(f"ethtool -K {guest.ifname(i)} rx-gro-hw {onoff} 2>&1", check=False).status


def test_gro_hw_in_tree(in_tree):
    """GRO_HW cannot be switched while a program is attached."""
    i = SITUATIONS.index("GRO_HW")
    assert attach(in_tree, i).status == 0
    assert switch_gro(in_tree, i, "off") or switch_gro(in_tree, i, "on")
    detach(in_tree, i)


def test_gro_hw(ours):
    """It can, either way, and takes effect when the program has gone."""
    i = SITUATIONS.index("GRO_HW")
    assert attach(ours, i).status == 0
    for onoff in ("off", "on", "off", "on"):
        assert switch_gro(ours, i, onoff) == 0
        assert_runs(ours, i)
    detach(ours, i)
    assert answers(ours, i)


def test_frames_without_checksum_do_not_reach_a_program(ours):
    """TCP from the host's own stack: checksums are left out, and frames uncut, until a program is
    there that would see them."""
    i = SITUATIONS.index("GRO_HW")
    wait_carrier(ours, ours.ifname(i))
    server = ours.namespace.spawn("iperf3 -s -1")
    try:
        assert attach(ours, i).status == 0
        grown = Growth(lambda: ours.ethtool_stats(i))
        ours.sh(f"iperf3 -c 10.60.{i}.1 -R -n 4M", timeout=60)
        seen = grown()
        assert seen["rx0_xdp_partial"] == 0
        # segments, not the 64 KiB that the host would have sent
        assert seen["rx0_frames"] > (4 << 20) / 1514
    finally:
        server.terminate()
        detach(ours, i)
