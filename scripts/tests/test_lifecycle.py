# SPDX-License-Identifier: GPL-2.0-only
"""An interface's life: carrier, up and down, MTU, modules, interrupts, the queue under pressure."""
import re

import pytest

import pktgen
from counters import Growth, wait_for
from drivers import DRIVER, IS_SLUICE, assert_ledgers, sluice_only
from guest import Guest, Nic
from steady_traffic import BothWays, Inbound, assert_carries_frames, frame_to
from taps import Tap, fresh_path, program, sentinel, share_file
from topology import GUEST_V4, HOST_MAC, HOST_V4, attribute, bring_up, wait_carrier
from tracepoints import counted_events

FIRST, SECOND, THIRD = range(3)
NETDEV_TX_BUSY = 16
MODULE = "sluice" if IS_SLUICE else Nic.default_model.module


@pytest.fixture(scope="module")
def guest():
    """Three NICs in neighbouring slots: machine pc routes two of them to one interrupt line."""
    with Guest(nics=[Nic(), Nic(), Nic()], driver=DRIVER,
               extra_args=["-device", "pci-testdev"]) as running:
        yield running


@pytest.fixture(autouse=True)
def ready(guest):
    """Every test starts with the first NIC up, and ends with balanced ledgers."""
    guest.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1")
    ifname = bring_up(guest, FIRST, f"{GUEST_V4}/24")
    guest.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {ifname}")
    yield
    assert_ledgers(guest)


@pytest.fixture
def ifname(guest, ready):
    return guest.ifname(FIRST)


def set_link(guest, i, up):
    guest.qmp("set_link", name=guest.nics[i].id, up=up)
    wait_carrier(guest, guest.ifname(i), up)


# Carrier

def test_carrier_changes_reach_user_space(guest, ifname):
    """Carrier: set_link in the emulator's monitor shows in ip monitor, ip link and ethtool."""
    log = fresh_path("monitor")
    monitor = guest.spawn(f"ip monitor link > {log}")
    # It shows nothing before it listens, so first it has to show a change of our own making.
    wait_for(lambda: guest.sh(f"ip link set {ifname} txqueuelen 999 && ip link set {ifname} "
                              f"txqueuelen 1000 && grep -c {ifname} {log}", check=False).status,
             lambda status: status == 0, 20, "ip monitor to listen")
    for up, word in ((False, "Link detected: no"), (True, "Link detected: yes")):
        set_link(guest, FIRST, up)
        assert word in guest.sh(f"ethtool {ifname}").stdout
    monitor.stop()
    states = re.findall(rf": {ifname}: <(.*?)>", guest.sh(f"cat {log}").stdout)
    without = [n for n, flags in enumerate(states) if "NO-CARRIER" in flags]
    assert without
    assert any("LOWER_UP" in flags for flags in states[without[-1]:])


def test_frames_sent_without_a_carrier_are_held_back_by_the_stack(guest, ifname):
    """Carrier off: the driver is given nothing; carrier on: both directions work again."""
    set_link(guest, FIRST, False)
    counters = Growth(lambda: guest.link_stats(FIRST)["tx"])
    guest.sh(f"ping -c 3 -i 0.2 -W 1 {HOST_V4}", check=False)
    assert counters.of("packets") == 0
    set_link(guest, FIRST, True)
    assert_carries_frames(guest, FIRST)


# Down and up

def test_up_and_down_many_times_under_traffic(guest, ifname):
    """Up/down under traffic from both sides: it works afterwards and the ledger balances."""
    flood = guest.spawn(f"ping -f {HOST_V4}")
    with Inbound(guest, FIRST):
        guest.sh(f"for n in $(seq {guest.rounds(100)}); do ip link set {ifname} down &&"
                 f" ip link set {ifname} up || exit 1; done", timeout=120)
        wait_carrier(guest, ifname)
    flood.stop()
    guest.sh(f"ip addr replace {GUEST_V4}/24 dev {ifname}")
    assert_carries_frames(guest, FIRST)


# Going down polls once more and coming up rings once: neither is a frame.
STANDING = re.compile(r"rx0_(?!polls|doorbells)|tx0_(?!in_flight)|dev_")


def traffic_stats(guest):
    """ip -s, but for how often the carrier changed: that is what the test does."""
    stats = guest.link_stats(FIRST)
    del stats["tx"]["carrier_changes"]
    return stats


