# SPDX-License-Identifier: GPL-2.0-only
"""Where a packet got lost: for each place, exactly N packets are lost there, the one counter that
names the place grows by N, and `sluice path` shows these N there and no other loss anywhere."""
import collections
import contextlib
import dataclasses
import functools
import json
import shlex

import pytest

import frames
from counters import Growth, snmp, wait_for
from device_access import TCTL, TCTL_EN, qtest_arguments
from fault_injection import POOL, SLAB, Faults
from guest import Guest, Nic
from path_watch import FAR, NEAR, PathWatch, router_up
from steady_traffic import frame_to
from taps import BUFFER, fresh_path, wait_for_file
from test_hang import MTU, without_interrupts
from test_hostile import ERRORS, LONGEST_CHAIN, LyingDevice, Written
from topology import GUEST_V4, HOST_MAC, HOST_V4, PEER_V4, wait_carrier
from xdp import Port, To, Verdict

pytest_plugins = ["device_access"]
N = 20
PORT = 6100
OVERSIZE = 1600
# than a ring has descriptors, and seconds until the watchdog has noticed
MORE, WATCHDOG = 300, 30
JUMBO = 100
NOWHERE, NOBODY, STRANGER = "192.0.2.1", "10.1.0.77", "198.51.100.7"
on_distribution = pytest.mark.distribution_kernel("tc's drop action is not in it")


@pytest.fixture(scope="module")
def guest(qtest_path):
    """A router between two wires; no packet but the tests'."""
    with Guest(nics=[Nic(), Nic()], extra_args=qtest_arguments(qtest_path)) as running:
        router_up(running)
        yield running


@pytest.fixture(scope="module")
def watch(guest):
    with PathWatch(guest, guest.ifname(NEAR)) as running:
        yield running


# What is lost, and what counts it

@dataclasses.dataclass
class Place:
    """Where `sluice path` shows the loss, the counter of numbers(), what makes it happen and what
    ends it; frame(guest) comes from the wire, or a datagram for a host is sent without one."""
    loss: tuple
    counter: str | None
    frame: object = None
    host: str = HOST_V4
    before: str = "true"
    after: str = "true"


def flow(guest, source=HOST_V4, destination=GUEST_V4):
    return frames.Flow(guest.nics[NEAR].mac, HOST_MAC, source, destination, 7, PORT)


def datagram(guest, source=HOST_V4, destination=GUEST_V4, **wrong):
    return frames.udp_frame(flow(guest, source, destination), bytes(30), **wrong)


def segment(guest, **wrong):
    return frames.tcp_frame(flow(guest), bytes(30), **wrong)


def last_hop(guest):
    """One that is to be forwarded and has no hop left."""
    payload = frames.udp(HOST_V4, PEER_V4, 7, PORT, bytes(30))
    packet = frames.ipv4(HOST_V4, PEER_V4, frames.IPPROTO_UDP, payload, ttl=1)
    return frames.ether(guest.nics[NEAR].mac, HOST_MAC, frames.ETH_P_IP, packet)


def to(destination):
    return functools.partial(datagram, destination=destination)


def hook(name, verdict="drop"):
    """A rule on one of netfilter's hooks."""
    rules = f"table ip lossy {{ chain lossy {{ type filter hook {name} priority 0; " \
        f"udp dport {PORT} counter {verdict}; }}; }}"
    return {"counter": "nft", "before": f"nft {shlex.quote(rules)}",
            "after": "nft delete table ip lossy"}


def tc_drop(direction):
    return {"counter": "clsact", "before": "tc qdisc add dev IF clsact; "
            f"tc filter add dev IF {direction} protocol ip matchall action drop",
            "after": "tc qdisc del dev IF clsact"}


def setting(text, back):
    return {"before": f"sysctl -qw {text}", "after": f"sysctl -qw {back}"}


