# SPDX-License-Identifier: GPL-2.0-only
"""qd-clsact: what tc drops, redirects and copies at the two edges of an interface."""
import contextlib

import pytest

import bpf
from counters import Growth
from datagrams import PORT, exchange, expected_at, lost, send
from hosts import LEFT_V4, RIGHT_V4, ROUTER_OUT, ROUTER_V4
from sniffing import Sniffer

MANY = 60


@contextlib.contextmanager
def filters(host, *commands):
    """clsact with filters on the host's first interface, while the block runs."""
    name = host.ifname()
    host.sh("set -e\n" + "\n".join([f"tc qdisc add dev {name} clsact", *(
        f"tc filter add dev {name} {command}" for command in commands)]))
    try:
        yield
    finally:
        host.sh(f"tc qdisc del dev {name} clsact")


def hits(host, direction):
    """Packets that each filter's first action has seen, in the order of the filters."""
    found = host.json(f"tc -j -s filter show dev {host.ifname()} {direction}")
    return [item["options"]["actions"][0]["stats"]["packets"] for item in found
            if "actions" in item.get("options", {})]


def flower(port, action, direction="ingress"):
    return f"{direction} protocol ip pref {port} flower ip_proto udp dst_port {port} {action}"


@pytest.mark.parametrize("side", ["ingress", "egress"])
def test_qd_clsact(bed, side):
    """qd-clsact: flower drops what it matches, at either edge; what it does not match passes."""
    host = bed.router if side == "ingress" else bed.left
    with filters(host, flower(PORT, "action drop", side)):
        lost(bed.left, bed.router, ROUTER_V4, MANY)
        assert hits(host, side) == [MANY]
        exchange(bed.left, bed.router, ROUTER_V4, MANY, port=PORT + 1)
        assert hits(host, side) == [MANY]


def test_qd_clsact_redirect(bed):
    """qd-clsact: from one NIC straight to the other, past the router's IP: no hop is counted."""
    out = bed.router.ifname(ROUTER_OUT)
    action = (f"action pedit ex munge eth dst set {bed.right.mac()} pipe "
              f"action mirred egress redirect dev {out}")
    with filters(bed.router, flower(PORT, action)):
        forwarded = Growth(bed.router.snmp)
        with Sniffer(bed.right, f"udp port {PORT}") as seen:
            exchange(bed.left, bed.right, RIGHT_V4, MANY)
            assert {frame[22] for frame in seen.frames(MANY)} == {64}
        assert hits(bed.router, "ingress") == [MANY]
        assert forwarded.of("IpForwDatagrams") < MANY


def test_qd_clsact_mirror(bed):
    """qd-clsact: each frame reaches its receiver, and a copy of it leaves by the other NIC."""
    out = bed.router.ifname(ROUTER_OUT)
    with filters(bed.router, flower(PORT, f"action mirred egress mirror dev {out}")):
        with Sniffer(bed.right, f"udp port {PORT}") as copies:
            exchange(bed.left, bed.router, ROUTER_V4, MANY, high=900)
            assert len(copies.frames(MANY)) == MANY
        assert hits(bed.router, "ingress") == [MANY]


def program():
    """The filter of classify.bpf.c."""
    return f"bpf direct-action object-file {bpf.build()}/classify.bpf.o section tc"


def test_qd_clsact_bpf(bed):
    """qd-clsact: a BPF program drops one port, sends another one back, passes the third."""
    with filters(bed.router, f"ingress {program()}"):
        lost(bed.left, bed.router, ROUTER_V4, MANY, port=PORT + 1)
        with Sniffer(bed.left, f"-Q in udp port {PORT + 2}") as back:
            lost(bed.left, bed.router, ROUTER_V4, MANY, port=PORT + 2)
            assert len(back.frames(MANY)) == MANY
        with expected_at(bed.router, ROUTER_V4, MANY):
            send(bed.left, ROUTER_V4, PORT, {6000: MANY}, source=LEFT_V4)


def test_qd_clsact_bpf_egress(bed):
    """qd-clsact: of what is sent it drops one port, and passes the others."""
    with filters(bed.left, f"egress {program()}"):
        lost(bed.left, bed.router, ROUTER_V4, MANY, port=PORT + 1)
        exchange(bed.left, bed.router, ROUTER_V4, MANY)