@sluice_only
def test_statistics_survive_down_and_up(guest, ifname):
    """Statistics: no counter of a queue, of the device or of ip -s changes by a down and up."""
    assert_carries_frames(guest, FIRST)
    before, link = guest.ethtool_stats(FIRST), traffic_stats(guest)
    guest.sh(f"ip link set {ifname} down")
    assert traffic_stats(guest) == link
    bring_up(guest, FIRST)
    after = guest.ethtool_stats(FIRST)
    assert {n: v for n, v in after.items() if STANDING.match(n)} == \
        {n: v for n, v in before.items() if STANDING.match(n)}
    assert traffic_stats(guest) == link
    assert after["rx0_frames"] and after["tx0_accepted"]


@sluice_only
def test_link_statistics_agree_with_the_queues(guest):
    """get_stats64: packets and bytes of ip -s are those of the queue counters, without errors."""
    assert_carries_frames(guest, FIRST)
    queue, link = guest.ethtool_stats(FIRST), guest.link_stats(FIRST)
    assert (link["rx"]["packets"], link["rx"]["bytes"]) == (queue["rx0_frames"], queue["rx0_bytes"])
    assert (link["tx"]["packets"], link["tx"]["bytes"]) == \
        (queue["tx0_packets"], queue["tx0_bytes"])
    assert link["rx"]["errors"] == link["tx"]["errors"] == 0


@sluice_only
def test_mtu_changes_under_traffic_lose_no_frame(guest, ifname):
    """MTU change under traffic in both directions, over the jumbo limit and back: none lost."""
    mtus = (9000, Nic.default_model.longest_mtu, 1500, 68, 1500)
    with BothWays(guest, FIRST) as traffic:
        for mtu in mtus:
            guest.sh(f"ip link set {ifname} mtu {mtu}")
            seen = traffic.sent
            wait_for(lambda: traffic.sent, lambda sent: sent > seen + 20, 20, "more traffic")
    traffic.assert_none_lost(starts=len(mtus))


# Modules

def test_module_is_removed_and_loaded_many_times_under_traffic(guest):
    """rmmod and insmod under traffic: each time the interfaces come back and work in the end."""
    mac = attribute(guest, guest.ifname(FIRST), "address")
    load = f"insmod {guest.module()}" if IS_SLUICE else f"modprobe {MODULE}"
    with Inbound(guest, FIRST):
        for _ in range(guest.rounds(20)):
            guest.sh(f"rmmod pktgen 2>/dev/null; rmmod {MODULE} && {load}", timeout=60)
            guest.wait_interfaces()
            guest.sh(f"ip link set {guest.ifname(FIRST)} up")
        wait_carrier(guest, guest.ifname(FIRST))
    assert attribute(guest, guest.ifname(FIRST), "address") == mac
    assert_carries_frames(guest, FIRST)


# Loopback

def frames_turned_around(guest, ifname, sizes):
    """Send frames to the interface's own address; the sizes that came back in."""
    path = share_file([*(frame_to(guest, FIRST, size) for size in sizes), sentinel()],
                      guest.run_dir)
    tap = Tap(guest, ifname)
    guest.sh(f"{program('packet_socket.py')} send {ifname} {path}")
    return [frame.length for frame in tap.delivered()]


@sluice_only
def test_device_of_another_kind_is_refused(guest, ifname):
    """Who overrides the choice of driver gets a sentence: the kernel asks no table of ids then."""
    files = guest.sh("grep -l 0x1b36 /sys/bus/pci/devices/*/vendor").stdout.split()
    address = files[0].split("/")[5]
    guest.sh(f"echo sluice >{files[0].replace('vendor', 'driver_override')}")
    said = guest.sh(f"! echo {address} >/sys/bus/pci/drivers/sluice/bind; dmesg | tail -n 3").stdout
    assert re.search(f"{address}: .*not a NIC that sluice drives", said)


@pytest.mark.needs("loopback")
@sluice_only
def test_loopback_feature_turns_frames_around_until_it_is_off(guest, ifname):
    """NETIF_F_LOOPBACK: frames come back and none is on the wire; off: the wire has them again."""
    sizes = list(range(60, 70))
    wire = guest.wire(FIRST)
    try:
        guest.sh(f"ethtool -K {ifname} loopback on")
        wait_carrier(guest, ifname)
        wire.drain()
        assert frames_turned_around(guest, ifname, sizes) == sizes
        assert wire.drain() == []
    finally:
        guest.sh(f"ethtool -K {ifname} loopback off")
    wait_carrier(guest, ifname)
    assert_carries_frames(guest, FIRST)


# Queue and doorbell

def queue_limit(guest, ifname, name):
    return int(attribute(guest, ifname, f"queues/tx-0/byte_queue_limits/{name}"))


