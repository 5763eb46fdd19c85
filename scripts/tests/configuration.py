# SPDX-License-Identifier: GPL-2.0-only
"""An interface with everything set that can be, and the proof that all of it is in effect.

For events that take the device down and must bring it back as it was.
"""
import difflib
import time

import frames
from guest import Nic
from topology import GUEST_V4, HOST_MAC, HOST_V4, bring_up
from xdp import Port, Verdict, is_order

MAC = "02:00:00:00:12:34"
OTHER_STATION = "02:00:00:00:77:77"
GROUP, OTHER_GROUP = "01:00:5e:11:22:33", "01:00:5e:11:66:77"
MTU = 9000
VID, OTHER_VID = 5, 6
# The experimental type that the sink keeps.
TYPE = 0x88b5

REPORTS = ["ethtool -g IF", "ethtool -c IF", "ethtool -a IF", "ethtool -k IF", "ip link show IF",
           "ip maddr show IF", "ip addr show IF", "ethtool IF"]


def no_ipv6(g):
    """Interfaces carry only what a test sends."""
    g.sh("for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done")


def settings(g, i):
    """All that ip and ethtool say about an interface; the ids of programs are among it."""
    return g.sh("; ".join(REPORTS).replace("IF", g.ifname(i))).stdout


def addressed(*targets):
    """One frame to each address."""
    return [frames.pad(frames.ether(target, HOST_MAC, TYPE)) for target in targets]


def let_in(wanted, others):
    """What heard() finds of frames that the NIC shall let in, and of those it keeps out if it can.
    """
    return sorted(wanted if Nic.default_model.can("filters") else wanted + others, key=str)


def heard(port, sent):
    """[(destination, tag)] of those frames that the NIC lets in.

    In no order: the stack hands tagged frames to packet sockets before untagged ones of a batch.
    """
    last = addressed(frames.BROADCAST)[0]
    with port.sink() as read:
        port.wire.send_many([*sent, last])
        deadline = time.monotonic() + 15
        while last not in (seen := [s.frame for s in read(1)]):
            assert time.monotonic() < deadline, seen
        found = [(frames.mac_text(s.frame[:6]), s.tag) for s in read(1) if s.frame != last]
    return sorted(found, key=str)


class Configured:
    """One interface with address, MTU, rings, moderation, flow control, group, VLAN, program."""

    def __init__(self, guest, i):
        self.guest, self.i = guest, i
        no_ipv6(guest)
        self._set(guest.ifname(i))
        self.port = Port(guest, i)
        self.port.mac = frames.mac_bytes(MAC)
        self.port.attach("obey_frags")
        self.before = settings(guest, i)

    def _set(self, dev):
        self.guest.sh(
            f"set -e; ip link set {dev} address {MAC} mtu {MTU}; ip link set {dev} up;"
            f"ethtool -G {dev} rx 128 tx 64;"
            f"ip maddr add {GROUP} dev {dev}; modprobe 8021q;"
            f"ip link add link {dev} name v5 type vlan id {VID}; ip link set v5 up")
        if Nic.default_model.can("flow control"):
            self.guest.sh(f"set -e; ethtool -A {dev} autoneg off rx off tx on;"
                          f"ethtool -C {dev} rx-usecs 77")
        if Nic.default_model.can("offloads"):
            self.guest.sh(f"ethtool -K {dev} tso off")
        bring_up(self.guest, self.i, f"{GUEST_V4}/24")
        self.guest.sh(f"ip neigh replace {HOST_V4} lladdr {HOST_MAC} dev {dev}")

    def answers(self, size=60):
        """Whether the guest answers a ping of that size from the wire."""
        wire, payload = self.guest.wire(self.i), frames.pattern(size - 42)
        wire.drain()
        wire.send(frames.icmp_echo(frames.Flow(MAC, HOST_MAC, HOST_V4, GUEST_V4), payload=payload))
        deadline = time.monotonic() + 10
        while frame := wire.recv(max(0, deadline - time.monotonic())):
            if frame[12:14] == b"\x08\0" and frames.parse(frame).payload[8:] == payload:
                return True
        return False

    def assert_settings(self):
        """ip and ethtool say word for word what they said before."""
        now, before = (text.splitlines() for text in (settings(self.guest, self.i), self.before))
        changed = [line for line in difflib.ndiff(before, now) if line[0] != " "]
        assert not changed, "\n".join(changed)

    def assert_filters(self):
        """The changed MAC, the joined group and VLAN 5 arrive; nothing else does."""
        nvm = self.guest.nics[self.i].mac
        sent = addressed(nvm, OTHER_STATION, MAC, OTHER_GROUP, GROUP)
        sent += [frames.vlan(addressed(MAC)[0], vid) for vid in (OTHER_VID, VID)]
        others = [(nvm, None), (OTHER_STATION, None), (OTHER_GROUP, None), (MAC, OTHER_VID)]
        assert heard(self.port, sent) == let_in([(GROUP, None), (MAC, VID), (MAC, None)], others)

    def assert_program(self, length):
        """The program drops, sends back and passes as ordered."""
        port = self.port
        port.counts(reset=True)
        port.wire.drain()
        with port.sink() as read:
            verdicts = [Verdict.DROP, Verdict.TX, Verdict.PASS]
            port.wire.send_many(port.order(length, v, seq=i) for i, v in enumerate(verdicts))
            passed = [s.frame for s in read(1) if is_order(s.frame)]
        assert passed == [port.order(length, Verdict.PASS, seq=2)]
        counts = port.wait_count(3)
        assert (counts["DROP"], counts["TX"], counts["PASS"]) == (1, 1, 1)
        back = [f for f in port.wire.recv_many(1, 5) + port.wire.drain() if is_order(f)]
        assert back == [port.order(length, Verdict.TX, seq=1)]

    def assert_kept(self):
        """All of the above, with jumbo frames among the frames."""
        self.assert_settings()
        assert self.answers() and self.answers(MTU + 14)
        self.assert_filters()
        self.assert_program(MTU + 14)
