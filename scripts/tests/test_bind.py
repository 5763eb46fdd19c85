# SPDX-License-Identifier: GPL-2.0-only
"""scripts/sluice bind and unbind: the NIC changes its driver, and nothing else changes."""
import importlib.machinery
import importlib.util
import json
import pathlib
import re
import shlex

import pytest

from counters import wait_for
from guest import Guest, Nic
from kernels import PROJECT, SCRIPTS
from topology import wait_carrier

COMMAND = SCRIPTS / "sluice"
VIRTIO, E1000, LEGACY, SHORT = range(4)
PCI = "/sys/bus/pci/drivers"
VENDORS = {"INTEL": "0x8086", "REDHAT_QUMRANET": "0x1af4"}
HOST = "10.0.2.2"
MAC = "02:00:00:00:12:34"
# The answer of who is not asked for anything that can be done.
REFUSED = 2
# What differs from one reading to the next, or says only that no one else has the address.
VARIES = re.compile(r"^\d+: |\bnodad\b|\btentative\b|\bqdisc \w+|\blinkdown\b", re.M)
SETTINGS = ("ip addr show dev IF", "ip route show table all dev IF",
            "ip -6 route show table all dev IF")


@pytest.fixture(scope="module")
def guest():
    """A NIC of each kind with its own driver; one that sluice cannot drive, and one only up to an
    MTU."""
    nics = [Nic(model="virtio", wire="user"), Nic(model="e1000", wire="user"),
            Nic(model="virtio", wire="user", options="disable-modern=on"),
            Nic(model="virtio", wire="user", options="mrg_rxbuf=off")]
    with Guest(nics=nics, driver="in-tree") as running:
        running.sh(f"insmod {running.module()}")
        # The emulator is a router; what it says comes when it comes.
        running.sh("for f in /proc/sys/net/ipv6/conf/*/accept_ra; do echo 0 >$f; done")
        yield running


@pytest.fixture(autouse=True)
def given_back(guest):
    """Each NIC begins with the driver it had at first, and nothing of an earlier test."""
    for i in (VIRTIO, E1000, SHORT):
        if driver(guest, i) == "sluice":
            assert sluice(guest, "unbind", guest.pci(i)).status == 0
        name = guest.ifname(i)
        guest.sh(f"ip link set {name} down; ip addr flush dev {name}; ip link set {name} name "
                 f"plain{i}; ip link set plain{i} mtu 1500 address {guest.nics[i].mac}")
    yield


@pytest.fixture(params=[VIRTIO, E1000], ids=["virtio", "e1000"])
def i(request):
    """Each of the NICs that both drivers can have."""
    return request.param


def sluice(guest, *words, before=""):
    return guest.sh(before + shlex.join([str(COMMAND), *words]) + " 2>&1", check=False, timeout=60)


def driver(guest, i):
    path = f"/sys/bus/pci/devices/{guest.pci(i)}/driver"
    return guest.sh(f"basename $(readlink {path})", check=False).stdout.strip()


OF_ITS_OWN = {VIRTIO: "virtio-pci", E1000: "e1000"}


def settings(guest, i):
    """What ip says of the interface, without what is not a setting."""
    wait_carrier(guest, guest.ifname(i))
    # an address that may be somebody else's has no route yet
    wait_for(lambda: guest.sh(f"ip -6 addr show dev {guest.ifname(i)} tentative").stdout,
             lambda seen: not seen, 10, "the link-local address")
    text = guest.sh("; ".join(SETTINGS).replace("IF", guest.ifname(i))).stdout
    return sorted(VARIES.sub("", line).split() for line in text.splitlines())


def configure(guest, i):
    """An uplink with a name, an MTU and a MAC of its own, addresses and routes of all kinds."""
    name = guest.ifname(i)
    guest.sh(f"set -e; ip link set {name} name wan0; ip link set wan0 mtu 1400 address {MAC};"
             "ip link set wan0 up; ip addr add 10.0.2.15/24 brd + dev wan0 label wan0:a;"
             "ip addr add 192.0.2.7/32 dev wan0; ip addr add 198.51.100.1 peer 198.51.100.2/32 "
             "dev wan0; ip addr add fd00:5::5/64 dev wan0 nodad; "
             "ip addr add fd00:6::6/64 dev wan0 nodad noprefixroute; "
             "ip addr add fe80::77/64 dev wan0 nodad;")
    wait_carrier(guest, "wan0")
    guest.sh("set -e; ip route add 203.0.113.200 dev wan0; "
             "ip route add 203.0.113.64/26 via 203.0.113.200 dev wan0;"
             f"ip route add default via {HOST} metric 55; "
             "ip route add 203.0.113.128/25 via 192.168.7.7 dev wan0 onlink table 77 proto static;"
             "ip -6 route add default via fe80::2 dev wan0 metric 70;"
             "ip -6 route add fd00:7::/64 via fd00:5::9 dev wan0 src fd00:5::5 table 77")
    return settings(guest, i)


