# SPDX-License-Identifier: GPL-2.0-only
"""Address filters: which frames the NIC lets in, seen by a packet socket on the interface."""
import pytest

import frames
from drivers import DRIVER, assert_ledgers
from guest import Guest, Nic
from taps import TEST_TYPE, delivered
from topology import HOST_MAC, attribute, bring_up

pytestmark = pytest.mark.needs("filters")

HOST_WIRE = 0
OTHER_STATION = "02:00:00:00:77:77"
GROUP = "01:00:5e:11:22:33"
OTHER_GROUP = "01:00:5e:11:66:77"
# Without the one of the interface's own address, and an 8254x' management unit has one, too.
EXACT_FILTERS = Nic.default_model.exact_filters


@pytest.fixture(scope="module")
def guest():
    with Guest(nics=[Nic()], driver=DRIVER) as running:
        running.sh(f"sysctl -qw net.ipv6.conf.{running.ifname(HOST_WIRE)}.disable_ipv6=1")
        bring_up(running, HOST_WIRE)
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


@pytest.fixture
def ifname(guest):
    """The interface, with whatever a failed test has left behind removed afterwards."""
    name = guest.ifname(HOST_WIRE)
    yield name
    guest.sh(f"ip link set {name} promisc off allmulticast off address {guest.nics[HOST_WIRE].mac};"
             f"bridge fdb show dev {name} | while read mac rest; do "
             f"bridge fdb del $mac dev {name} self; done; ip maddr show dev {name} |"
             f"sed -n 's/.*link *\\(.*\\) static.*/ip maddr del \\1 dev {name}/p' | sh",
             check=False)


def heard(guest, *addresses):
    """Those of the destination addresses whose frame the NIC lets in."""
    sent = [frames.pad(frames.ether(address, HOST_MAC, TEST_TYPE)) for address in addresses]
    seen = delivered(guest, guest.ifname(HOST_WIRE), guest.wire(HOST_WIRE), sent)
    return [frames.mac_text(frame.head[:6]) for frame in seen]


def test_only_own_address_and_broadcast_pass(guest, ifname):
    """Unicast to us and broadcast arrive; another station's and an unknown group's do not."""
    own = attribute(guest, ifname, "address")
    assert heard(guest, OTHER_STATION, own, GROUP, frames.BROADCAST) == [own, frames.BROADCAST]


def test_promiscuous_mode_passes_everything_until_it_ends(guest, ifname):
    """Promisc on: another station's frames and any group arrive; off: they do not."""
    every = [OTHER_STATION, attribute(guest, ifname, "address"), GROUP, OTHER_GROUP]
    guest.sh(f"ip link set {ifname} promisc on")
    assert heard(guest, *every) == every
    guest.sh(f"ip link set {ifname} promisc off")
    assert heard(guest, *every) == every[1:2]


def test_joined_group_passes_until_it_is_left(guest, ifname):
    """Multicast join and leave: the joined group arrives and another does not."""
    guest.sh(f"ip maddr add {GROUP} dev {ifname}")
    assert heard(guest, OTHER_GROUP, GROUP) == [GROUP]
    guest.sh(f"ip maddr del {GROUP} dev {ifname}")
    assert heard(guest, OTHER_GROUP, GROUP) == []


def test_forty_groups_pass_at_once(guest, ifname):
    """Multicast: more groups than exact filters, each of them arrives, another does not."""
    groups = [f"01:00:5e:00:{i:02x}:{3 * i:02x}" for i in range(2, 42)]
    guest.sh("".join(f"ip maddr add {group} dev {ifname};" for group in groups))
    assert heard(guest, *groups, OTHER_STATION) == groups
    guest.sh("".join(f"ip maddr del {group} dev {ifname};" for group in groups))
    assert heard(guest, *groups) == []


def test_allmulti_passes_every_group_and_no_other_station(guest, ifname):
    """Allmulti: groups nobody joined arrive, another station's unicast does not."""
    guest.sh(f"ip link set {ifname} allmulticast on")
    assert heard(guest, GROUP, OTHER_STATION, OTHER_GROUP) == [GROUP, OTHER_GROUP]
    guest.sh(f"ip link set {ifname} allmulticast off")
    assert heard(guest, GROUP, OTHER_STATION, OTHER_GROUP) == []


def more_addresses(count):
    return [f"02:00:00:00:{0x10 + i:02x}:aa" for i in range(count)]


def change_addresses(guest, ifname, verb, addresses):
    guest.sh("".join(f"bridge fdb {verb} {a} dev {ifname} self permanent;" for a in addresses))


def test_as_many_addresses_as_filters_pass_by_exact_filters(guest, ifname):
    """Unicast filters: with all of them in use, other stations still do not arrive."""
    addresses = more_addresses(EXACT_FILTERS)
    change_addresses(guest, ifname, "add", addresses)
    assert heard(guest, OTHER_STATION, *addresses) == addresses
    change_addresses(guest, ifname, "del", addresses)
    assert heard(guest, *addresses) == []


def test_more_addresses_than_filters_still_all_pass(guest, ifname):
    """Unicast filters: one address too many opens the NIC; without it the filters are back."""
    addresses = more_addresses(EXACT_FILTERS + 1)
    change_addresses(guest, ifname, "add", addresses)
    assert heard(guest, OTHER_STATION, *addresses) == [OTHER_STATION, *addresses]
    assert "PROMISC" not in guest.sh(f"ip link show {ifname}").stdout
    change_addresses(guest, ifname, "del", addresses[:1])
    assert heard(guest, OTHER_STATION, *addresses) == addresses[1:]
    change_addresses(guest, ifname, "del", addresses[1:])
    assert heard(guest, OTHER_STATION, *addresses) == []


def test_changed_address_takes_effect_at_once(guest, ifname):
    """MAC change: the new address arrives and the old one no longer does, until it is back."""
    old, new = attribute(guest, ifname, "address"), "02:00:00:00:12:34"
    guest.sh(f"ip link set {ifname} address {new}")
    assert heard(guest, old, new) == [new]
    guest.sh(f"ip link set {ifname} down")
    bring_up(guest, HOST_WIRE)
    assert heard(guest, old, new) == [new]
    guest.sh(f"ip link set {ifname} address {old}")
    assert heard(guest, old, new) == [old]


@pytest.mark.parametrize("address", [GROUP, "00:00:00:00:00:00"], ids=["multicast", "zero"])
def test_invalid_own_address_is_refused_and_nothing_changes(guest, ifname, address):
    """MAC change: an address that no station can have is refused; the old one stays and works."""
    own = attribute(guest, ifname, "address")
    refused = guest.sh(f"ip link set {ifname} address {address}", check=False)
    assert refused.status != 0
    assert "Cannot assign requested address" in refused.stdout
    assert attribute(guest, ifname, "address") == own
    assert heard(guest, own, OTHER_STATION) == [own]
