# SPDX-License-Identifier: GPL-2.0-only
"""ip-*: what the IP layer takes, drops by name, routes and forwards."""
import struct

import pytest

import frames
from connections import talk
from counters import Growth
from datagrams import PORT, exchange, send
from hosts import LEFT_V4, RIGHT_V4, RIGHT_V6, ROUTER_OUT, ROUTER_V4, ROUTER_V6, WIRE
from sniffing import Sniffer
from topology import GUEST_V4, GUEST_V6, HOST_MAC, HOST_V4, HOST_V6

MANY = 30
UDP = struct.pack("!HHHH", 2000, PORT, 12, 0) + b"abcd"
EMSGSIZE, EHOSTUNREACH = 90, 113


# ip-in

def v4(payload=UDP, source=HOST_V4, target=GUEST_V4, protocol=frames.IPPROTO_UDP, **fields):
    return frames.ETH_P_IP, frames.ipv4(source, target, protocol, payload, **fields)


def v6(payload=UDP, source=HOST_V6, target=GUEST_V6, **fields):
    segment = frames.transport_checksum(source, target, frames.IPPROTO_UDP, payload, 6, False)
    return frames.ETH_P_IPV6, frames.ipv6(source, target, frames.IPPROTO_UDP, segment, **fields)


def edited(packet, at, data):
    """An IPv4 packet with other bytes in its header, whose checksum is right again."""
    ethertype, packet = packet
    packet = packet[:at] + data + packet[at + len(data):]
    if ethertype == frames.ETH_P_IP:
        header = packet[:10] + b"\0\0" + packet[12:20]
        packet = header[:10] + struct.pack("!H", frames.checksum(header)) + packet[12:]
    return ethertype, packet


def bad_udp():
    flow = frames.Flow(frames.BROADCAST, HOST_MAC, HOST_V4, GUEST_V4, 2000, PORT)
    return frames.ETH_P_IP, frames.udp_frame(flow, b"abcd", bad_checksum=True)[14:]


# (packet, counters that grow by one for each)
BAD = {
    "checksum": (v4(bad_checksum=True), ["IpExtInCsumErrors", "IpInHdrErrors"]),
    "version": (edited(v4(), 0, b"\x55"), ["IpInHdrErrors"]),
    "header length": (edited(v4(), 0, b"\x44"), ["IpInHdrErrors"]),
    "truncated": (edited(v4(), 2, struct.pack("!H", 900)), ["IpExtInTruncatedPkts"]),
    "not for us": (v4(target="10.77.0.1"), ["IpInAddrErrors"]),
    "unknown protocol": (v4(protocol=253), ["IpInUnknownProtos"]),
    "martian": (v4(source="127.0.0.9"), ["martian"]),
    "wrong way": (v4(source="192.0.2.9"), ["TcpExtIPReversePathFilter", "martian"]),
    "UDP checksum": (bad_udp(), ["UdpInCsumErrors", "UdpInErrors"]),
    "no port": (v4(), ["UdpNoPorts"]),
    "version, v6": (edited(v6(), 0, b"\x50"), ["Ip6InHdrErrors"]),
    "truncated, v6": (edited(v6(), 4, struct.pack("!H", 900)), ["Ip6InTruncatedPkts"]),
    "multicast source, v6": (v6(source="ff02::9"), ["Ip6InHdrErrors"]),
    "no port, v6": (v6(), ["Udp6NoPorts"]),
}
GOOD = ["IcmpInEchos", "IcmpOutEchoReps"]
WATCHED = sorted({name for _, names in BAD.values() for name in names})


def protocol_counters(host):
    """SNMP's, and the martians, of which only the routing cache's statistics know."""
    rows = [line.split() for line in host.sh("cat /proc/net/stat/rt_cache").stdout.splitlines()]
    martian = rows[0].index("in_martian_src")
    return host.snmp() | {"martian": sum(int(row[martian], 16) for row in rows[1:])}


@pytest.fixture
def strict(bed):
    """A source must be reached by the interface that its packet has come by."""
    name = bed.edge.ifname()
    bed.edge.sh(f"sysctl -qw net.ipv4.conf.{name}.rp_filter=1")
    yield
    bed.edge.sh(f"sysctl -qw net.ipv4.conf.{name}.rp_filter=0")


def counted(bed, frame):
    """What grew of the watched counters, and of the good ones, when MANY such frames came."""
    grown = Growth(lambda: protocol_counters(bed.edge))
    received = Growth(bed.edge.stats)
    bed.guest.wire(WIRE).send_many([frame] * MANY)
    received.wait("rx0_passed", MANY)
    now = grown()
    return {name: now[name] for name in [*WATCHED, *GOOD] if now[name]}


def test_ip_in(bed, strict):
    """ip-in: each kind of bad packet is in the counter that names it, and in no other."""
    seen = {kind: counted(bed, frames.ether(bed.edge.mac(), HOST_MAC, *packet))
            for kind, (packet, _) in BAD.items()}
    assert seen == {kind: {name: MANY for name in names} for kind, (_, names) in BAD.items()}
    flow = frames.Flow(bed.edge.mac(), HOST_MAC, HOST_V4, GUEST_V4)
    assert counted(bed, frames.icmp_echo(flow)) == {name: MANY for name in GOOD}


# ip-route

def neighbour(host, address):
    """The entry of the neighbour table."""
    found = host.json(f"ip -j neigh show {address} dev {host.ifname()}")
    return found[0] if found else {}


@pytest.fixture
def strangers(bed):
    """The left host knows nobody."""
    bed.left.sh(f"ip neigh flush nud permanent dev {bed.left.ifname()}")
    yield
    bed.left.sh("\n".join(bed.left.acquainting()))


