# SPDX-License-Identifier: GPL-2.0-only
"""nl-devlink: what devlink says of a NIC, its health reporters, and the reload of its driver."""
import contextlib
import re

import pytest

from configuration import Configured
from counters import Growth, wait_for
from datagrams import PORT, Receiver, exchange, send, start_sending
from devlink import REPORTERS, devlink, handle, health
from drivers import assert_ledgers, sluice_only
from floods import BothWays, GuestFlood
from guest import Guest, Nic
from hosts import LEFT, ROUTER_V4, WIRE
from topology import HOST_V4

RECEIVE = {"vector", "rx_size", "rx_head", "rx_unshown", "rx_broken"}
TRANSMIT = {"vector", "tx_size", "tx_head", "tx_in_ring", "tx_broken"}
RELOADS = 5
# More than the socket to the test, the emulator and the ring hold.
STALLED = 4000
# More than BQL lets into a ring that does not move: the watchdog looks at queues that are stopped,
# after five seconds.
FULL, WATCHDOG = 250, 60
REFUSED = "a reload does not change the namespace; move the interface with ip link"

pytestmark = sluice_only


def errors(guest, i):
    """The counts of both reporters, by names like rx_error."""
    return {f"{reporter}_{count}": health(guest, i, reporter)[count]
            for reporter in REPORTERS for count in ("error", "recover")}


def rings(guest, i, reporter, action="diagnose"):
    """What a reporter shows of the first vector's ring."""
    return health(guest, i, reporter, action)["vectors"][0]


def wait_empty(guest, i):
    """Wait until nothing is in the ring for sending."""
    wait_for(lambda: rings(guest, i, "tx")["tx_in_ring"], lambda number: number == 0, 20,
             "an empty ring")


def reload(guest, i, words="", **options):
    return guest.sh(f"devlink dev reload {handle(guest, i)} action driver_reinit {words}",
                    **options)


def reloads(guest, i):
    """How often the kernel says that the driver was reloaded."""
    found = devlink(guest, f"-s dev show {handle(guest, i)}")["dev"][handle(guest, i)]
    return found["stats"]["reload"]["driver_reinit"]["unspecified"]


# info

def test_nl_devlink_info(bed):
    """nl-devlink: dev info names the driver and the device of each NIC, as ethtool -i does."""
    info = devlink(bed.guest, "dev info")["info"]
    for host in bed.hosts:
        for i in host.nics:
            found = info[handle(bed.guest, i)]
            driver = host.sh(f"ethtool -i {host.ifname(i)}").stdout
            model = re.search(r"^firmware-version: (.*)$", driver, re.M)[1]
            assert found["driver"] == "sluice" and model
            assert found["versions"]["fixed"]["asic.id"] == model


# health

def test_nl_devlink_reporters(bed):
    """nl-devlink: each NIC has the reporters rx and tx, healthy, which recover by themselves."""
    listed = devlink(bed.guest, "health show")["health"]
    for i in range(len(bed.guest.nics)):
        found = {one["reporter"]: one for one in listed[handle(bed.guest, i)]}
        assert sorted(found) == sorted(REPORTERS)
        assert all(one["state"] == "healthy" and one["auto_recover"] and one["auto_dump"]
                   for one in found.values())


def sizes(host):
    """The rings as ethtool -g has them now."""
    shown = host.sh(f"ethtool -g {host.ifname()}").stdout.split("Current")[1]
    return {name.lower(): int(size) for name, size in re.findall(r"^([RT]X):\s+(\d+)", shown, re.M)}


@pytest.fixture
def rx_size(bed):
    """The left NIC has another size for receiving, so no size is right by chance."""
    left, name = bed.left, bed.left.ifname()
    before = sizes(left)["rx"]
    left.sh(f"ethtool -G {name} rx 128")
    left.wait_carrier()
    yield 128
    left.sh(f"ethtool -G {name} rx {before}")
    left.wait_carrier()


def heads(bed):
    """Where the rings of the left NIC are, and how many frames have passed them."""
    stats = bed.left.stats()
    return {"rx_head": rings(bed.guest, LEFT, "rx")["rx_head"], "rx": stats["rx0_frames"],
            "tx_head": rings(bed.guest, LEFT, "tx")["tx_head"], "tx": stats["tx0_completed"]}


