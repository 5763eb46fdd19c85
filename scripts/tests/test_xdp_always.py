# SPDX-License-Identifier: GPL-2.0-only
"""XDP always attaches: six situations in which the kernel's virtio_net refuses a program, does not
run it, or does not let anything be changed while it is there.

Each is first reproduced with that driver, and then seen to work with sluice: the program drops
echo requests' answers, and nothing else.  The other end is the host's own TCP/IP behind a tap.
"""
import json

import pytest

import bpf
import tap_namespace
from counters import Growth
from drivers import assert_ledgers
from guest import Guest, Nic
from topology import bring_up, wait_carrier

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


def boot(driver):
    """A guest with a NIC for each situation, all up, and their taps with addresses."""
    nics = [Nic(model="virtio", options=options, wire=("tap", queues))
            for options, queues in NICS.values()]
    guest = Guest(nics=nics, driver=driver)
    guest.boot()
    for i, nic in enumerate(nics):
        guest.namespace.sh(f"ip link set {nic.tap()} up mtu 9000; "
                           f"ip addr add 10.60.{i}.1/24 dev {nic.tap()}")
        bring_up(guest, i, f"10.60.{i}.2/24")
    return guest


@pytest.fixture(scope="module")
def in_tree():
    guest = boot("in-tree")
    yield guest
    guest.close()


@pytest.fixture(scope="module")
def ours():
    guest = boot("sluice")
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


def test_counters_and_frames_survive_the_reset(ours):
    """Frames from the host while a program comes and goes, each time by a reset of the device: each
    has been counted, but for what was in a ring."""
    i, count, sizes = SITUATIONS.index("no command for offloads"), 3000, 256
    grown = Growth(lambda: ours.ethtool_stats(i))
    tap = ours.nics[i].tap()
    sender = ours.namespace.spawn(f"ping -q -c {count} -i 0.002 -s 100 10.60.{i}.2")
    for _ in range(4):
        assert attach(ours, i).status == 0
        detach(ours, i)
    sender.wait(60)
    lost = json.loads(ours.namespace.sh(f"ip -s -j link show dev {tap}"))[0]
    dropped = lost["stats64"]["tx"]["dropped"]
    seen = grown()
    assert count - 8 * sizes - dropped <= seen["rx0_frames"]
    assert seen["rx0_frames"] == seen["rx0_passed"] + seen["rx0_xdp_drop"] + \
        seen["rx0_xdp_partial"]


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