PLACES = {
    "tc ingress": Place(("received", "tc", "TC_INGRESS"), frame=datagram, **tc_drop("ingress")),
    "prerouting": Place(("received", "prerouting", "NETFILTER_DROP"), frame=datagram,
                        **hook("prerouting")),
    "input": Place(("received", "input", "NETFILTER_DROP"), frame=datagram, **hook("input")),
    "forward": Place(("received", "forward", "NETFILTER_DROP"), frame=to(PEER_V4),
                     **hook("forward")),
    "output": Place(("sent", "output", "NETFILTER_DROP"), **hook("output")),
    "postrouting": Place(("sent", "postrouting", "NETFILTER_DROP"), **hook("postrouting")),
    "forwarded": Place(("received", "ip", "NETFILTER_DROP"), frame=to(PEER_V4),
                       **hook("postrouting")),
    "nobody's queue": Place(("received", "ip", "NOT_SPECIFIED"), frame=datagram,
                            **hook("input", "queue num 9")),
    "no protocol": Place(("received", "ip", "UNHANDLED_PROTO"), "dropped",
                         lambda guest: frame_to(guest, NEAR)),
    "IP checksum": Place(("received", "ip", "IP_CSUM"), "IpExtInCsumErrors",
                         functools.partial(datagram, bad_ip_checksum=True)),
    "TTL": Place(("received", "ip", "IP_INHDR"), "IpInHdrErrors", last_hop),
    "no route": Place(("received", "ip", "IP_INNOROUTES"), "IpExtInNoRoutes", to(NOWHERE)),
    "not for us": Place(("received", "ip", "IP_INADDRERRORS"), "IpInAddrErrors", to(NOWHERE),
                        **setting("net.ipv4.conf.IF.forwarding=0",
                                  "net.ipv4.conf.IF.forwarding=1")),
    "reverse path": Place(("received", "ip", "IP_RPFILTER"), "TcpExtIPReversePathFilter",
                          functools.partial(datagram, source=STRANGER),
                          **setting("net.ipv4.conf.IF.rp_filter=1",
                                    "net.ipv4.conf.IF.rp_filter=0")),
    "martian": Place(("received", "ip", "NOT_SPECIFIED"), "martian",
                     functools.partial(datagram, source="127.0.0.1")),
    "no socket": Place(("received", "socket", "NO_SOCKET"), "UdpNoPorts", datagram),
    "no connection": Place(("received", "socket", "NO_SOCKET"), "TcpOutRsts", segment),
    "UDP checksum": Place(("received", "socket", "UDP_CSUM"), "UdpInCsumErrors",
                          functools.partial(datagram, bad_checksum=True)),
    "TCP checksum": Place(("received", "socket", "TCP_CSUM"), "TcpInCsumErrors",
                          functools.partial(segment, bad_checksum=True)),
    "no neighbour": Place(("sent", "ip", "NEIGH_FAILED"), None, host=NOBODY),
    "tc egress": Place(("sent", "qdisc", "TC_EGRESS"), **tc_drop("egress")),
    "qdisc": Place(("sent", "qdisc", "QDISC_DROP"), "qdisc",
                   before="tc qdisc replace dev IF root bfifo limit 1",
                   after="tc qdisc del dev IF root"),
}


def numbers(guest):
    """All counters that may name a loss."""
    stats = json.loads(guest.sh(f"tc -s -j qdisc show dev {guest.ifname(NEAR)}").stdout)
    rules = guest.sh("nft -j list table ip lossy 2>/dev/null", check=False).stdout
    columns = guest.sh("cat /proc/net/stat/rt_cache").stdout.splitlines()
    martian = columns[0].split().index("in_martian_src")
    return snmp(guest) | guest.ethtool_stats(NEAR) | {
        "dropped": guest.link_stats(NEAR)["rx"]["dropped"],
        "clsact": sum(q["drops"] for q in stats if q["kind"] == "clsact"),
        "qdisc": sum(q["drops"] for q in stats if q.get("root")),
        "martian": sum(int(line.split()[martian], 16) for line in columns[1:]),
        "backlog": sum(int(line.split()[1], 16) for line in
                       guest.sh("cat /proc/net/softnet_stat").stdout.splitlines()),
        "nft": nft_packets(json.loads(rules)["nftables"] if rules else [])}


def nft_packets(entries):
    return sum(part["counter"]["packets"] for entry in entries if "rule" in entry
               for part in entry["rule"]["expr"] if "counter" in part)


# A packet filter's answer to a sender is an error.
SEND = """
import contextlib, socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    for _ in range({count}):
        with contextlib.suppress(PermissionError):
            sock.sendto(bytes(30), ("{host}", {port}))
"""