def assert_carries(guest):
    """The host answers, over the default route."""
    guest.sh(f"ping -c 3 -i 0.3 -W 5 {HOST}")


# The way there and back

def test_list_of_devices_is_the_drivers():
    """The command knows the devices that the module's table has, and no other."""
    loader = importlib.machinery.SourceFileLoader("sluice_command", str(COMMAND))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("sluice_command",
                                                                             loader))
    loader.exec_module(module)
    source = pathlib.Path(PROJECT, "src", "pci.c").read_text(encoding="utf-8")
    known = {(VENDORS[vendor], number)
             for vendor, number in re.findall(r"PCI_VDEVICE\((\w+), (0x\w+)\)", source)}
    assert module.DEVICES == known


def test_everything_is_kept_both_ways(guest, i):
    """Name, MAC, MTU, addresses v4 and v6, routes: the same with either driver, traffic passes."""
    before = configure(guest, i)
    for verb, now in (("bind", "sluice"), ("unbind", OF_ITS_OWN[i])):
        done = sluice(guest, verb, guest.pci(i))
        assert (done.status, done.stdout) == (0, f"{guest.pci(i)}: {now} drives wan0\n")
        assert driver(guest, i) == now
        assert settings(guest, i) == before
        assert_carries(guest)


def test_interface_that_is_down_stays_down(guest, i):
    """Down with an address: down, with its name and address."""
    name = guest.ifname(i)
    guest.sh(f"ip addr add 10.9.9.9/24 dev {name}")
    assert sluice(guest, "bind", guest.pci(i)).status == 0
    text = guest.sh(f"ip addr show {name}").stdout
    assert "state DOWN" in text and "10.9.9.9/24" in text and "UP" not in text.split(">")[0]


def test_lease_is_kept_with_the_time_it_has_left(guest):
    """An address for a time, as a server gives it: the rest of that time, and not for ever."""
    name = guest.ifname(VIRTIO)
    guest.sh(f"ip link set {name} up; ip addr add 10.9.9.9/24 dev {name} valid_lft 500 "
             "preferred_lft 400")
    assert sluice(guest, "bind", guest.pci(VIRTIO)).status == 0
    address, = json.loads(guest.sh(f"ip -j -4 addr show {name}").stdout)[0]["addr_info"]
    assert 300 < address["valid_life_time"] <= 500
    assert 200 < address["preferred_life_time"] <= 400


def test_nic_without_an_interface_is_handed_over(guest):
    """Nothing to keep: virtio-pci has it, and nobody drives its virtio device."""
    guest.sh("rmmod virtio_net")
    try:
        done = sluice(guest, "bind", guest.pci(VIRTIO))
        assert done.status == 0, done.stdout
        assert driver(guest, VIRTIO) == "sluice"
    finally:
        guest.sh("modprobe virtio_net")


def routes_of_a_router(guest):
    return guest.sh("ip -6 route show default dev wan0").stdout.splitlines()


def test_routers_word_is_the_kernels_to_hear(guest):
    """A default route by router advertisement: once, not twice, and of the kernel's own making."""
    name = guest.ifname(VIRTIO)
    defaults = "/proc/sys/net/ipv6/conf/default/accept_ra"
    guest.sh(f"ip link set {name} name wan0; echo 1 >{defaults}; "
             "echo 1 >/proc/sys/net/ipv6/conf/wan0/accept_ra; ip link set wan0 up")
    wait_for(lambda: routes_of_a_router(guest), bool, 20, "a router")
    assert sluice(guest, "bind", guest.pci(VIRTIO)).status == 0
    route, = wait_for(lambda: routes_of_a_router(guest), bool, 20, "a router")
    assert "proto ra" in route and "hoplimit" in route
    guest.sh(f"echo 0 >{defaults}")


# What is refused

def state(guest):
    """Who drives what, and what the interfaces are."""
    text = guest.sh(f"ls -d {PCI}/*/0000:*; ip -d addr; cat /sys/bus/pci/devices/*/driver_override;"
                    "ls /run/sluice", check=False).stdout
    return re.sub(r"_lft \d+sec", "", text)


def assert_refused(guest, words, sentence, before=""):
    """Status 2, one sentence, and everything is as it was."""
    # the directory is no part of what shall not change
    guest.sh("mkdir -p /run/sluice; : >>/run/sluice/lock")
    was = state(guest)
    done = sluice(guest, *words, before=before)
    assert done.status == REFUSED, done.stdout
    assert done.stdout.count("\n") == 1 and done.stdout.startswith("sluice: ")
    assert sentence in done.stdout
    assert state(guest) == was


