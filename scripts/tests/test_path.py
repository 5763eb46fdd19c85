# SPDX-License-Identifier: GPL-2.0-only
"""scripts/sluice path: the numbers are those of known traffic, and what it cannot do it says."""
import contextlib
import json
import shlex

import pytest

import frames
import ledger
from counters import wait_for
from guest import Guest, Nic
from packet_path import counters as path_counters
from packet_path import losses, picture
from path_watch import COMMAND, FAR, NEAR, START, PathWatch, Seen, router_up
from steady_traffic import Inbound
from taps import fresh_path, program, wait_for_file
from topology import (GUEST_V4, GUEST_V6, HOST_MAC, HOST_V4, HOST_V6, NEAR_V4, PEER_V4, bring_up,
                      wait_carrier)

pytestmark = pytest.mark.distribution_kernel("virtio_net is not in it")
INTREE = 2
N = 200
PORT = 6100
REFUSED = 2
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@pytest.fixture(scope="module")
def guest():
    """A router between two wires, with a rule on every hook; and a NIC with a driver of the kernel.
    """
    with Guest(nics=[Nic(), Nic(), Nic(model="virtio")]) as running:
        router_up(running)
        running.put("/tmp/rules", ruleset().encode())
        running.sh("nft -f /tmp/rules")
        give_away(running, INTREE)
        yield running


@pytest.fixture(scope="module")
def nothing_left(guest):
    """Asserts that no program and no traced function is there that was not there before."""
    def there():
        return guest.sh("bpftool prog list; cat /sys/kernel/tracing/enabled_functions").stdout
    before = there()
    # the kernel lets go of a traced function when nobody can be in it any more
    return lambda: wait_for(there, lambda now: now == before, 20, "no program left")


def ruleset():
    chains = "".join(f"chain {hook} {{ type filter hook {hook} priority 0; "
                     f"udp dport {PORT} counter; }}\n" for hook in HOOKS)
    return f"table ip watched {{\n{chains}}}\n"


def give_away(guest, i):
    """To the driver that the kernel has for it."""
    address, device = guest.pci(i), f"/sys/bus/pci/devices/{guest.pci(i)}"
    guest.sh(f"echo {address} >{device}/driver/unbind; echo >{device}/driver_override; "
             f"echo {address} >/sys/bus/pci/drivers/virtio-pci/bind; modprobe virtio_net")
    wait_for(lambda: guest.ifnames()[i], bool, 20, "an interface of virtio_net")


def rule_counts(guest):
    """Packets that each chain's rule has seen."""
    table = json.loads(guest.sh("nft -j list table ip watched").stdout)["nftables"]
    rules = [entry["rule"] for entry in table if "rule" in entry]
    return {rule["chain"]: expression["counter"]["packets"] for rule in rules
            for expression in rule["expr"] if "counter" in expression}


def datagram(guest, i, destination=GUEST_V4):
    """One for a port on which nobody listens, or that is forwarded."""
    flow = frames.Flow(guest.nics[i].mac, HOST_MAC, HOST_V4, destination, 7, PORT)
    return frames.udp_frame(flow, bytes(30))


SEND = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    for _ in range({count}):
        sock.sendto(bytes(30), ("{host}", {port}))
