# SPDX-License-Identifier: GPL-2.0-only
"""nf-*: the five hooks, their verdicts, connection tracking, NAT and the flow table."""
import contextlib
import json
import re

import pytest

from connections import PORT as TCP_PORT
from connections import Connection, talk
from counters import Growth, wait_for
from datagrams import PORT, Receiver, exchange, expected_at, intact, lost, send
from hosts import LEFT_V4, RIGHT_V4, ROUTER, ROUTER_OUT, ROUTER_OUT_V4, ROUTER_V4
from taps import fresh_path, program, wait_for_file

MANY = 60
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
# The watchdog looks after five seconds without progress.
RECOVERY = 40


@contextlib.contextmanager
def rules(host, text):
    """A table of nftables, named suite, while the block runs."""
    host.sh(f"nft -f - <<'END'\ntable inet suite {{\n{text}\n}}\nEND")
    try:
        yield
    finally:
        host.sh("nft delete table inet suite")


def counts(host):
    """The packets of its named counters."""
    found = host.json("nft -j list counters table inet suite")["nftables"]
    return {item["counter"]["name"]: item["counter"]["packets"] for item in found
            if "counter" in item}


# The five hooks

WAYS = {"in": ("left", "router", ROUTER_V4), "through": ("left", "right", RIGHT_V4),
        "out": ("router", "right", RIGHT_V4)}


@pytest.fixture(scope="module")
def seen(bed):
    """{way: {hook: packets}} for MANY packets into, through and out of the router."""
    chains = "\n".join(
        f"counter {hook} {{}}\nchain {hook}_chain {{ type filter hook {hook} priority 0; "
        f"udp dport {PORT} counter name {hook}; }}" for hook in HOOKS)
    found = {}
    with rules(bed.router, chains):
        for way, (source, target, address) in WAYS.items():
            grown = Growth(lambda: counts(bed.router))
            exchange(getattr(bed, source), getattr(bed, target), address, MANY)
            found[way] = grown()
    return found


def on_ways(seen, hook):
    return {way: seen[way][hook] for way in WAYS}


def test_nf_pre(seen):
    """nf-pre: what comes in or through, and nothing of the router's own."""
    assert on_ways(seen, "prerouting") == {"in": MANY, "through": MANY, "out": 0}


def test_nf_in(seen):
    """nf-in: only what is for the router itself."""
    assert on_ways(seen, "input") == {"in": MANY, "through": 0, "out": 0}


def test_nf_fwd(seen):
    """nf-fwd: only what goes through."""
    assert on_ways(seen, "forward") == {"in": 0, "through": MANY, "out": 0}


def test_nf_out(seen):
    """nf-out: only what the router sends itself."""
    assert on_ways(seen, "output") == {"in": 0, "through": 0, "out": MANY}


def test_nf_post(seen):
    """nf-post: all that leaves, forwarded or its own."""
    assert on_ways(seen, "postrouting") == {"in": 0, "through": MANY, "out": MANY}


# Verdicts

def forward(text, more=""):
    """A chain on the way through the router."""
    return f"{more}\nchain on_way {{ type filter hook forward priority 0; {text} }}"


@pytest.mark.parametrize("verdict", ["accept", "drop"])
def test_nf_verdict(bed, verdict):
    """nf-verdict: ACCEPT lets each pass, DROP none; the counter says each once."""
    with rules(bed.router, forward(f"udp dport {PORT} counter name every {verdict};",
                                   "counter every {}")):
        (exchange if verdict == "accept" else lost)(bed.left, bed.right, RIGHT_V4, MANY)
        assert counts(bed.router) == {"every": MANY}


def test_nf_verdict_queue(bed):
    """nf-verdict: QUEUE asks a program, which accepts, drops, and repeats with a mark."""
    ready = fresh_path("queue")
    flows = {6001: 20, 6002: 30, 6004: 40}
    answers = sum(flows.values()) + flows[6004]
    with rules(bed.router, forward(f"meta mark 7 udp dport {PORT} counter name marked; "
                                   f"udp dport {PORT} queue num 0;", "counter marked {}")):
        job = bed.router.spawn(f"{program('nfqueue.py')} {answers} --ready {ready}")
        wait_for_file(bed.guest, ready)
        receiver = Receiver(bed.right, f"{RIGHT_V4}/{PORT}", expect=flows[6002] + flows[6004])
        send(bed.left, RIGHT_V4, PORT, flows)
        arrived = receiver.result()["sockets"][0]
        given = json.loads(job.wait(30).stdout)
        marked = counts(bed.router)["marked"]
    assert sorted(arrived) == [6002, 6004]
    assert all(intact(flow, flows[sport]) for sport, flow in arrived.items())
    # those that came back with their mark passed the hook a second time
    assert marked == flows[6004]
    assert given == {"drop": 20, "repeat": 40, "accept": 30 + 40}


