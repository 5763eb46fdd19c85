# SPDX-License-Identifier: GPL-2.0-only
"""VLAN offloads: the tag that the NIC inserts, strips, and filters by."""
import hashlib

import pytest

import frames
from drivers import DRIVER, assert_ledgers, sluice_only
from guest import Guest, Nic
from taps import TEST_TYPE, Tap, delivered, program, sentinel, share_file
from topology import HOST_MAC, bring_up
from tracepoints import counted_events

HOST_WIRE = 0
VID, OTHER_VID = 5, 6
PRIORITY = 3
TCI = PRIORITY << 13 | VID
SIZES = [60, 61, 127, 1000, 1513, 1514]
ways = pytest.mark.parametrize("by_nic", [
    pytest.param(True, marks=pytest.mark.needs("tags"), id="by the NIC"),
    pytest.param(False, id="by the stack")])
filters = pytest.mark.needs("filters")


@pytest.fixture(scope="module")
def guest():
    """One interface with VLAN 5 on it; what is sent there has priority 3."""
    with Guest(nics=[Nic()], driver=DRIVER) as running:
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")
        ifname = running.ifname(HOST_WIRE)
        running.sh(f"sysctl -qw net.ipv6.conf.{ifname}.disable_ipv6=1")
        bring_up(running, HOST_WIRE)
        running.sh(f"modprobe 8021q && ip link add link {ifname} name v5 type vlan id {VID} "
                   f"egress-qos-map 0:{PRIORITY} && ip link set v5 up")
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


def tag_offload(guest, on):
    """One bit of the device (CTRL.VME) switches insertion and stripping, so both go together."""
    state = "on" if on else "off"
    if not Nic.default_model.can("tags"):
        return
    guest.sh(f"ethtool -K {guest.ifname(HOST_WIRE)} rxvlan {state} txvlan {state}")


@pytest.fixture(autouse=True)
def default_features(guest):
    yield
    tag_offload(guest, True)


def patterned_frames(target):
    """Frames of several sizes, each with bytes of its own."""
    return [frames.ether(target, HOST_MAC, TEST_TYPE, frames.pattern(size - 14, seed))
            for seed, size in enumerate(SIZES)]


def tagged_by_metadata(guest, event):
    """Count an event by whether the tag is outside the frame, where only the NIC puts it."""
    return counted_events(guest, event, "vlan_tagged", f'name=="{guest.ifname(HOST_WIRE)}"')


@ways
def test_tag_is_inserted_on_the_wire(guest, by_nic):
    """VLAN insert: each frame has VID 5 and priority 3 on the wire, the rest unchanged."""
    tag_offload(guest, by_nic)
    wire = guest.wire(HOST_WIRE)
    sent = patterned_frames(HOST_MAC)
    path = share_file(sent, guest.run_dir)
    wire.drain()
    with tagged_by_metadata(guest, "net:net_dev_start_xmit") as events:
        guest.sh(f"{program('packet_socket.py')} send v5 {path}")
        assert events.by_key() == {int(by_nic): len(sent)}
    assert wire.recv_many(len(sent)) == [frames.vlan(frame, VID, PRIORITY) for frame in sent]


@ways
def test_tag_is_stripped_and_selects_the_vlan_interface(guest, by_nic):
    """VLAN strip: v5 gets the frames without tag; with rxvlan off the NIC left it in."""
    tag_offload(guest, by_nic)
    sent = patterned_frames(guest.nics[HOST_WIRE].mac)
    tap = Tap(guest, "v5")
    with tagged_by_metadata(guest, "net:napi_gro_receive_entry") as events:
        guest.wire(HOST_WIRE).send_many(frames.vlan(frame, VID, PRIORITY)
                                        for frame in [*sent, sentinel()])
        seen = tap.delivered()
        assert events.by_key() == {int(by_nic): len(sent) + 1}
    assert [frame.sha256 for frame in seen] == [hashlib.sha256(f).hexdigest() for f in sent]


def tags_heard(guest):
    """The tags, of one frame in the joined VLAN and one in another, that reach the interface."""
    frame = frames.pad(frames.ether(guest.nics[HOST_WIRE].mac, HOST_MAC, TEST_TYPE))
    sent = [frames.vlan(frame, vid) for vid in (OTHER_VID, VID, 0)]
    heard = delivered(guest, guest.ifname(HOST_WIRE), guest.wire(HOST_WIRE), sent)
    return [frame.tag for frame in heard]


@filters
def test_filter_lets_only_registered_vlans_in(guest):
    """VLAN filter: VID 5 and priority tags (VID 0) arrive, the unregistered VID 6 does not."""
    assert tags_heard(guest) == [VID, 0]


@filters
def test_filter_lets_a_vlan_in_as_long_as_it_is_registered(guest):
    """VLAN filter: VID 6 arrives while an interface for it exists."""
    guest.sh(f"ip link add link {guest.ifname(HOST_WIRE)} name v6 type vlan id {OTHER_VID}")
    assert tags_heard(guest) == [OTHER_VID, VID, 0]
    guest.sh("ip link del v6")
    assert tags_heard(guest) == [VID, 0]


@filters
def test_promiscuous_mode_lets_every_vlan_in(guest):
    """VLAN filter: in promiscuous mode an unregistered VID arrives too."""
    ifname = guest.ifname(HOST_WIRE)
    guest.sh(f"ip link set {ifname} promisc on")
    assert tags_heard(guest) == [OTHER_VID, VID, 0]
    guest.sh(f"ip link set {ifname} promisc off")
    assert tags_heard(guest) == [VID, 0]


@pytest.mark.needs("filter switch")
@sluice_only
def test_filter_off_lets_every_vlan_in(guest):
    """VLAN filter: with rx-vlan-filter off every VID arrives until it is on again."""
    ifname = guest.ifname(HOST_WIRE)
    guest.sh(f"ethtool -K {ifname} rx-vlan-filter off")
    assert tags_heard(guest) == [OTHER_VID, VID, 0]
    guest.sh(f"ethtool -K {ifname} rx-vlan-filter on")
    assert tags_heard(guest) == [VID, 0]


@filters
def test_filter_survives_down_and_up(guest):
    """VLAN filter: a reset of the device does not forget the registered VLANs."""
    guest.sh(f"ip link set {guest.ifname(HOST_WIRE)} down")
    bring_up(guest, HOST_WIRE)
    guest.sh("ip link set v5 up")
    assert tags_heard(guest) == [VID, 0]