def test_byte_queue_limit_is_kept(guest, ifname):
    """BQL: the limit moves with traffic, is not exceeded, and nothing stays accounted."""
    directory = f"/sys/class/net/{ifname}/queues/tx-0/byte_queue_limits"
    guest.sh(f"echo 3000 > {directory}/limit_max")
    with counted_events(guest, "net:net_dev_xmit", "rc", f'name=="{ifname}"') as events:
        guest.sh(f"ping -f -c 500 -W 1 -s 1400 {HOST_V4}", check=False)
        assert events.by_key() == {0: 500}
    assert 0 < queue_limit(guest, ifname, "limit") <= 3000
    assert queue_limit(guest, ifname, "inflight") == 0
    guest.sh(f"echo 1879048192 > {directory}/limit_max")


@sluice_only
def test_burst_rings_far_fewer_doorbells_than_frames(guest, ifname):
    """xmit_more: pktgen with bursts of 32 rings at most one doorbell for eight frames."""
    burst, total = 32, 32 * 150
    counters = Growth(lambda: guest.ethtool_stats(FIRST))
    pktgen.set_up(guest, ifname, count=total, burst=burst)
    pktgen.start(guest)
    sent = pktgen.receive_all(guest, ifname, guest.wire(FIRST))
    now = counters()
    assert now["tx0_accepted"] == sent >= total
    fewest = total / burst if Nic.default_model.can("every doorbell") else 1
    assert fewest <= now["tx0_doorbells"] <= total / 8


@sluice_only
def test_full_ring_stops_the_queue_and_completions_wake_it(guest, ifname):
    """Stop and wake: bursts larger than the smallest ring stop the queue; every frame is sent."""
    guest.sh(f"ethtool -G {ifname} tx 64")
    counters = Growth(lambda: guest.ethtool_stats(FIRST))
    pktgen.set_up(guest, ifname, count=5000, burst=200)
    pktgen.start(guest)
    sent = pktgen.receive_all(guest, ifname, guest.wire(FIRST))
    now = counters()
    guest.sh(f"ethtool -G {ifname} tx 256")
    assert now["tx0_accepted"] == now["tx0_packets"] == sent >= 5000
    assert now["tx0_stops"] > 0
    assert now["tx0_wakes"] == now["tx0_stops"]


def test_senders_on_two_cpus_never_see_a_busy_driver(guest, ifname):
    """Smallest ring, two CPUs through the qdisc: net_dev_xmit never reports NETDEV_TX_BUSY."""
    guest.sh(f"ethtool -G {ifname} tx 64", check=IS_SLUICE)
    guest.wire(FIRST).drain()
    pktgen.set_up(guest, ifname, cpus=2, count=4000, xmit_mode="queue_xmit")
    with counted_events(guest, "net:net_dev_xmit", "rc", f'name=="{ifname}"') as events:
        pktgen.start(guest)
        accepted = wait_for(events.by_key, lambda seen: sum(seen.values()) >= 1000, 20, "frames")
    assert set(accepted) == {0}, accepted
    pktgen.receive(guest.wire(FIRST), accepted[0])
    guest.sh(f"ethtool -G {ifname} tx 256")


# Interrupts

def shared_line(guest):
    """Two NICs on one interrupt line, as /proc/interrupts has it."""
    for i in (SECOND, THIRD):
        bring_up(guest, i)
    names = {guest.ifname(i): i for i in range(3)}
    for line in guest.sh("cat /proc/interrupts").stdout.splitlines():
        here = [names[word] for word in re.split(r"[,\s]+", line) if word in names]
        if len(here) > 1:
            return here[:2]
    raise AssertionError("no two NICs share an interrupt line")


@pytest.mark.needs("shared line")
@sluice_only
def test_foreign_interrupts_on_a_shared_line_are_passed_on(guest):
    """INTx shared: each interrupt of the busy NIC is a foreign one of the idle NIC, and no more."""
    busy, idle = shared_line(guest)
    idle_counters = Growth(lambda: guest.ethtool_stats(idle))
    busy_counters = Growth(lambda: guest.ethtool_stats(busy))
    guest.wire(busy).send_many(frame_to(guest, busy) for _ in range(1000))
    busy_counters.wait("rx0_frames", 1000)
    foreign, own = idle_counters(), busy_counters()
    assert foreign["irqs_foreign"] == own["irqs"] + own["irqs_foreign"] > 0
    assert foreign["irqs"] == foreign["rx0_frames"] == 0
    assert "nobody cared" not in guest.console()
