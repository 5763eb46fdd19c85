# SPDX-License-Identifier: GPL-2.0-only
"""Received flows of virtio-net: which queue the device gives them to, and the hash that it says.

The other end is the host's own UDP behind a tap of four queues. For each flow the test computes the
hash by itself, with the key that the interface shows, and looks up in the table where it belongs.
"""
import collections
import contextlib
import ipaddress
import random
import re

import pytest

import tap_namespace
from counters import Growth, wait_for
from drivers import assert_ledgers
from guest import Guest, Nic
from memory_guest import MemoryGuest
from taps import program
from topology import bring_up, wait_carrier
from tracepoints import counted_events
from xdp import Port

pytestmark = pytest.mark.skipif(bool(tap_namespace.why_not()), reason=str(tap_namespace.why_not()))

QUEUES, ENTRIES, KEY_BYTES = 4, 128, 40
FOUR = f"mq=on,vectors={2 * QUEUES + 2}"
# What the host has chosen, one NIC each: model, options, queues of the tap.
NICS = {
    "split": ("virtio", f"{FOUR},rss=on,hash=on", QUEUES),
    "packed": ("virtio-packed", f"{FOUR},rss=on,hash=on", QUEUES),
    "no hashes said": ("virtio", f"{FOUR},rss=on", QUEUES),
    "no queues": ("virtio", "hash=on", 1),
    "RSS in place of MQ": ("virtio", f"vectors={2 * QUEUES + 2},mq=off,rss=on,hash=on", QUEUES),
}
KINDS = list(NICS)
BOTH = ["split", "packed"]
SPREADING = [kind for kind in KINDS if kind != "no queues"]
SAYING = [kind for kind in KINDS if kind != "no hashes said"]
# Source ports, one flow each, and where they go: less than a ring of the emulator's.  Neighbouring
# ports differ in 7 bits only, and the hash is linear: 1 of 43 keys, which the kernel draws anew at
# each boot, would leave queues empty.  These differ in 15 bits, and 1 key of 11,000 does.
PORTS, PORT = random.Random(1).sample(range(1024, 32768), 96), 9
BYTES = 64
SENDER = ("import socket; "
          "[(lambda s: (s.bind(('{source}', p)), s.sendto(bytes({bytes}), ('{to}', {port}))))"
          "(socket.socket({family}, socket.SOCK_DGRAM)) for p in {ports}]")
KEY = ":".join(f"{byte:02x}" for byte in range(1, KEY_BYTES + 1))


def start(guest):
    """Interfaces and taps up; the neighbours are told, so that nobody asks."""
    for run in (guest.sh, guest.namespace.sh):
        run("sysctl -qw net.ipv6.conf.default.accept_dad=0")
    for i, nic in enumerate(guest.nics):
        if nic.wire == "dgram":
            continue
        tap = nic.tap()
        guest.namespace.sh(f"ip link set {tap} up; ip addr add {host(i, 4)}/24 dev {tap}; "
                           f"ip addr add {host(i, 6)}/64 dev {tap} nodad")
        tell(guest, i)
        if nic.wire[1] == QUEUES:
            guest.sh(f"ethtool -L {guest.ifname(i)} combined {QUEUES}")


def tell(guest, i):
    """Addresses of the guest, which go with IPv6 when an interface goes down, and neighbours."""
    name = bring_up(guest, i, f"{mine(i, 4)}/24", f"{mine(i, 6)}/64")
    nic = guest.nics[i]
    tap_mac = guest.namespace.sh(f"ip -br link show {nic.tap()}").split()[2]
    for version in (4, 6):
        guest.sh(f"ip neigh replace {host(i, version)} lladdr {tap_mac} dev {name}")
        guest.namespace.sh(f"ip neigh replace {mine(i, version)} lladdr {nic.mac} "
                           f"dev {nic.tap()}")


@pytest.fixture(scope="module")
def guest():
    nics = [Nic(model=model, options=options, wire=("tap", queues))
            for model, options, queues in NICS.values()]
    with Guest(nics=[*nics, Nic(model="e1000")]) as running:
        start(running)
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    for i in range(len(NICS)):
        guest.sh(f"ethtool -X {guest.ifname(i)} default", check=False)
    assert_ledgers(guest)