"""


def send(guest, host, count=N):
    script = SEND.format(count=count, host=host, port=PORT)
    guest.sh(f"/usr/bin/python3 -c {shlex.quote(script)}")


def listening(guest):
    """A socket that takes N datagrams."""
    ready = fresh_path("listening")
    job = guest.spawn(f"{program('udp_sequence.py')} {PORT} {N} --ready {ready} --quiet 60")
    wait_for_file(guest, ready, 40)
    return job


# The numbers

def expected_received(ifname_wire=N):
    return {"wire": ifname_wire, "ring": N, "xdp": N, "gro": N, "tc": N, "prerouting": N,
            "local": N, "input": N, "udp": N}


def without_wire(way, model):
    """A device that counts nothing cannot say what was on its wire."""
    return {name: count for name, count in way.items()
            if name != "wire" or model.can("counters")}


def test_once_counts_what_came_from_the_wire(guest):
    """--once --json: 200 datagrams are 200 at each station up to their socket, and 0 elsewhere."""
    ifname, model = guest.ifname(NEAR), guest.nics[NEAR].model
    receiver = listening(guest)
    job = guest.spawn(f"exec {COMMAND} {ifname} --once --json --interval 8 2>/tmp/said")
    wait_for(lambda: guest.sh("cat /tmp/said 2>/dev/null || true").stdout, bool, 60,
             "the first reading")
    guest.wire(NEAR).send_many([datagram(guest, NEAR)] * N)
    done = job.wait(60)
    assert receiver.wait().stdout.split()[0] == str(N)
    assert done.status == 0, done.stdout
    seen = Seen()
    seen.add(json.loads(done.stdout))
    assert seen.received == without_wire(expected_received(), model)
    assert (seen.sent, seen.losses) == ({}, {})
    assert seen.ledgers == [True]


def test_live_counts_what_is_sent(guest):
    """--json: 200 datagrams of a socket, down to the wire."""
    model = guest.nics[NEAR].model
    with PathWatch(guest, guest.ifname(NEAR)) as watch, watch.during() as seen:
        before = rule_counts(guest)
        send(guest, HOST_V4)
        assert len(guest.wire(NEAR).recv_many(N)) == N
        after = rule_counts(guest)
    assert seen.sent == without_wire({"udp": N, "output": N, "out": N, "postrouting": N,
                                      "qdisc": N, "driver": N, "ring": N, "wire": N}, model)
    assert after["output"] - before["output"] == N
    assert (seen.received, seen.losses) == ({}, {})
    assert seen.ledgers[-1]


@contextlib.contextmanager
def with_ipv6(guest):
    """What the interface then says by itself does not come in."""
    ifname = guest.ifname(NEAR)
    conf = f"/proc/sys/net/ipv6/conf/{ifname}/disable_ipv6"
    guest.sh(f"set -e; echo 0 >{conf}; ip -6 address add {GUEST_V6}/64 dev {ifname} nodad; "
             f"ip -6 neigh replace {HOST_V6} lladdr {HOST_MAC} dev {ifname}")
    try:
        yield
    finally:
        guest.sh(f"echo 1 >{conf}")


def test_live_counts_ipv6_and_each_protocol(guest):
    """Datagrams and segments for nobody, and questions, in equal numbers."""
    flow = frames.Flow(guest.nics[NEAR].mac, HOST_MAC, HOST_V6, GUEST_V6, 7, PORT)
    with PathWatch(guest, guest.ifname(NEAR)) as watch, with_ipv6(guest):
        watch.settle()
        with watch.during() as seen:
            for frame in (frames.udp_frame(flow, bytes(30)), frames.tcp_frame(flow, bytes(30)),
                          frames.icmp_echo(flow)):
                guest.wire(NEAR).send_many([frame] * N)
    way = dict.fromkeys(["wire", "ring", "xdp", "gro", "tc", "local"], 3 * N)
    assert seen.received == without_wire(way | {"udp": N, "tcp": N, "icmp": N},
                                         guest.nics[NEAR].model)
    assert seen.losses == {("received", "socket", "NO_SOCKET"): 2 * N}


def test_live_counts_what_is_forwarded(guest):
    """Seen from both sides: in by one interface and out by the other, and to no socket."""
    frame = datagram(guest, NEAR, PEER_V4)
    with PathWatch(guest, guest.ifname(NEAR)) as near, \
            PathWatch(guest, guest.ifname(FAR)) as far:
        with near.during() as seen, far.during() as beyond:
            guest.wire(NEAR).send_many([frame] * N)
            assert len(guest.wire(FAR).recv_many(N)) == N
    model = guest.nics[NEAR].model
    assert seen.received == without_wire({"wire": N, "ring": N, "xdp": N, "gro": N, "tc": N,
                                          "prerouting": N, "forwarded": N, "forward": N}, model)
    assert beyond.sent == without_wire({"out": N, "postrouting": N, "qdisc": N, "driver": N,
                                        "ring": N, "wire": N}, model)
    assert (seen.losses, beyond.losses) == ({}, {})


def test_other_namespace_is_not_counted(guest):
    """Both namespaces have an interface lo, with the same index."""
    guest.sh("ip netns add elsewhere; ip -n elsewhere link set lo up")
    ping = "ping -c 20 -i 0.05 -q 127.0.0.1"
    with PathWatch(guest, "lo") as watch:
        with watch.during() as seen:
            guest.sh(f"ip netns exec elsewhere {ping}")
        with watch.during() as here:
            guest.sh(ping)
    assert (seen.received, seen.sent) == ({}, {})
    # request and answer are both sent and received here
    assert (here.received["local"], here.sent["out"], here.sent["driver"]) == (40, 40, 40)


def test_interface_in_a_namespace(guest, nothing_left):
    """Below `ip netns exec`, whose /sys has no tracefs; and nothing stays mounted."""
    there = guest.sh("cat /proc/mounts").stdout
    ifname = guest.ifname(FAR)
    frame = datagram(guest, FAR, NEAR_V4)
    guest.sh(f"ip netns add inside; ip link set {ifname} netns inside; "
             "ip netns exec inside sysctl -qw net.ipv6.conf.all.disable_ipv6=1; "
             f"ip -n inside addr add {NEAR_V4}/24 dev {ifname}; ip -n inside link set {ifname} up")
    try:
        wait_carrier(guest, ifname, netns="inside")
        with PathWatch(guest, ifname, "inside") as watch, watch.during() as seen:
            guest.wire(FAR).send_many([frame] * N)
    finally:
        guest.sh("ip netns del inside")
        wait_for(lambda: guest.ifnames()[FAR], bool, 20, "the interface to come back")
        router_up(guest)
    # no rule hangs on its hooks
    assert seen.received == without_wire({name: N for name in expected_received()
                                          if name not in HOOKS}, guest.nics[FAR].model)
    assert seen.losses == {("received", "socket", "NO_SOCKET"): N}
    assert seen.ledgers == [True] * len(seen.ledgers)
    assert guest.sh("cat /proc/mounts").stdout == there
    nothing_left()


# Less detail

def test_driver_of_the_kernel(guest):
    """virtio_net: what any driver counts, the stack's stations, and what cannot be seen."""
    ifname = bring_up(guest, INTREE, "10.3.0.1/24")
    flow = frames.Flow(guest.nics[INTREE].mac, HOST_MAC, "10.3.0.2", "10.3.0.1", 7, PORT)
    guest.sh(f"ip neigh replace 10.3.0.2 lladdr {HOST_MAC} dev {ifname}; ")
    wait_carrier(guest, ifname)
    with PathWatch(guest, ifname) as watch, watch.during() as seen:
        guest.wire(INTREE).send_many([frames.udp_frame(flow, bytes(30))] * N)
    assert seen.received == {name: N for name in ("wire", "gro", "tc", "prerouting", "local",
                                                  "input", "udp")}
    assert seen.losses == {("received", "socket", "NO_SOCKET"): N}
    last = seen.reports[-1]
    assert (last["received"]["ring"], last["received"]["xdp"]) == (None, None)
    assert last["ledger"] == {"balances": None, "text": "virtio_net keeps no ledger"}
    assert any("no counters of sluice's" in sentence for sentence in last["unseen"])