@pytest.mark.parametrize("address, solicited", [(ROUTER_V4, "arp"), (ROUTER_V6, "icmp6")],
                         ids=["v4", "v6"])
def test_ip_route(bed, strangers, address, solicited):
    """ip-route: the next hop is asked for on the wire, and answers with its address."""
    assert "lladdr" not in neighbour(bed.left, address)
    question = {"arp": "arp[6:2] = 1 and src host 10.2.0.1", "icmp6": "icmp6[0] = 135"}[solicited]
    with Sniffer(bed.left, f"'{question}'") as asked:
        bed.left.sh(f"ping -c 3 -i 0.2 {address}")
        assert len(asked.frames(1)) >= 1
    assert neighbour(bed.left, address)["lladdr"] == bed.router.mac()


def test_ip_route_fails(bed):
    """ip-route: a neighbour that nobody has is asked for, then the sender is told."""
    name = bed.left.ifname()
    bed.left.sh(f"sysctl -qw net.ipv4.neigh.{name}.retrans_time_ms=200")
    dead = "10.2.0.99"
    with Sniffer(bed.left, f"'arp[6:2] = 1 and dst host {dead}'") as asked:
        refused = bed.left.sh(f"python3 -c 'import socket; "
                              f"socket.create_connection((\"{dead}\", 1), 20)'", check=False)
        assert f"[Errno {EHOSTUNREACH}]" in refused.stdout
        assert len(asked.frames(3)) == 3
    assert neighbour(bed.left, dead)["state"] == ["FAILED"]


def test_ip_route_by_policy(bed):
    """ip-route: two ways to one address; the rule chooses by port, the table by prefix."""
    target = "192.0.2.1"
    ends = {bed.right: PORT, bed.left: PORT + 1}
    bed.router.sh(f"ip route add {target} via {RIGHT_V4}; "
                  f"ip route add {target} via {LEFT_V4} table 100; "
                  f"ip rule add ipproto udp dport {PORT + 1} table 100")
    for host in ends:
        host.sh(f"ip addr add {target}/32 dev lo")
    try:
        for host, port in ends.items():
            exchange(bed.router, host, target, MANY, port=port)
        seen = bed.router.json(f"ip -j route get {target} ipproto udp dport {PORT + 1}")
        assert seen[0]["gateway"] == LEFT_V4
    finally:
        bed.router.sh(f"ip rule del table 100; ip route flush table 100; ip route del {target}")
        for host in ends:
            host.sh(f"ip addr del {target}/32 dev lo")


# ip-fwd

def test_ip_fwd(bed):
    """ip-fwd: TCP through the router, v4 and v6; it forwards, and sends nothing of its own."""
    for address in (RIGHT_V4, RIGHT_V6):
        talk(bed.right, bed.left, address, 4 << 20)
    forwarded = Growth(bed.router.snmp)
    exchange(bed.left, bed.right, RIGHT_V4, MANY)
    assert forwarded.of("IpForwDatagrams") >= MANY
    assert forwarded.of("IpInDelivers") <= 2


def test_ip_fwd_ttl(bed):
    """ip-fwd: one hop takes one from the TTL; a TTL of one ends at the router."""
    with Sniffer(bed.right, f"udp port {PORT}") as seen:
        exchange(bed.left, bed.right, RIGHT_V4, MANY, ttl=9)
        assert {frame[22] for frame in seen.frames(MANY)} == {8}
    dead = Growth(bed.router.snmp)
    send(bed.left, RIGHT_V4, PORT, {6000: MANY}, ttl=1)
    assert dead.wait("IpInHdrErrors", MANY) == MANY
    # one each for the burst that the limit on answers lets pass
    assert 0 < dead.of("IcmpOutTimeExcds") <= MANY


@pytest.fixture
def narrow(bed):
    """The way from the router to the right takes 1,280 bytes; the right does not know."""
    ways = [f"{prefix} dev {bed.router.ifname(ROUTER_OUT)}"
            for prefix in ("10.3.0.0/24", "fd03::/64 proto kernel metric 256")]
    bed.router.sh("\n".join(f"ip route replace {way} mtu lock 1280" for way in ways))
    yield
    bed.router.sh("\n".join(f"ip route replace {way}" for way in ways))
    bed.left.sh("ip route flush cache; ip -6 route flush cache")


def test_ip_fwd_fragments(bed, narrow):
    """ip-fwd: two fragments for each packet that is too long, put together at the end."""
    cut, joined = Growth(bed.router.snmp), Growth(bed.right.snmp)
    # nobody may fragment these but the router: the sender leaves DF away and knows no smaller MTU
    bed.left.sh("sysctl -qw net.ipv4.ip_no_pmtu_disc=1")
    try:
        exchange(bed.left, bed.right, RIGHT_V4, MANY, low=1400)
    finally:
        bed.left.sh("sysctl -qw net.ipv4.ip_no_pmtu_disc=0")
    assert (cut.of("IpFragOKs"), cut.of("IpFragCreates")) == (MANY, 2 * MANY)
    assert (joined.of("IpReasmReqds"), joined.of("IpReasmOKs")) == (2 * MANY, MANY)


@pytest.mark.parametrize("address", [RIGHT_V4, RIGHT_V6], ids=["v4", "v6"])
def test_ip_fwd_pmtu(bed, narrow, address):
    """ip-fwd: who may not be fragmented is told the MTU, and TCP then sends what fits."""
    talk(bed.right, bed.left, address, 2 << 20)
    told = bed.left.json(f"ip -j route get {address}")[0]
    assert told["metrics"][0]["mtu"] == 1280
    if ":" not in address:
        sent, refused, errno = send(bed.left, address, PORT, {6000: MANY}, low=1400, pmtu=True)
        assert (sent, refused, errno) == (0, MANY, EMSGSIZE)