def address_of_9p(guest):
    """The device that the guest's own root hangs on."""
    return guest.sh("basename $(dirname $(grep -l 0x1009 /sys/bus/pci/devices/*/device))"
                    ).stdout.strip()


NO_DEVICE = "no such PCI device; 'lspci -D' lists them"
REFUSALS = {
    "no such device": (lambda g: ["bind", "0000:44:00.0"], NO_DEVICE),
    "no address": (lambda g: ["bind", "../drivers"], NO_DEVICE),
    "no domain": (lambda g: ["bind", g.pci(VIRTIO).removeprefix("0000:")], NO_DEVICE),
    "no NIC": (lambda g: ["bind", address_of_9p(g)], "not a NIC that sluice drives"),
    "legacy": (lambda g: ["bind", g.pci(LEGACY)], "start it with disable-modern=off"),
    "not ours to give back": (lambda g: ["unbind", g.pci(VIRTIO)],
                              "its driver is virtio-pci, not sluice"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(guest, case):
    """What cannot be done is not begun."""
    words, sentence = REFUSALS[case]
    assert_refused(guest, words(guest), sentence)


def test_refused_twice(guest):
    """A NIC that sluice has already, and one of which nobody knows who had it."""
    address = guest.pci(VIRTIO)
    sluice(guest, "bind", address)
    assert_refused(guest, ["bind", address], "sluice drives it already")
    guest.sh(f"mv /run/sluice/{address} /run/sluice/away")
    assert_refused(guest, ["unbind", address], "nobody knows which driver it had")
    guest.sh(f"mv /run/sluice/away /run/sluice/{address}")


def test_refused_without_the_module(guest):
    """No module, nothing to bind to."""
    guest.sh("rmmod sluice")
    try:
        assert_refused(guest, ["bind", guest.pci(VIRTIO)], "the module is not loaded")
    finally:
        guest.sh(f"insmod {guest.module()}")


def test_refused_to_who_is_not_root(guest):
    """Anybody else."""
    assert_refused(guest, ["bind", guest.pci(VIRTIO)], "only root may",
                   before="setpriv --reuid=65534 ")


@pytest.mark.parametrize("upper", ["ip link add link IF name v5 type vlan id 5",
                                   "ip link add v5 type bridge; ip link set IF master v5"],
                         ids=["vlan", "bridge"])
def test_refused_below_another_interface(guest, upper):
    """A VLAN would vanish with its interface, a bridge would lose its port."""
    guest.sh("modprobe -a 8021q bridge; " + upper.replace("IF", guest.ifname(VIRTIO)))
    try:
        assert_refused(guest, ["bind", guest.pci(VIRTIO)], "v5 lies on its interface")
    finally:
        guest.sh("ip link del v5")


# What fails on the way

def test_settings_that_sluice_cannot_have_send_the_nic_back(guest):
    """An MTU beyond sluice's limit: its own driver has it again, with that MTU and all else."""
    configure(guest, SHORT)
    guest.sh("ip link set wan0 mtu 65535")
    before = settings(guest, SHORT)
    done = sluice(guest, "bind", guest.pci(SHORT))
    assert done.status == 1
    assert "mtu greater than device maximum" in done.stdout
    assert done.stdout.endswith(f"sluice: {guest.pci(SHORT)} is with virtio-pci again\n")
    assert driver(guest, SHORT) == "virtio-pci"
    assert settings(guest, SHORT) == before
    assert_carries(guest)


def strike(guest, signal, whom):
    """Send a signal as soon as the NIC has left its driver; the exit status and what was said."""
    address = guest.pci(VIRTIO)
    return guest.sh(f"{COMMAND} bind {address} >/tmp/said 2>&1 & caller=$!; "
                    f"while [ -e {PCI}/virtio-pci/{address} ]; do :; done; kill -{signal} {whom}; "
                    "wait $caller; status=$?; flock /run/sluice/lock cat /tmp/said; exit $status",
                    check=False, timeout=60)


@pytest.mark.parametrize("signal, whom, status, ends_with", [
    ("KILL", "$caller", 128 + 9, "sluice"), ("KILL", "$(pgrep -P $caller)", 1, "virtio-pci"),
    ("HUP", "$caller $(pgrep -P $caller)", 0, "sluice"),
    ("TERM", "$caller $(pgrep -P $caller)", 0, "sluice")],
    ids=["caller killed", "worker killed", "hangup", "terminated"])
def test_interrupted_hand_over_is_ended_or_undone(guest, signal, whom, status, ends_with):
    """Struck between two drivers: one of them has the NIC in the end, with all its settings."""
    before = configure(guest, VIRTIO)
    done = strike(guest, signal, whom)
    assert done.status == status, done.stdout
    assert driver(guest, VIRTIO) == ends_with, done.stdout
    assert settings(guest, VIRTIO) == before
    assert_carries(guest)