def lose(guest, place):
    if place.frame:
        guest.wire(NEAR).send_many([place.frame(guest)] * N)
    else:
        script = SEND.format(count=N, host=place.host, port=PORT)
        guest.sh(f"/usr/bin/python3 -c {shlex.quote(script)}")


@contextlib.contextmanager
def lossy(guest, place):
    guest.sh("set -e; " + place.before.replace("IF", guest.ifname(NEAR)))
    try:
        yield
    finally:
        guest.sh(place.after.replace("IF", guest.ifname(NEAR)))


def assert_only(seen, loss, count=N):
    """These packets are lost there, none elsewhere, and the driver's ledger has all of them."""
    assert seen.losses == {loss: count}
    assert seen.ledgers[-1] is True


@on_distribution
@pytest.mark.parametrize("name", PLACES)
def test_place(guest, watch, name):
    """The stack's places, from tc ingress to the socket, and from the socket to the qdisc."""
    place = PLACES[name]
    with lossy(guest, place):
        growth = Growth(lambda: numbers(guest))
        with watch.during() as seen:
            lose(guest, place)
            if place.counter:
                growth.wait(place.counter, N)
            else:
                wait_for_failed(guest, place.host)
        grown = growth()
    assert_only(seen, place.loss)
    assert place.counter is None or grown[place.counter] == N


def wait_for_failed(guest, host):
    """Three questions without an answer, a second each."""
    wait_for(lambda: guest.sh(f"ip neigh show {host}").stdout, lambda text: "FAILED" in text, 15,
             f"{host} to be given up")


# A socket of which nobody reads
HOLD = """
import pathlib, socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, {size})
sock.bind(("{host}", {port}))
pathlib.Path("{ready}").touch()
time.sleep(600)
"""


@contextlib.contextmanager
def unread(guest, size):
    """A socket with a buffer of a size."""
    ready = fresh_path("unread")
    script = HOLD.format(host=GUEST_V4, port=PORT, ready=ready, size=size)
    job = guest.spawn(f"exec /usr/bin/python3 -c {shlex.quote(script)}")
    try:
        wait_for_file(guest, ready)
        yield
    finally:
        job.stop()


@on_distribution
def test_full_socket(guest, watch):
    """rcvbuf: what does not fit is SOCKET_RCVBUFF and UdpRcvbufErrors; the rest is in the queue."""
    with unread(guest, 1):
        growth = Growth(lambda: numbers(guest))
        with watch.during() as seen:
            guest.wire(NEAR).send_many([datagram(guest)] * N)
            growth.wait("UdpInErrors", 1)
        lost = growth.of("UdpRcvbufErrors")
    assert 0 < lost < N
    assert_only(seen, ("received", "socket", "SOCKET_RCVBUFF"), lost)


@on_distribution
def test_backlog(guest, watch):
    """A processor that has been given more than it may be behind: CPU_BACKLOG, and softnet_stat."""
    steer = "; echo {} >/sys/class/net/IF/queues/rx-0/rps_cpus"
    place = Place((), "backlog",
                  before="sysctl -qw net.core.netdev_max_backlog=1" + steer.format(1),
                  after="sysctl -qw net.core.netdev_max_backlog=1000" + steer.format(0))
    with unread(guest, 1 << 20), lossy(guest, place):
        growth = Growth(lambda: numbers(guest))
        with watch.during() as seen:
            guest.wire(NEAR).send_many([datagram(guest)] * N)
            growth.wait("rx0_passed", N)
        lost = growth.of("backlog")
    assert 0 < lost < N
    assert_only(seen, ("received", "gro", "CPU_BACKLOG"), lost)
    assert seen.received["udp"] == N - lost


# XDP

@contextlib.contextmanager
def obeying(guest, mode="native"):
    port = Port(guest, NEAR)
    port.attach("obey_linear", mode)
    try:
        port.wait_carrier()
        yield port
    finally:
        port.detach(mode)


@on_distribution
@pytest.mark.parametrize("verdict, mode, loss", [
    (Verdict.DROP, "native", "xdp_drop"), (Verdict.ABORTED, "native", "xdp_aborted"),
    (Verdict.UNKNOWN, "native", "xdp_invalid"), (Verdict.DROP, "generic", "NOT_SPECIFIED")],
                         ids=["drop", "aborted", "unknown", "generic drop"])
