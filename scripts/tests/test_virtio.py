# SPDX-License-Identifier: GPL-2.0-only
"""What virtio-net alone has: what the host may choose of a device, and what sluice cannot drive.

Not seen here, as the emulator makes no such device: a modern one without VERSION_1, one that does
not accept the features it has offered, one without a valid address.
"""
import re

import pytest

import frames
from drivers import assert_ledgers
from guest import Guest, Nic
from kernels import SCRIPTS
from steady_traffic import assert_carries_frames, frame_to
from taps import delivered
from topology import HOST_MAC, attribute, bring_up, wait_carrier

SLUICE = SCRIPTS / "sluice"
# What a host may ask for, one NIC each.
OPTIONS = ["disable-legacy=on", "event_idx=off", "indirect_desc=off", "mrg_rxbuf=off", "status=off",
           "ctrl_vq=off", "vectors=0", "vectors=1", "vectors=2", "rx_queue_size=1024",
           "host_mtu=1400", "host_mtu=9000", "speed=10000,duplex=full", "page-per-vq=on"]
MAPPINGS = "grep -c ' ioremap$' /proc/vmallocinfo"
FRAMES = 600


def number(options):
    return OPTIONS.index(options)


@pytest.fixture(scope="module")
def guest():
    nics = [Nic(model="virtio", options=options) for options in OPTIONS]
    with Guest(nics=nics) as running:
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                   "net.ipv6.conf.all.disable_ipv6=1")
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


@pytest.mark.parametrize("options", OPTIONS)
def test_frames_pass_whatever_the_host_has_chosen(guest, options):
    """Each option of the device: 600 frames each way, exactly, more than twice around the rings."""
    bring_up(guest, number(options))
    assert_carries_frames(guest, number(options), FRAMES)


# What the host says of a device

def test_address_is_the_hosts(guest):
    """MAC: the host's is the interface's, and the one it goes back to."""
    for i, nic in enumerate(guest.nics):
        text = guest.sh(f"ip -d link show {guest.ifname(i)}").stdout
        assert f"link/ether {nic.mac}" in text and "permaddr" not in text


@pytest.mark.parametrize("wanted, missing", [("rx-usecs 10", "not offer NOTF_COAL"),
                                             ("tx-frames 10", "not offer NOTF_COAL"),
                                             ("adaptive-rx on", "VQ_NOTF_COAL")])
def test_throttling_is_refused_where_the_host_does_not_offer_it(guest, wanted, missing):
    """ethtool -C: what the device would need, and all is as it was."""
    ifname = guest.ifname(0)
    before = guest.sh(f"ethtool -c {ifname}").stdout
    refused = guest.sh(f"ethtool -C {ifname} {wanted}", check=False)
    assert refused.status != 0
    assert missing in refused.stdout
    assert guest.sh(f"ethtool -c {ifname}").stdout == before


@pytest.mark.parametrize("options, mtu", [("host_mtu=1400", 1400), ("host_mtu=9000", 9000)])
def test_mtu_is_the_hosts(guest, options, mtu):
    """host_mtu: it is the interface's, and no more is possible."""
    ifname = guest.ifname(number(options))
    assert attribute(guest, ifname, "mtu") == str(mtu)
    refused = guest.sh(f"ip link set {ifname} mtu {mtu + 1}", check=False)
    assert refused.status != 0
    assert "mtu greater than device maximum" in refused.stdout


def test_speed_and_duplex_are_the_hosts(guest):
    """speed, duplex: as the host says, unknown where it says nothing."""
    said = {}
    for options in ("speed=10000,duplex=full", "event_idx=off"):
        bring_up(guest, number(options))
        text = guest.sh(f"ethtool {guest.ifname(number(options))}").stdout
        said[options] = re.findall(r"^\s(?:Speed|Duplex): (.*)$", text, re.M)
    assert list(said.values()) == [["10000Mb/s", "Full"], ["Unknown!", "Unknown! (255)"]]


def test_link_follows_the_host(guest):
    """set_link: carrier lost and back, without a frame lost in the end; without STATUS it stays."""
    following, deaf = number("event_idx=off"), number("status=off")
    for i in (following, deaf):
        bring_up(guest, i)
        guest.qmp("set_link", name=guest.nics[i].id, up=False)
    wait_carrier(guest, guest.ifname(following), on=False)
    assert attribute(guest, guest.ifname(deaf), "carrier") == "1"
    for i in (following, deaf):
        guest.qmp("set_link", name=guest.nics[i].id, up=True)
        wait_carrier(guest, guest.ifname(i))
        assert_carries_frames(guest, i, FRAMES)


@pytest.mark.parametrize("options", ["page-per-vq=on", "event_idx=off"])
def test_no_register_stays_mapped(guest, options):
    """unbind: doorbells in one page, or in a page each, are mapped as often as before."""
    address = guest.pci(number(options))
    before = guest.sh(MAPPINGS).stdout
    guest.sh(f"echo {address} >/sys/bus/pci/drivers/sluice/unbind")
    assert int(guest.sh(MAPPINGS).stdout) < int(before)
    guest.sh(f"echo {address} >/sys/bus/pci/drivers/sluice/bind")
    assert guest.sh(MAPPINGS).stdout == before


