# SPDX-License-Identifier: GPL-2.0-only
"""The hosts of the stack suite: network namespaces of one guest, wired by pairs of NICs.

left 10.2.0.1 --- 10.2.0.2 router 10.3.0.1 --- 10.3.0.2 right, the same with fd02:: and fd03::, and
edge, the guest's first namespace, whose wire the test holds.
"""
import json
import shlex

from counters import snmp
from guest import Nic, in_netns, parse_counters
from topology import GUEST_V4, GUEST_V6, HOST_MAC, HOST_V4, HOST_V6

LEFT, ROUTER, ROUTER_OUT, RIGHT, WIRE = range(5)
LEFT_V4, LEFT_V6 = "10.2.0.1", "fd02::1"
ROUTER_V4, ROUTER_V6 = "10.2.0.2", "fd02::2"
ROUTER_OUT_V4, ROUTER_OUT_V6 = "10.3.0.1", "fd03::1"
RIGHT_V4, RIGHT_V6 = "10.3.0.2", "fd03::2"
# Who is at the other end of each NIC's wire: its MAC comes from that NIC, if it is one.
NEIGHBOURS = {LEFT: (ROUTER, ROUTER_V4, ROUTER_V6), ROUTER: (LEFT, LEFT_V4, LEFT_V6),
              ROUTER_OUT: (RIGHT, RIGHT_V4, RIGHT_V6),
              RIGHT: (ROUTER_OUT, ROUTER_OUT_V4, ROUTER_OUT_V6), WIRE: (None, HOST_V4, HOST_V6)}
# Losses between the wire and the stack, by their ends in ethtool -S.
RX_LOSSES = ("alloc_fail", "skb_fail", "length_err", "chain_err", "hw_err", "hdr_err",
             "reset_drop")


def nics(captured=()):
    """The five NICs; the emulator captures what passes those of the given numbers."""
    wires = [("pair", 0), ("pair", 0), ("pair", 1), ("pair", 1), "dgram"]
    return [Nic(wire=wire, pcap=i in captured) for i, wire in enumerate(wires)]


class Host:
    """A network namespace and its NICs; netns None is the guest's first one."""

    def __init__(self, guest, netns, **addresses):
        self.guest = guest
        self.netns = netns
        self.nics = [globals()[name] for name in addresses]
        self._names = {i: guest.ifname(i) for i in self.nics}
        self._addresses = dict(zip(self.nics, addresses.values()))

    def setup(self):
        """The commands that make it: the namespace, its interfaces up, their addresses."""
        yield f"ip netns add {self.netns}" if self.netns else ":"
        inside = in_netns(self.netns)
        yield f"{inside}ip link set lo up"
        if self.netns:
            yield from (f"ip link set {name} netns {self.netns}" for name in self._names.values())
        # without the questions that IPv6 asks by itself, and with its reports of a new link all at
        # once, a quiet wire is quiet
        yield from (f"{inside}sysctl -qw net.ipv6.conf.{name}.accept_dad=0 "
                    f"net.ipv6.conf.{name}.router_solicitations=0 "
                    f"net.ipv6.conf.{name}.mldv2_unsolicited_report_interval=1"
                    for name in self._names.values())
        # fq_codel, the default, drops what has waited for a device that waits for its wire
        yield from (f"{inside}tc qdisc replace dev {name} root pfifo limit 10000"
                    for name in self._names.values())
        yield from (inside + command for command in self.addressing())

    def addressing(self):
        """Those that bring its interfaces up and give them their addresses, also once more."""
        for i, addresses in self._addresses.items():
            name = self._names[i]
            yield f"ip link set {name} up"
            for address in addresses:
                yield f"ip addr replace {address} dev {name}" + " nodad" * (":" in address)
        yield from self.acquainting()

    def acquainting(self):
        """Those that make its neighbours known for good, so that nobody asks while others count."""
        for i, name in self._names.items():
            peer, *addresses = NEIGHBOURS[i]
            mac = HOST_MAC if peer is None else self.guest.nics[peer].mac
            yield from (f"ip neigh replace {address} lladdr {mac} dev {name} nud permanent"
                        for address in addresses)

    def sh(self, command, **options):
        """A shell command of this host."""
        return self.guest.sh(f"{in_netns(self.netns)}sh -c {shlex.quote(command)}", **options)

    def spawn(self, command):
        """The same in the background."""
        return self.guest.spawn(f"exec {in_netns(self.netns)}sh -c {shlex.quote(command)}")

    def ifname(self, i=None):
        """Interface of one of its NICs; without a number that of the first."""
        return self._names[self.nics[0] if i is None else i]

    def stats(self, i=None):
        """The counters of ethtool -S."""
        return parse_counters(self.sh(f"ethtool -S {self.ifname(i)}").stdout)

    def link(self, i=None):
        """The standard counters, as {"rx": {"packets": ...}, "tx": {...}}."""
        return self.json(f"ip -s -s -j link show dev {self.ifname(i)}")[0]["stats64"]

    def mac(self, i=None):
        return self.guest.nics[self.nics[0] if i is None else i].mac

    def snmp(self):
        """The protocol counters of this host."""
        return snmp(self.guest, in_netns(self.netns))

    def json(self, command):
        return json.loads(self.sh(command).stdout)

    def wait_carrier(self):
        """Wait for the link of all its interfaces."""
        test = " && ".join(f"grep -q 1 /sys/class/net/{name}/carrier"
                           for name in self._names.values())
        self.sh(f"until {test}; do sleep 0.05; done", timeout=60)