def test_xdp(guest, watch, verdict, mode, loss):
    """The program's verdict, before there is an skb and after."""
    with obeying(guest, mode) as port:
        port.counts(reset=True)
        growth = Growth(lambda: guest.ethtool_stats(NEAR))
        with watch.during() as seen:
            port.wire.send_many([port.order(60, verdict)] * N)
            growth.wait("rx0_frames", N)
        assert port.counts()[verdict.name] == N
    assert_only(seen, ("received", "xdp", loss))
    assert mode == "generic" or growth.of(f"rx0_{loss}") == N


@on_distribution
def test_xdp_redirect(guest, watch):
    """The other interface is down: redirect_err."""
    far = guest.ifname(FAR)
    with obeying(guest) as port:
        port.redirect_to(To.DEV_1, far)
        guest.sh(f"ip link set {far} down")
        growth = Growth(lambda: guest.ethtool_stats(NEAR))
        with watch.during() as seen:
            port.wire.send_many([port.order(60, Verdict.REDIRECT, to=To.DEV_1)] * N)
            growth.wait("rx0_frames", N)
    router_up(guest)
    assert_only(seen, ("received", "xdp", "xdp_redirect_err"))
    assert growth.of("rx0_xdp_redirect_err") == N


@on_distribution
@pytest.mark.needs("8254x")
def test_xdp_tx_full(guest, watch, device):
    """More goes back than the ring holds while the device does not send: xdp_tx_full."""
    with obeying(guest) as port:
        port.wire.drain()
        growth = Growth(lambda: guest.ethtool_stats(NEAR))
        with watch.during() as seen:
            device.set_register(TCTL, device.register(TCTL) & ~TCTL_EN)
            port.wire.send_many([port.order(60, Verdict.TX)] * MORE)
            growth.wait("rx0_frames", MORE)
            # and what the ring took goes, once the device looks at its tail again
            device.set_register(TCTL, device.register(TCTL) | TCTL_EN)
            growth.wait("rx0_xdp_tx_full", 1)
            lost = growth.of("rx0_xdp_tx_full")
            port.wire.send(port.order(60, Verdict.TX))
            growth.wait("tx0_completed", MORE + 1 - lost)
    assert 0 < lost < MORE
    assert_only(seen, ("received", "xdp", "xdp_tx_full"), lost)


# Ring, wire, memory

@pytest.fixture
def device(guest, qtest_path):
    access = LyingDevice(guest, qtest_path)
    yield access
    access.close()


# What the device writes of one frame, by the loss. On virtio vhost-liar.c does: test_vhost_user.py
LIES = {"length_err": [Written(13)], "hw_err": [Written(60, errors=ERRORS["RXE"])],
        "chain_err": [Written(BUFFER, last=False)] * LONGEST_CHAIN + [Written(BUFFER)]}


def assert_lies_are_lost(guest, watch, device, lie, loss, station="ring"):
    growth = Growth(lambda: guest.ethtool_stats(NEAR))
    with watch.during() as seen:
        for i in range(1, N + 1):
            device.forge(*lie)
            growth.wait("rx0_frames", i)
    assert_only(seen, ("received", station, loss))
    assert growth.of(f"rx0_{loss}") == N


@on_distribution
@pytest.mark.needs("8254x")
@pytest.mark.parametrize("loss", LIES)
def test_ring(guest, watch, device, loss):
    """The device writes a length that cannot be, an error, a frame that does not end."""
    assert_lies_are_lost(guest, watch, device, LIES[loss], loss)


@on_distribution
@pytest.mark.needs("8254x")
def test_xdp_no_frags(guest, watch, device):
    """A frame over two buffers, which no device has at this MTU, and a program for one."""
    with obeying(guest):
        lie = [Written(BUFFER, last=False), Written(BUFFER)]
        assert_lies_are_lost(guest, watch, device, lie, "xdp_no_frags", "xdp")


@on_distribution
@pytest.mark.needs("counters")
def test_wire_too_long(guest, watch):
    """Longer than the device lets in: dev_oversize."""
    growth = Growth(lambda: guest.ethtool_stats(NEAR))
    with watch.during() as seen:
        guest.wire(NEAR).send_many([frame_to(guest, NEAR, OVERSIZE)] * N)
        growth.wait("dev_oversize", N)
    assert_only(seen, ("received", "wire", "dev_oversize"))
    assert growth.of("rx0_frames") == 0