def test_nl_devlink_diagnose(bed, rx_size):
    """nl-devlink: each reporter shows its rings only, of ethtool's sizes; heads go with frames."""
    left = bed.left
    shown = {reporter: health(bed.guest, LEFT, reporter, "diagnose") for reporter in REPORTERS}
    expected = sizes(left)
    for reporter, fields in (("rx", RECEIVE), ("tx", TRANSMIT)):
        assert shown[reporter]["resets"] == left.stats()["resets"]
        vector, = shown[reporter]["vectors"]
        assert set(vector) == fields and vector["vector"] == 0
        assert vector[f"{reporter}_size"] == expected[reporter]
        assert not vector[f"{reporter}_broken"]
        # asked for while nothing is wrong, a dump is taken there and then
        assert set(rings(bed.guest, LEFT, reporter, "dump show")) == fields
        health(bed.guest, LEFT, reporter, "dump clear")
    assert expected["rx"] == rx_size
    grown = Growth(lambda: heads(bed))
    exchange(left, bed.router, ROUTER_V4, 100)
    exchange(bed.router, left, "10.2.0.1", 100)
    assert grown.of("rx") >= 100 and grown.of("tx") >= 100
    wait_for(grown, lambda now: (now["rx_head"] - now["rx"]) % rx_size == 0, 10, "the frames")
    wait_empty(bed.guest, LEFT)


def test_nl_devlink_closed(bed):
    """nl-devlink: an interface that is down has no rings to show."""
    left = bed.left
    left.sh(f"ip link set {left.ifname()} down")
    for reporter in REPORTERS:
        assert health(bed.guest, LEFT, reporter, "diagnose")["vectors"] == []
    bed.restore(left)


@pytest.mark.skipif(Nic.default_model.can("8254x"), reason="the emulated 8254x never waits for "
                    "its wire")
def test_nl_devlink_wire_that_stands_still(bed):
    """nl-devlink: tx_in_ring is what waits for the wire, and nothing once it has gone."""
    edge = bed.edge
    with bed.guest.wire(WIRE).stalled():
        assert send(edge, HOST_V4, PORT, {6000: STALLED}, low=1000)[0] == STALLED
        waiting = rings(bed.guest, WIRE, "tx")["tx_in_ring"]
        # a frame with its header is one descriptor, or two
        assert waiting >= edge.stats()["tx0_in_flight"] > 0
    wait_empty(bed.guest, WIRE)


# A transmitter that hangs

@contextlib.contextmanager
def hanging(bed):
    """The left NIC gets no more frames from memory; its ring is full of datagrams for the router.

    After the block those have arrived that are not counted as lost.
    """
    left = bed.left
    bed.guest.expect_console("NETDEV WATCHDOG")
    receiver = Receiver(bed.router, f"{ROUTER_V4}/{PORT}", expect=FULL)
    grown = Growth(left.stats)
    bed.guest.sh(f"setpci -s {bed.guest.pci(LEFT)} COMMAND=0:4")
    job = start_sending(left, ROUTER_V4, PORT, {6000: FULL})
    yield grown
    left.wait_carrier()
    assert job.wait(60).stdout.split()[:2] == [str(FULL), "0"]
    flow = receiver.result()["sockets"][0][6000]
    assert 0 < grown.of("tx0_reset_drop") < FULL
    assert flow["distinct"] == flow["received"] >= FULL - grown.of("tx0_reset_drop")
    exchange(left, bed.router, ROUTER_V4, 100)


def test_nl_devlink_hang(bed):
    """nl-devlink: a hang is one error and one recovery of tx, none of rx, and one reset."""
    counts = Growth(lambda: errors(bed.guest, LEFT))
    with hanging(bed) as grown:
        counts.wait("tx_recover", 1, WATCHDOG)
        assert grown.of("resets") == grown.of("tx0_timeouts") == 1
    assert counts() == {"rx_error": 0, "rx_recover": 0, "tx_error": 1, "tx_recover": 1}
    assert health(bed.guest, LEFT, "tx")["state"] == "healthy"
    # as it stood when it was reported
    assert rings(bed.guest, LEFT, "tx", "dump show")["tx_in_ring"] > 0
    wait_empty(bed.guest, LEFT)
    health(bed.guest, LEFT, "tx", "dump clear")


@pytest.fixture
def by_hand(bed):
    """The left NIC's reporter tx recovers when it is asked to."""
    health(bed.guest, LEFT, "tx", "set", "auto_recover false")
    yield
    health(bed.guest, LEFT, "tx", "set", "auto_recover true")
    health(bed.guest, LEFT, "tx", "dump clear")