def synproxy_counts(host):
    """/proc/net/stat/synproxy, summed over the CPUs."""
    rows = [line.split() for line in host.sh("cat /proc/net/stat/synproxy").stdout.splitlines()]
    return {name: sum(int(row[at], 16) for row in rows[1:]) for at, name in enumerate(rows[0])}


def test_nf_verdict_stolen(bed):
    """nf-verdict: STOLEN: a proxy answers the SYN itself, and connects when it is worth it."""
    text = f"""
chain raw {{ type filter hook prerouting priority raw;
    tcp dport {TCP_PORT} tcp flags syn notrack; }}
chain on_way {{ type filter hook forward priority 0;
    tcp dport {TCP_PORT} ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm;
    ct state invalid drop; }}"""
    bed.router.sh("modprobe nf_conntrack; sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0 "
                  "net.ipv4.tcp_syncookies=1 net.ipv4.tcp_timestamps=1")
    with rules(bed.router, text):
        grown = Growth(lambda: synproxy_counts(bed.router))
        talk(bed.right, bed.left, RIGHT_V4)
        now = grown()
    # a client that hears nothing for a second asks again
    assert 1 <= now["cookie_valid"] <= now["syn_received"]
    assert now["cookie_invalid"] == 0


# iptables

@pytest.mark.parametrize("command", ["iptables-nft", "iptables-legacy"])
def test_nf_iptables(bed, command):
    """nf-iptables: both kinds count in each table, drop and translate."""
    table = [("mangle", "PREROUTING"), ("filter", "FORWARD"), ("mangle", "POSTROUTING")]
    match = f"-p udp --dport {PORT}"
    for name, chain in table:
        bed.router.sh(f"{command} -w -t {name} -A {chain} {match}")
    try:
        exchange(bed.left, bed.right, RIGHT_V4, MANY)
        for name, chain in table:
            listed = bed.router.sh(f"{command} -w -t {name} -L {chain} -v -x -n").stdout
            assert re.search(rf"^\s*{MANY}\s+\d+\s.*udp dpt:{PORT}\s*$", listed, re.M), listed
        bed.router.sh(f"{command} -w -I FORWARD {match} -j DROP")
        lost(bed.left, bed.right, RIGHT_V4, MANY)
        bed.router.sh(f"{command} -w -D FORWARD {match} -j DROP")
        bed.router.sh(f"{command} -w -t nat -A POSTROUTING -p tcp -j MASQUERADE")
        server, _ = talk(bed.right, bed.left, RIGHT_V4)
        assert server["peer"] == ROUTER_OUT_V4
    finally:
        bed.router.sh(f"for t in mangle filter nat; do {command} -w -t $t -F; done")


# Connection tracking

NAT = """
chain pre { type nat hook prerouting priority dstnat; %s }
chain post { type nat hook postrouting priority srcnat; %s }"""
FOLLOW = "chain follow { type filter hook forward priority 0; ct state invalid counter drop; }"


def tracked(host, words):
    """The lines of conntrack -L."""
    return host.sh(f"conntrack -L {words} 2>/dev/null").stdout.splitlines()


@pytest.fixture
def tracking(bed):
    """The router's table is empty; the module is there."""
    bed.router.sh("modprobe nf_conntrack && conntrack -F 2>/dev/null")


def test_nf_ct(bed, tracking):
    """nf-ct: TCP is ESTABLISHED, then waits; UDP has no reply, then has one; the router's own
    datagrams are known, too."""
    with rules(bed.router, FOLLOW):
        connection = Connection(bed.right, bed.left, RIGHT_V4, held=True)
        connection.wait_exchanged()
        line, = tracked(bed.router, f"-p tcp --dport {TCP_PORT}")
        assert " ESTABLISHED " in line and "[ASSURED]" in line
        assert f"src={LEFT_V4} dst={RIGHT_V4}" in line and f"src={RIGHT_V4} dst={LEFT_V4}" in line
        connection.finish()
        wait_for(lambda: tracked(bed.router, f"-p tcp --dport {TCP_PORT}"),
                 lambda lines: len(lines) == 1 and " TIME_WAIT " in lines[0], 10, "TIME_WAIT")
        with expected_at(bed.right, RIGHT_V4, 1):
            send(bed.left, RIGHT_V4, PORT, {6000: 1})
            line, = tracked(bed.router, f"-p udp --dport {PORT}")
            assert "[UNREPLIED]" in line
        with expected_at(bed.left, LEFT_V4, 1, port=6000):
            send(bed.right, LEFT_V4, 6000, {PORT: 1})
        line, = tracked(bed.router, f"-p udp --dport {PORT}")
        assert "[UNREPLIED]" not in line
        with expected_at(bed.right, RIGHT_V4, 1):
            send(bed.router, RIGHT_V4, PORT, {6001: 1})
        line, = tracked(bed.router, "-p udp --sport 6001")
        assert f"src={ROUTER_OUT_V4} dst={RIGHT_V4}" in line and "[UNREPLIED]" in line