@pytest.fixture
def jumbo(guest, watch):
    """The NIC lets long frames in, and has used one buffer of a new ring."""
    ifname = guest.ifname(NEAR)
    guest.sh(f"ip link set {ifname} mtu {MTU}")
    wait_carrier(guest, ifname)
    growth = Growth(lambda: guest.ethtool_stats(NEAR))
    guest.wire(NEAR).send(frame_to(guest, NEAR))
    growth.wait("rx0_frames", 1)
    watch.settle()
    yield
    guest.sh(f"ip link set {ifname} mtu 1500")
    wait_carrier(guest, ifname)


def leaving_a_rest(guest, device):
    """Jumbo frames, and a short one before them if they would use up all buffers: the device has
    the next frame wait then, and misses it if there is any."""
    short = [] if device.posted() % -(-(MTU + 14) // BUFFER) else [frame_to(guest, NEAR)]
    return short + [frame_to(guest, NEAR, MTU + 14)] * JUMBO


@on_distribution
@pytest.mark.needs("8254x")
@pytest.mark.usefixtures("jumbo")
def test_wire_missed(guest, watch, device):
    """Jumbo frames for which the ring has no buffers: what does not come is dev_missed."""
    growth = Growth(lambda: guest.ethtool_stats(NEAR))
    with watch.during() as seen:
        with without_interrupts(device):
            sent = leaving_a_rest(guest, device)
            guest.wire(NEAR).send_many(sent)
            growth.wait("dev_missed", 1)
        wait_for(growth, lambda now: now["rx0_frames"] + now["dev_missed"] == len(sent), 30, "all")
    missed = growth.of("dev_missed")
    # no protocol takes the others
    assert seen.losses == {("received", "wire", "dev_missed"): missed,
                           ("received", "ip", "UNHANDLED_PROTO"): len(sent) - missed}
    assert seen.received["ring"] == len(sent) - missed


@on_distribution
def test_sent_ring(guest, watch):
    """The device gets no more frames from memory: those in the ring are lost when it is reset."""
    ifname, wire = guest.ifname(NEAR), guest.wire(NEAR)
    guest.expect_console("NETDEV WATCHDOG")
    # fq_codel, the default, may drop what has waited so long
    guest.sh(f"tc qdisc replace dev {ifname} root pfifo limit {2 * MORE}")
    wire.drain()
    growth = Growth(lambda: guest.ethtool_stats(NEAR))
    with watch.during() as seen:
        guest.sh(f"setpci -s {guest.pci(NEAR)} COMMAND=0:4")
        script = SEND.format(count=MORE, host=HOST_V4, port=PORT)
        guest.sh(f"/usr/bin/python3 -c {shlex.quote(script)}")
        growth.wait("resets", 1, WATCHDOG)
        lost = growth.of("tx0_reset_drop")
        growth.wait("tx0_completed", MORE - lost)
    guest.sh(f"tc qdisc del dev {ifname} root")
    assert 0 < lost < MORE
    assert len(wire.recv_many(MORE - lost)) == MORE - lost
    assert_only(seen, ("sent", "ring", "reset_drop"), lost)


def test_memory(guest, request):
    """No page to replace a frame's, or no skb; only a kernel that watches can refuse memory."""
    if request.config.option.kernel not in ("kasan", "kcsan"):
        pytest.skip("this kernel injects no faults")
    port, faults = Port(guest, NEAR), Faults(guest)
    with PathWatch(guest, port.name) as watching:
        # NAPI has a store of skbs: not each is asked for
        for kind, loss, least in ((POOL, "alloc_fail", N), (SLAB, "skb_fail", 1)):
            growth = Growth(lambda: guest.ethtool_stats(NEAR))
            with watching.during() as seen:
                with faults.armed(kind, probability=100):
                    port.wire.send_many([port.order(60, Verdict.PASS)] * N)
                    growth.wait("rx0_frames", N)
            lost = growth.of(f"rx0_{loss}")
            assert least <= lost <= N
            assert seen.losses == collections.Counter({
                ("received", "ring", loss): lost,
                ("received", "ip", "UNHANDLED_PROTO"): N - lost})
            assert seen.ledgers[-1] is True