def test_interface_that_goes_ends_it(guest):
    """One sentence, status 2."""
    guest.sh("ip link add veth5 type veth peer name veth6; ip link set veth5 up")
    watch = PathWatch(guest, "veth5")
    with watch:
        guest.sh("ip link del veth5")
        result = watch.job.wait(20)
    assert result.status == REFUSED
    assert "veth5" in guest.sh(f"cat {watch.path}.errors").stdout


def test_interface_that_goes_while_it_is_read(tmp_path):
    """Whatever is being read at that moment."""
    interface = path_counters.Interface("lo")
    interface.path = tmp_path / "gone"
    with pytest.raises(path_counters.Unwatchable, match="lo: the interface is gone"):
        interface.standard()


# The picture

LABELS = ["socket", "netfilter", "IP", "netfilter", "tc", "GRO", "XDP", "ring", "wire"]


def test_picture_has_every_station(guest):
    """--once: from the sockets to the wire, both ways, and the ledger last."""
    text = guest.sh(f"{COMMAND} {guest.ifname(NEAR)} --once 2>/dev/null", timeout=60).stdout
    lines = text.splitlines()
    rows = [line.split()[0] for line in lines[3:3 + len(LABELS)]]
    assert rows == LABELS
    for word in (*HOOKS, "tcp", "udp", "local", "forwarded", "ingress", "BQL", "in flight"):
        assert word in text, word
    assert lines[-1].startswith("ledger balances: ")


def test_terminal_is_redrawn(guest, nothing_left):
    """No flag: a new picture in the place of the old one, until the terminal goes."""
    path = fresh_path("terminal")
    job = guest.spawn(f"exec script -qfc '{COMMAND} {guest.ifname(NEAR)}' {path} >/dev/null")
    pictures = wait_for(lambda: guest.sh(f"cat {path}", check=False).stdout,
                        lambda text: text.count(picture.CLEAR) > 3, START, "three pictures")
    job.stop()
    assert pictures.count("ledger balances") >= 3
    nothing_left()