def host(i, version):
    return f"10.66.{i}.1" if version == 4 else f"fd66:{i}::1"


def mine(i, version):
    return f"10.66.{i}.2" if version == 4 else f"fd66:{i}::2"


# The hash, and what is to come of it

def toeplitz(key, data):
    """The hash of virtio 1.2, 5.1.6.4.3: for each bit of the data, 32 bits of the key."""
    bits, word = len(key) * 8, int.from_bytes(key, "big")
    ones = [i for i in range(len(data) * 8) if data[i // 8] << i % 8 & 0x80]
    value = 0
    for i in ones:
        value ^= word >> bits - 32 - i & 0xffffffff
    return value


def configured(guest, i):
    """The table and the key that the interface shows."""
    text = guest.sh(f"ethtool -x {guest.ifname(i)}").stdout
    rows = re.findall(r"^ *\d+:((?: +\d+)+)$", text, re.M)
    key = re.search(r"RSS hash key:\n([0-9a-f:]+)", text)[1]
    assert "toeplitz: on" in text
    return [int(entry) for row in rows for entry in row.split()], bytes.fromhex(
        key.replace(":", ""))


def hashes(guest, i, version=4, ports=True):
    """The hash of each flow."""
    key = configured(guest, i)[1]
    addresses = b"".join(ipaddress.ip_address(a(i, version)).packed for a in (host, mine))
    return [toeplitz(key, addresses + (p.to_bytes(2, "big") + PORT.to_bytes(2, "big")
                                       if ports else b"")) for p in PORTS]


def by_table(guest, i, version=4, ports=True):
    """How many of the flows belong to each queue."""
    table = configured(guest, i)[0]
    return dict(collections.Counter(table[value % len(table)]
                                    for value in hashes(guest, i, version, ports)))


def send(guest, i, version=4):
    """A datagram of each flow."""
    values = {"source": host(i, version), "to": mine(i, version), "port": PORT, "bytes": BYTES,
              "family": f"socket.AF_INET{'' if version == 4 else '6'}",
              "ports": PORTS}
    text = SENDER
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    guest.namespace.sh(f'python3 -c "{text}"')


@contextlib.contextmanager
def datagrams(guest, i, key, version=4, condition=""):
    """Those that reach the stack, counted by a field; other frames have other lengths."""
    length = BYTES + (28 if version == 4 else 48)
    with counted_events(guest, "net:napi_gro_receive_entry", key,
                        f'name=="{guest.ifname(i)}" && len=={length}{condition}') as events:
        yield events


def landed(guest, i, version=4):
    """Which queues they have come through, once all have come."""
    with datagrams(guest, i, "queue_mapping", version) as events:
        send(guest, i, version)
        wait_for(events.total, lambda n: n >= len(PORTS), 20, "all datagrams")
        return {queue - 1: n for queue, n in events.by_key().items()}


def assert_spread(guest, i, queues=QUEUES):
    """They come where the table says, on as many queues."""
    expected = by_table(guest, i)
    assert len(expected) == queues
    assert landed(guest, i) == expected


kinds = pytest.mark.parametrize("i", [KINDS.index(kind) for kind in BOTH], ids=BOTH)
spreading = pytest.mark.parametrize("i", [KINDS.index(kind) for kind in SPREADING], ids=SPREADING)
saying = pytest.mark.parametrize("i", [KINDS.index(kind) for kind in SAYING], ids=SAYING)


# Where flows go

@spreading
def test_flows_are_spread_over_all_queues(guest, i):
    """The table of the start: an entry for each queue in turn."""
    assert configured(guest, i)[0] == [n % QUEUES for n in range(ENTRIES)]
    assert_spread(guest, i)


@spreading
@pytest.mark.parametrize("words, queues", [("equal 2", 2), ("equal 1", 1), ("weight 1 0 0 3", 2),
                                           ("start 2 equal 2", 2), (f"hkey {KEY}", QUEUES),
                                           (f"hkey {KEY} weight 0 2 1 1", 3)])
def test_table_and_key_are_the_users(guest, i, words, queues):
    """ethtool -X: the device has table and key at once."""
    guest.sh(f"ethtool -X {guest.ifname(i)} {words}")
    if "hkey" in words:
        assert configured(guest, i)[1] == bytes(range(1, KEY_BYTES + 1))
    assert_spread(guest, i, queues)


@kinds
def test_ipv6_is_spread_too(guest, i):
    """The longest of what is hashed: 36 bytes, which take all of the key."""
    assert landed(guest, i, 6) == by_table(guest, i, 6)


@kinds
def test_fields_are_the_users(guest, i):
    """ethtool -N rx-flow-hash: by addresses only all flows of a pair of hosts are one."""
    name = guest.ifname(i)
    shown = f"ethtool -n {name} rx-flow-hash udp4"
    assert "L4 bytes 2 & 3" in guest.sh(shown).stdout
    guest.sh(f"ethtool -N {name} rx-flow-hash udp4 sd")
    assert "L4 bytes" not in guest.sh(shown).stdout
    assert landed(guest, i) == by_table(guest, i, ports=False)
    guest.sh(f"ethtool -N {name} rx-flow-hash udp4 sdfn")
    assert_spread(guest, i)


@kinds
def test_fields_that_nobody_hashes_are_refused(guest, i):
    """Half a flow, and flows that the device does not know; nothing changes."""
    name = guest.ifname(i)
    for words in ("udp4 s", "udp4 sdf", "udp4 sdfnv", "sctp4 sdfn"):
        # whose exit status says nothing of it
        assert "Cannot change" in guest.sh(f"ethtool -N {name} rx-flow-hash {words} 2>&1").stdout
    assert_spread(guest, i)


@kinds
def test_other_hash_functions_are_refused(guest, i):
    """Only Toeplitz: the kernel's log says so, and nothing changes."""
    known = len(guest.console())
    done = guest.sh(f"ethtool -X {guest.ifname(i)} hfunc xor 2>&1", check=False)
    assert done.status != 0 and "not supported" in done.stdout
    assert "toeplitz is the only function" in guest.console()[known:]
    assert_spread(guest, i)


# What is kept

def down_up(guest, i):
    guest.sh(f"ip link set {guest.ifname(i)} down; ip link set {guest.ifname(i)} up")
    tell(guest, i)


def new_rings(guest, i):
    guest.sh(f"ethtool -G {guest.ifname(i)} rx 128; ethtool -G {guest.ifname(i)} rx 256")


def hang(guest, i):
    """Bus mastering off: nothing is sent, and the watchdog resets the device."""
    guest.expect_console("NETDEV WATCHDOG|hangs: head")
    grown = Growth(lambda: guest.ethtool_stats(i))
    # Enough to stop the queue: the watchdog looks at no other.
    guest.sh(f"setpci -s {guest.pci(i)} COMMAND=0:4; "
             f"{program('udp_sizes.py')} {host(i, 4)} 6000 " + " ".join(map(str, range(1, 201))))
    grown.wait("resets", 1, 30)
    wait_carrier(guest, guest.ifname(i))


def assert_kept(guest, i, through):
    """Table and key, shown and in force."""
    guest.sh(f"ethtool -X {guest.ifname(i)} hkey {KEY} weight 1 0 2 0")
    before = configured(guest, i)
    through(guest, i)
    assert configured(guest, i) == before
    assert_spread(guest, i, 2)


@kinds
@pytest.mark.parametrize("through", [down_up, new_rings, hang])
def test_table_and_key_are_kept(guest, i, through):
    """The device forgets all in a reset, and is told again."""
    assert_kept(guest, i, through)


def sleep(guest, _i):
    """As far as the drivers are concerned."""
    guest.sh("echo 1 >/sys/module/suspend/parameters/pm_test_delay; "
             "echo devices >/sys/power/pm_test; echo freeze >/sys/power/state", timeout=60)


def test_table_and_key_are_kept_in_a_suspend():
    """A guest of its own, as a suspend kills its root's file system."""
    model, options, queues = NICS["split"]
    with MemoryGuest(nics=[Nic(model=model, options=options, wire=("tap", queues))]) as asleep:
        start(asleep)
        asleep.move_to_memory()
        assert_kept(asleep, 0, sleep)


@kinds
def test_set_while_down_is_in_force_when_up(guest, i):
    """Table, key and fields of an interface that is down."""
    name = guest.ifname(i)
    guest.sh(f"ip link set {name} down; ethtool -X {name} hkey {KEY} equal 3; "
             f"ip link set {name} up")
    tell(guest, i)
    assert_spread(guest, i, 3)


@kinds
def test_channels_and_table_go_together(guest, i):
    """ethtool -L: a table of nobody's follows; a user's that does not fit stops it."""
    name = guest.ifname(i)
    guest.sh(f"ethtool -L {name} combined 2")
    assert configured(guest, i)[0] == [n % 2 for n in range(ENTRIES)]
    assert_spread(guest, i, 2)
    assert guest.sh(f"ethtool -X {name} equal 3", check=False).status != 0
    guest.sh(f"ethtool -L {name} combined {QUEUES}; ethtool -X {name} equal 3")
    done = guest.sh(f"ethtool -L {name} combined 2 2>&1", check=False)
    assert done.status != 0 and "too low for existing indirection table" in done.stdout
    guest.sh(f"ethtool -L {name} combined 3")
    assert_spread(guest, i, 3)
    guest.sh(f"ethtool -X {name} default; ethtool -L {name} combined {QUEUES}")
    assert_spread(guest, i)


# The hash

def said(guest, i, over_ports, version=4):
    """The hashes that come with them, and how often each."""
    with datagrams(guest, i, "hash", version, f" && l4_hash=={int(over_ports)}") as events:
        landed(guest, i, version)
        return events.by_key()


@saying
@pytest.mark.parametrize("version", [4, 6])
def test_hash_reaches_the_stack(guest, i, version):
    """Each frame has the hash of its flow, made over ports too; none with rxhash off."""
    expected = dict(collections.Counter(hashes(guest, i, version)))
    assert said(guest, i, True, version) == expected
    guest.sh(f"ethtool -K {guest.ifname(i)} rxhash off")
    assert said(guest, i, False, version) == {0: len(PORTS)}
    guest.sh(f"ethtool -K {guest.ifname(i)} rxhash on")
    assert said(guest, i, True, version) == expected


@kinds
def test_hash_over_addresses_only_is_said_so(guest, i):
    """The stack does not take it for one of the flow."""
    guest.sh(f"ethtool -N {guest.ifname(i)} rx-flow-hash udp4 sd")
    assert said(guest, i, False) == {hashes(guest, i, ports=False)[0]: len(PORTS)}
    guest.sh(f"ethtool -N {guest.ifname(i)} rx-flow-hash udp4 sdfn")


@saying
def test_hash_is_metadata(guest, i):
    """xmo_rx_hash: a program reads the hash and its type."""
    port = Port(guest, i)
    port.attach("hash_read", bound=True)
    send(guest, i)
    counts = port.wait_count(len(PORTS))
    port.detach()
    assert (counts["HASH"], counts["NO_HASH"]) == (len(PORTS), 0)
    assert counts["HASH_SUM"] == sum(hashes(guest, i))


def test_without_report_there_is_no_switch(guest):
    """A device that does not say its hashes: rxhash is off and stays so."""
    name = guest.ifname(KINDS.index("no hashes said"))
    assert "receive-hashing: off [fixed]" in guest.sh(f"ethtool -k {name}").stdout


def test_without_rss_there_is_a_key_only(guest):
    """A device that only says hashes: no table, and ethtool (6.1) finds nothing to set."""
    i = KINDS.index("no queues")
    table, key = configured(guest, i)
    assert not table and len(key) == KEY_BYTES
    guest.sh(f"ethtool -X {guest.ifname(i)} equal 1", check=False)
    assert configured(guest, i) == (table, key)


@pytest.mark.parametrize("words", ["-x IF", "-X IF equal 1", f"-X IF hkey {KEY}",
                                   "-n IF rx-flow-hash tcp4", "-N IF rx-flow-hash tcp4 sdfn"])
def test_e1000_has_none_of_it(guest, words):
    """Not supported, says the kernel; the status of ethtool (6.1) -N is 0 nevertheless."""
    done = guest.sh(f"ethtool {words.replace('IF', guest.ifname(len(NICS)))} 2>&1", check=False)
    assert "not supported" in done.stdout