class Bed:
    """The four hosts, up and able to reach each other."""

    def __init__(self, guest):
        self.guest = guest
        self.left = Host(guest, "left", LEFT=[f"{LEFT_V4}/24", f"{LEFT_V6}/64"])
        self.router = Host(guest, "router", ROUTER=[f"{ROUTER_V4}/24", f"{ROUTER_V6}/64"],
                           ROUTER_OUT=[f"{ROUTER_OUT_V4}/24", f"{ROUTER_OUT_V6}/64"])
        self.right = Host(guest, "right", RIGHT=[f"{RIGHT_V4}/24", f"{RIGHT_V6}/64"])
        self.edge = Host(guest, None, WIRE=[f"{GUEST_V4}/24", f"{GUEST_V6}/64"])
        self.hosts = [self.left, self.router, self.right, self.edge]
        guest.sh("\n".join(["set -e", *(line for host in self.hosts for line in host.setup())]),
                 timeout=120)
        self.router.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        for host in self.hosts:
            self.route(host)
            host.wait_carrier()
        # until the first answer: a NIC may be deaf for a second after its start
        ping = "ping -q -i 0.2 -c 1 -w 20"
        self.left.sh(f"{ping} {RIGHT_V4} && {ping} {RIGHT_V6}")

    @staticmethod
    def route(host):
        """The routes of a host."""
        ways = {"left": (ROUTER_V4, ROUTER_V6), "right": (ROUTER_OUT_V4, ROUTER_OUT_V6)}
        for gateway in ways.get(host.netns, ()):
            host.sh(f"ip route replace default via {gateway}")

    def restore(self, host):
        """A host whose interface was down has its addresses and routes again."""
        host.sh("\n".join(host.addressing()))
        self.route(host)
        host.wait_carrier()

    def all_stats(self):
        """The counters of ethtool -S of every NIC, by one command."""
        commands = (f"echo //; {in_netns(host.netns)}ethtool -S {host.ifname(i)}"
                    for host in self.hosts for i in host.nics)
        text = self.guest.sh("; ".join(commands)).stdout
        return [parse_counters(part) for part in text.split("//\n")[1:]]


def rx_losses(stats):
    """Frames that the driver lost on their way to the stack, or the device before it."""
    lost = {name: stats[name] for name in stats
            if name.startswith("rx") and name.split("_", 1)[-1] in RX_LOSSES}
    return sum(lost.values()) + stats.get("dev_missed", 0)