def test_nf_ct_nat(bed, tracking):
    """nf-ct: DNAT, SNAT and MASQUERADE: each end knows the other one by the router's address."""
    translations = {f"snat ip to {ROUTER_OUT_V4}": ROUTER_OUT_V4, "masquerade": ROUTER_OUT_V4,
                    "accept": LEFT_V4}
    for source, peer in translations.items():
        text = NAT % (f"ip daddr {ROUTER_V4} tcp dport {TCP_PORT} dnat ip to {RIGHT_V4};",
                      f"tcp dport {TCP_PORT} {source};")
        with rules(bed.router, text):
            server, client = talk(bed.right, bed.left, RIGHT_V4, via=ROUTER_V4)
        assert (server["peer"], client["peer"]) == (peer, ROUTER_V4)


@contextlib.contextmanager
def slow(host):
    """Sends two megabytes in a second, on a fast machine too."""
    replace = f"tc qdisc replace dev {host.ifname()} root"
    host.sh(f"{replace} tbf rate 16mbit burst 100k limit 10mb")
    yield
    host.sh(f"{replace} pfifo limit 10000")


@contextlib.contextmanager
def short_queue(host, index):
    """Two segments stop it, and the watchdog looks at none that is not stopped: its limit grows to
    more than a connection may have under way."""
    most = f"/sys/class/net/{host.ifname(index)}/queues/tx-0/byte_queue_limits/limit_max"
    before = host.sh(f"cat {most}").stdout.strip()
    host.sh(f"echo 2000 >{most}")
    try:
        yield
    finally:
        host.sh(f"echo {before} >{most}")


def test_nf_ct_reset(bed, tracking):
    """nf-ct: a connection through NAT outlives a reset of the NIC that it passes."""
    bed.guest.expect_console(r"NETDEV WATCHDOG")
    resets = Growth(lambda: bed.router.stats(ROUTER_OUT))
    with rules(bed.router, NAT % ("", f"tcp dport {TCP_PORT} masquerade;") + "\n" + FOLLOW), \
            slow(bed.left), short_queue(bed.router, ROUTER_OUT):
        connection = Connection(bed.right, bed.left, RIGHT_V4, 6 << 20, timeout=120)
        carried = Growth(lambda: bed.router.link(ROUTER_OUT)["tx"])
        carried.wait("bytes", 1 << 18)
        bed.guest.sh(f"setpci -s {bed.guest.pci(ROUTER_OUT)} COMMAND=0:4")
        resets.wait("resets", 1, RECOVERY)
        server, _ = connection.finish()
    assert server["peer"] == ROUTER_OUT_V4
    assert resets.of("resets") == 1


# The flow table

def test_nf_flowtable(bed, tracking):
    """nf-flowtable: from its reply on a flow goes past the slow path; nothing is missing."""
    devices = ", ".join(f'"{bed.router.ifname(i)}"' for i in (ROUTER, ROUTER_OUT))
    text = f"""
flowtable fast {{ hook ingress priority 0; devices = {{ {devices} }}; }}
counter slow {{}}
chain on_way {{ type filter hook forward priority 0;
    tcp dport {TCP_PORT} counter name slow;
    meta l4proto tcp flow add @fast; }}"""
    size = 8 << 20
    with rules(bed.router, text):
        frames = Growth(bed.router.stats)
        connection = Connection(bed.right, bed.left, RIGHT_V4, size, held=True)
        connection.wait_exchanged()
        line, = tracked(bed.router, f"-p tcp --dport {TCP_PORT}")
        assert "[OFFLOAD]" in line
        connection.finish()
        assert counts(bed.router)["slow"] < 20
        assert frames.of("rx0_passed") > size // 1448