def test_losses_are_at_their_station():
    """What the kernel's reasons, or its functions, say."""
    for way, reason, function, station in (
            ("received", "UDP_CSUM", "__udp4_lib_rcv", "socket"),
            ("received", "NOT_SPECIFIED", "udp_queue_rcv_one_skb", "socket"),
            ("received", "IP_CSUM", "ip_rcv_core", "ip"),
            ("received", "NOT_SPECIFIED", "ip_rcv_finish_core", "ip"),
            ("received", "TC_INGRESS", "__netif_receive_skb_core.constprop.0", "tc"),
            ("received", "XDP", "do_xdp_generic", "xdp"),
            ("received", "NOT_SPECIFIED", "netif_receive_generic_xdp", "xdp"),
            ("received", "NOT_SPECIFIED", "sluice_tx_drop", "ip"),
            ("received", "CPU_BACKLOG", "enqueue_to_backlog", "gro"),
            ("sent", "QDISC_DROP", "__dev_queue_xmit", "qdisc"),
            ("sent", "NOT_SPECIFIED", "drop_func", "qdisc"),
            ("sent", "NOT_SPECIFIED", "pfifo_fast_reset", "qdisc"),
            ("sent", "NOT_SPECIFIED", "rtnl_kfree_skbs", "qdisc"),
            ("sent", "TC_EGRESS", "__dev_queue_xmit", "qdisc"),
            ("sent", "NEIGH_FAILED", "arp_error_report", "ip")):
        assert losses.row(way, reason, function) == station


def test_backlog_is_of_those_received():
    """It comes before the mark by which a packet that was received is known."""
    assert losses.of_stack({(0, "CPU_BACKLOG", "enqueue_to_backlog"): 2,
                            (1, "CPU_BACKLOG", "enqueue_to_backlog"): 1}) == \
        {("received", "gro", "CPU_BACKLOG", "enqueue_to_backlog"): 3}


def test_what_our_driver_frees_is_lost_once():
    """By the name that its counter has; of another driver there is nothing but the function."""
    lost = {(0, "NOT_SPECIFIED", "sluice_reset_drop"): 2}
    assert losses.of_stack(lost, ours=True) == {}
    assert losses.of_stack(lost) == \
        {("sent", "ring", "NOT_SPECIFIED", "sluice_reset_drop"): 2}


def test_what_came_in_and_another_driver_frees_is_lost_here():
    """The counters of this one know nothing of it."""
    assert losses.of_stack({(1, "NOT_SPECIFIED", "sluice_tx_drop"): 2}, ours=True) == \
        {("received", "ip", "NOT_SPECIFIED", "sluice_tx_drop"): 2}


def test_hooks_of_other_families_have_numbers_of_their_own():
    """A bridge has one more of them than IP."""
    bridge, answer = 7, 2
    assert losses.by_hook({(1, bridge, 5, answer): 3}) == {("received", "tc", answer): 3}


def test_without_a_probe_on_the_hooks_their_losses_are_the_stacks():
    """Which hook it was nobody knows then."""
    lost = {(1, "NETFILTER_DROP", "nft_do_chain"): 2}
    assert losses.of_stack(lost) == {}
    assert losses.of_stack(lost, hooked=False) == \
        {("received", "ip", "NETFILTER_DROP", "nft_do_chain"): 2}


def balanced():
    """One queue that has lost nothing."""
    rx = {f"rx0_{name}": 0 for name in ["frames", *ledger.RX_ENDS]}
    tx = {f"tx0_{name}": 0 for name in [*ledger.TX_STARTS, *ledger.TX_ENDS]}
    return rx | tx | {"rx0_frames": 7, "rx0_passed": 7}


def test_ledger_that_does_not_balance():
    """One frame less than came in, and the sentence says so."""
    assert path_counters.verdict(balanced())[0]
    wrong, text = path_counters.verdict(balanced() | {"rx0_passed": 6})
    assert wrong is False
    assert "DOES NOT BALANCE" in text and "7 in, 6 out" in text


def test_ledger_is_not_judged_while_frames_move(guest):
    """Never wrong, and not right either as long as frames come; right when they have all come."""
    with PathWatch(guest, guest.ifname(NEAR)) as watch:
        with Inbound(guest, NEAR, pause=0.01), watch.during() as seen:
            pass
        with watch.during() as quiet:
            pass
    assert None in seen.ledgers
    assert False not in seen.ledgers
    assert quiet.ledgers[-1]


# What is refused

ALONE = "unshare -m sh -c "
EDIT = "sed /NAME/d /sys/kernel/tracing/FILE >/tmp/edited; " \
    "mount --bind /tmp/edited /sys/kernel/tracing/FILE; exec COMMAND IF --once --json"