@pytest.mark.parametrize("how", ["recover", "reload"])
def test_nl_devlink_hang_by_hand(bed, by_hand, how):
    """nl-devlink: auto_recover off: the hang stays to be looked at; recover or reload ends it."""
    counts = Growth(lambda: errors(bed.guest, LEFT))
    with hanging(bed) as grown:
        # the watchdog goes on to find it
        counts.wait("tx_error", 2, 2 * WATCHDOG)
        assert health(bed.guest, LEFT, "tx")["state"] == "error"
        assert grown.of("resets") == counts.of("tx_recover") == 0
        stuck = rings(bed.guest, LEFT, "tx")
        assert stuck["tx_in_ring"] > 0
        assert rings(bed.guest, LEFT, "tx", "dump show") == stuck
        if how == "recover":
            health(bed.guest, LEFT, "tx", "recover")
        else:
            reload(bed.guest, LEFT)
        assert health(bed.guest, LEFT, "tx")["state"] == "healthy"
    assert grown.of("resets") == counts.of("tx_recover") == (how == "recover")
    assert counts.of("rx_error") == counts.of("rx_recover") == 0


# reload

def test_nl_devlink_reload_loses_nothing(bed):
    """nl-devlink: reloads while the NIC sends: it completes every frame that it was given."""
    left, seen = bed.left, reloads(bed.guest, LEFT)
    sent, link = Growth(left.stats), Growth(lambda: left.link()["tx"])
    flood = GuestFlood(left, left.ifname())
    for n in range(1, RELOADS + 1):
        sent.wait("tx0_completed", sent.of("tx0_completed") + 100)
        reload(bed.guest, LEFT)
        assert reloads(bed.guest, LEFT) == seen + n
    sent.wait("tx0_completed", sent.of("tx0_completed") + 100)
    flood.stop()
    wait_empty(bed.guest, LEFT)
    now = sent()
    assert now["tx0_accepted"] == now["tx0_completed"] > RELOADS * 100
    assert now["tx0_reset_drop"] == now["resets"] == 0
    assert link.of("packets") > RELOADS * 100
    exchange(left, bed.router, ROUTER_V4, 100)


def test_nl_devlink_reload_of_an_interface_that_is_down(bed):
    """nl-devlink: down, it stays down, opens afterwards, and counts on from where it was."""
    left = bed.left
    name = left.ifname()
    left.sh(f"ip link set {name} down")
    before, index = left.stats(), left.sh(f"cat /sys/class/net/{name}/ifindex").stdout
    reload(bed.guest, LEFT)
    assert left.json(f"ip -j link show {name}")[0]["operstate"] == "DOWN"
    assert left.stats() == before
    assert left.sh(f"cat /sys/class/net/{name}/ifindex").stdout == index
    bed.restore(left)
    exchange(left, bed.router, ROUTER_V4, 100)


def test_nl_devlink_reload_into_a_namespace(bed):
    """nl-devlink: a reload with a namespace is refused by a sentence, and nothing has happened."""
    left, name = bed.left, bed.left.ifname()
    seen, ring = reloads(bed.guest, LEFT), rings(bed.guest, LEFT, "rx")
    show = f"ip -d link show {name}; ip addr show {name}; ethtool -g {name}"
    shown = left.sh(show).stdout
    refused = reload(bed.guest, LEFT, "netns right 2>&1", check=False)
    assert refused.status != 0 and REFUSED in refused.stdout
    assert left.sh(show).stdout == shown
    assert reloads(bed.guest, LEFT) == seen
    # the very ring goes on: a new one would begin at its first slot
    exchange(bed.router, left, "10.2.0.1", 10)
    assert rings(bed.guest, LEFT, "rx")["rx_head"] != ring["rx_head"]


def growing(stats):
    """The counters that may only grow: all but what is under way."""
    return {name: value for name, value in stats.items() if not name.endswith("_in_flight")}


def test_nl_devlink_reload_keeps_the_configuration(bed):
    """nl-devlink: reloads under traffic both ways: ifindex, all settings, program, counters."""
    with Guest(nics=[Nic()]) as guest:
        configured, ifname = Configured(guest, 0), guest.ifname(0)
        index = guest.sh(f"cat /sys/class/net/{ifname}/ifindex").stdout
        for _ in range(RELOADS):
            with BothWays(guest, 0, configured.port.mac) as floods:
                floods.wait_flowing()
                before = growing(guest.ethtool_stats(0))
                reload(guest, 0)
                after = guest.ethtool_stats(0)
                assert {name: after[name] for name in before if after[name] < before[name]} == {}
                floods.wait_flowing()
        assert_ledgers(guest)
        assert guest.sh(f"cat /sys/class/net/{ifname}/ifindex").stdout == index
        configured.port.wait_carrier()
        configured.assert_kept()
        assert_ledgers(guest)