@pytest.mark.parametrize("options", ["rx_queue_size=1024", "event_idx=off"])
def test_rings_are_no_larger_than_the_devices_smallest(guest, options):
    """ethtool -g: what every queue of the device can have; beyond that it is refused."""
    ifname = guest.ifname(number(options))
    limits = guest.sh(f"ethtool -g {ifname}").stdout.split("Current hardware settings")[0]
    assert re.findall(r"^(?:RX|TX):\s+(\d+)", limits, re.M) == ["256", "256"]
    for which in ("rx", "tx"):
        assert guest.sh(f"ethtool -G {ifname} {which} 512", check=False).status != 0


@pytest.mark.parametrize("options", ["mrg_rxbuf=off", "event_idx=off"])
def test_every_size_arrives(guest, options):
    """From a bare header to a full buffer, with and without frames of several buffers."""
    i = number(options)
    bring_up(guest, i)
    sizes = [14, 15, 59, 60, 61, 1023, 1500, 1513, 1514]
    sent = [frames.ether(guest.nics[i].mac, HOST_MAC, 0x88b5, frames.pattern(size - 14, size))
            for size in sizes]
    seen = delivered(guest, guest.ifname(i), guest.wire(i), sent)
    assert [frame.length for frame in seen] == sizes
    assert [frame.head for frame in seen] == [frame[:len(f.head)] for frame, f in zip(sent, seen)]


# Devices that sluice cannot drive

def take(guest, i):
    """Hand the NIC over by hand; what the kernel's log has gained."""
    known = len(guest.console())
    address = guest.pci(i)
    guest.sh(f"cd /sys/bus/pci/devices/{address}; echo {address} >driver/unbind; "
             "echo sluice >driver_override; ! echo " f"{address} >/sys/bus/pci/drivers/sluice/bind")
    return guest.console()[known:]


def assert_can_go_back(guest, i):
    """The kernel's own driver has it again, and it works."""
    address = guest.pci(i)
    guest.sh(f"echo >/sys/bus/pci/devices/{address}/driver_override; "
             f"echo {address} >/sys/bus/pci/drivers_probe")
    guest.wait_interfaces()
    assert_answers(guest, i)


def assert_answers(guest, i):
    name = guest.ifname(i)
    guest.sh(f"ip link set {name} up; ip addr replace 10.0.2.15/24 dev {name}; "
             "ping -c 2 -i 0.3 -W 5 10.0.2.2")


def test_legacy_device_is_refused_with_the_remedy():
    """disable-modern=on: the log says what to change, and virtio_net gets the NIC back."""
    with Guest(nics=[Nic(model="virtio", wire="user", options="disable-modern=on")],
               driver="in-tree") as legacy:
        legacy.sh(f"insmod {legacy.module()}")
        assert "start it with disable-modern=off" in take(legacy, 0)
        assert_can_go_back(legacy, 0)


BEHIND, BYPASSING = range(2)


@pytest.fixture(scope="module")
def iommu_guest():
    """Two NICs behind an IOMMU, of which the second does not know of it."""
    nics = [Nic(model="virtio", options="disable-legacy=on,iommu_platform=on"),
            Nic(model="virtio", wire="user", options="disable-legacy=on,iommu_platform=off")]
    with Guest(nics=nics, machine="q35", driver="in-tree", cmdline="intel_iommu=on,strict",
               extra_args=["-device", "intel-iommu,intremap=off"]) as running:
        running.sh(f"insmod {running.module()}; sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                   "net.ipv6.conf.all.disable_ipv6=1")
        yield running


def test_device_behind_an_iommu_works(iommu_guest):
    """iommu_platform=on: every address it is given is one of the IOMMU's, and no access fails."""
    guest = iommu_guest
    assert guest.sh(f"{SLUICE} bind {guest.pci(BEHIND)}", timeout=60).status == 0
    guest.sh(f"test -e /sys/bus/pci/devices/{guest.pci(BEHIND)}/iommu_group")
    ifname = bring_up(guest, BEHIND)
    assert_carries_frames(guest, BEHIND, FRAMES)
    guest.sh(f"ip link set {ifname} mtu 9000")
    bring_up(guest, BEHIND)
    large = [frame_to(guest, BEHIND, 9014)] * 3
    assert [f.length for f in delivered(guest, ifname, guest.wire(BEHIND), large)] == [9014] * 3
    assert "DMAR: [DMA" not in guest.console()


def test_device_that_bypasses_the_iommu_is_refused_and_given_back(iommu_guest):
    """iommu_platform=off: probe refuses with the remedy; virtio_net has the NIC again, as it was.
    """
    guest, i = iommu_guest, BYPASSING
    assert_answers(guest, i)
    before = guest.sh(f"ip addr show {guest.ifname(i)}; ip route").stdout
    done = guest.sh(f"{SLUICE} bind {guest.pci(i)} 2>&1", check=False, timeout=60)
    assert done.status == 1
    assert f"{guest.pci(i)} is with virtio-pci again" in done.stdout
    assert "iommu_platform=on" in guest.console()
    after = guest.sh(f"ip addr show {guest.ifname(i)}; ip route").stdout
    assert re.sub(r"(?m)^\d+: ", "", after) == re.sub(r"(?m)^\d+: ", "", before)
    assert_answers(guest, i)