REFUSALS = {
    "no interface": ("COMMAND nothing", "nothing: no such interface; 'ip link' lists them"),
    "no path": ("COMMAND ../net/lo", "../net/lo: no such interface; 'ip link' lists them"),
    "no root": ("setpriv --reuid=65534 COMMAND IF", "only root"),
    "no capability": ("setpriv --bounding-set=-sys_admin COMMAND IF", "CAP_SYS_ADMIN"),
    "a long name": ("COMMAND $(seq -s '' 200)", ": no such interface; 'ip link' lists them"),
    # as in a namespace of users, which nobody can make below a chroot
    "capable but not root": ("setpriv --reuid=65534 --inh-caps=+sys_admin "
                             "--ambient-caps=+sys_admin COMMAND IF", "only root of the machine"),
    "no tools": ("mkdir -p /tmp/few; PATH=/tmp/few COMMAND IF",
                 "tc is missing: apt-get install iproute2"),
    "a tool that says something else": (
        "mkdir -p /tmp/odd; ln -sf /bin/echo /tmp/odd/tc; PATH=/tmp/odd:$PATH COMMAND IF",
        "what it prints is no JSON"),
    "no place for the probes": ("XDG_CACHE_HOME=/proc COMMAND IF", "/proc/sluice: "),
    "no functions": (ALONE + "'cp /sys/kernel/tracing/available_events /tmp/events; "
                     "mount -t tmpfs none /sys/kernel/tracing; "
                     "cp /tmp/events /sys/kernel/tracing/available_events; exec COMMAND IF'",
                     "no available_filter_functions"),
    "no compiler": ("mkdir -p /tmp/few; XDG_CACHE_HOME=/tmp/none PATH=/tmp/few COMMAND IF",
                    "clang is missing: apt-get install clang libbpf-dev"),
    "no BTF": (ALONE + "'mount -t tmpfs none /sys/kernel/btf; exec COMMAND IF'",
               "this kernel has no /sys/kernel/btf/vmlinux"),
    "no tracefs": (ALONE + "'mkdir -p /tmp/btf; mount --bind /sys/kernel/btf /tmp/btf; "
                   "mount -t tmpfs none /sys/kernel; mkdir /sys/kernel/btf; "
                   "mount --bind /tmp/btf /sys/kernel/btf; exec COMMAND IF'",
                   "no tracefs, and none can be mounted at /sys/kernel/tracing"),
    "no tracepoint": (ALONE + shlex.quote(EDIT.replace("NAME", "skb:kfree_skb")
                                          .replace("FILE", "available_events")),
                      "this kernel has no tracepoint kfree_skb"),
    "only a function of that name": (
        ALONE + shlex.quote(EDIT.replace("NAME", "net:netif_receive_skb$")
                            .replace("FILE", "available_events")),
        "this kernel has no tracepoint netif_receive_skb"),
}


def command(guest, text):
    return text.replace("COMMAND", COMMAND).replace("IF", guest.ifname(NEAR))


@pytest.mark.parametrize("case", REFUSALS)
def test_refused(guest, nothing_left, case):
    """One clear sentence, status 2, and nothing is attached."""
    text, sentence = REFUSALS[case]
    done = guest.sh(f"{command(guest, text)} 2>&1", check=False, timeout=60)
    assert done.status == REFUSED, done.stdout
    assert done.stdout.count("\n") == 1 and done.stdout.startswith("sluice: ")
    assert sentence in done.stdout
    nothing_left()


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "soon", "1e9"])
def test_refused_interval(guest, interval):
    """Intervals that nobody can wait for."""
    done = guest.sh(f"{command(guest, 'COMMAND IF')} --interval={interval} 2>&1", check=False)
    assert done.status == REFUSED
    assert "argument --interval: " in done.stdout


def test_function_that_the_kernel_lacks_is_left_out(guest):
    """A station less, and a sentence that says so."""
    text = EDIT.replace("NAME", "^ip_forward$").replace("FILE", "available_filter_functions")
    done = guest.sh(command(guest, ALONE + shlex.quote(text)) + " 2>/dev/null", timeout=60)
    unseen = json.loads(done.stdout)["unseen"]
    assert [sentence for sentence in unseen if sentence.startswith("ip_forward: ")]


@pytest.mark.parametrize("signal, status", [("KILL", 128 + 9), ("INT", 0), ("TERM", 128 + 15)])
def test_nothing_stays_attached(guest, nothing_left, signal, status):
    """However it ends: no program and no traced function is left of it."""
    with PathWatch(guest, guest.ifname(NEAR)) as watch:
        assert "nf_hook_slow" in guest.sh("cat /sys/kernel/tracing/enabled_functions").stdout
        guest.sh(f"kill -{signal} $(pgrep -f '[s]luice path')")
        assert watch.job.wait(20).status == status
    nothing_left()
