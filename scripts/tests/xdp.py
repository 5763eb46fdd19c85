# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP from the test's side: frames that carry orders, the programs that obey, their counts.

bpf/order.h defines what an order says; the numbers are read from there, so they exist once.
"""
import base64
import collections
import contextlib
import enum
import json
import re
import struct

import bpf
from counters import wait_for
from guest import Nic
from ledger import assert_balanced
from taps import fresh_path
from topology import wait_carrier


def read_enum(name):
    """An enum of bpf/order.h as an IntEnum, without its members' common prefix."""
    text = (bpf.BPF / "order.h").read_text(encoding="utf-8")
    body = re.search(rf"enum {name} {{(.*?)}};", text, re.S)[1]
    members = re.findall(r"^\t([A-Z]+)_(\w+),", body, re.M)
    return enum.IntEnum(name, {member: value for value, (_, member) in enumerate(members)})


Op = read_enum("order_op")
To = read_enum("order_to")
Count = read_enum("count")


class Verdict(enum.IntEnum):
    """What the program returns; UNKNOWN stands for all that the kernel has no name for."""
    ABORTED = 0
    DROP = 1
    PASS = 2
    TX = 3
    REDIRECT = 4
    UNKNOWN = 42


COUNTER = {
    Verdict.ABORTED: "rx0_xdp_aborted",
    Verdict.DROP: "rx0_xdp_drop",
    Verdict.PASS: "rx0_passed",
    Verdict.TX: "rx0_xdp_tx",
    Verdict.REDIRECT: "rx0_xdp_redirect",
    Verdict.UNKNOWN: "rx0_xdp_invalid",
}
ETHERTYPE = 0x88b5
MAGIC = 0x534c5844
PUSH_FILL = 0xa5
HEADER = struct.Struct("!6s6sHIBBHIBB")
SOURCE_MAC = bytes.fromhex("020000000051")
SHORTEST = 60
SHORTEST_ON_WIRE = Nic.default_model.shortest
LONGEST = 16110 + 14
PATTERN = bytes((i * 7 + (i >> 8)) & 255 for i in range(1 << 15))

Sunk = collections.namedtuple("Sunk", "frame tag")


def order(dst, length, verdict, op=Op.NONE, arg=0, seq=0, to=To.DEV_1, source=0, tag=None):
    """A frame of a length that tells the program what to do with it; tag is a VLAN TCI in band."""
    header = HEADER.pack(dst, SOURCE_MAC, ETHERTYPE, MAGIC, verdict, op, arg & 0xffff, seq, to,
                         source)
    start = seq & 0xff
    tags = b"" if tag is None else struct.pack("!HH", 0x8100, tag)
    payload = PATTERN[start:start + length - HEADER.size - len(tags)]
    frame = header[:12] + tags + header[12:] + payload
    assert len(frame) == length
    return frame


def is_order(frame):
    """Whether a frame carries an order; other frames of the guest are none of the tests' business.

    Only the Ethernet header decides: a test may have cut away or moved all the rest.
    """
    at = 16 if frame[12:14] == b"\x81\0" else 12
    return frame[at:at + 2] == struct.pack("!H", ETHERTYPE)


def sources(frames):
    """How many frames of each source number there are."""
    return collections.Counter(frame[HEADER.size - 1] for frame in frames if is_order(frame))


class Port:
    """One NIC of the guest with its wire, and the programs attached to it."""

    def __init__(self, guest, index):
        self.guest = guest
        self.index = index
        self.name = guest.ifname(index)
        self.wire = guest.wires.get(index)
        self.mac = bytes.fromhex(guest.nics[index].mac.replace(":", ""))
        # What a test's end goes back to; a module may choose another, as each change costs a second
        self.usual_mtu = 1500
        # The guest's own neighbour discovery would show up in exact counts.
        guest.sh(f"echo 1 >/proc/sys/net/ipv6/conf/{self.name}/disable_ipv6; "
                 f"ip link set dev {self.name} up")
        self.wait_carrier()

    def sh(self, command, **options):
        """A command of the guest, with IF standing for the interface and BIN for our programs."""
        words = {"IF": self.name, "BIN": str(bpf.build())}
        command = re.sub(r"\b(IF|BIN)\b", lambda m: words[m[1]], command)
        return self.guest.sh(command, **options)

    def binary(self, name):
        """Path of a compiled program for the guest."""
        return bpf.build() / name

    def source(self, name):
        """Path of a script for the guest."""
        return bpf.GUEST / name

    def wait_carrier(self):
        """Wait for the link."""
        wait_carrier(self.guest, self.name)

    # Programs and their maps

    def attach(self, program, mode="native", bound=False, check=True):
        """Load a program, named OBJECT_VARIANT, and attach it."""
        return self.sh(f"BIN/xdpctl attach IF BIN/{object_of(program)} {program} {mode}"
                       + (" bound" if bound else ""), check=check)

    def detach(self, mode="native"):
        self.sh(f"BIN/xdpctl detach IF {mode}")

    def watch_stack(self):
        """Count what reaches the stack, at tc ingress, in the same map."""
        self.sh("BIN/xdpctl tcx IF BIN/stack.bpf.o stack_count")

    def redirect_to(self, key, ifname):
        self.sh(f"BIN/xdpctl devmap IF {int(key)} {ifname}")

    def counts(self, reset=False):
        """The program's own counts, a Counter by name."""
        text = self.sh("BIN/xdpctl counts IF" + (" reset" if reset else "")).stdout
        values = [int(line) for line in text.split()]
        return collections.Counter({c.name: values[c] for c in Count if c.name != "MAX"})

    def wait_count(self, total, names=("ABORTED", "DROP", "PASS", "TX", "REDIRECT", "UNKNOWN"),
                   timeout=20):
        """The counts, once the named ones add up to a total."""
        return wait_for(self.counts, lambda c: sum(c[n] for n in names) >= total, timeout,
                        f"{'+'.join(names)} on {self.name} to reach {total}")

    def attached(self):
        """The attached program as ip reports it, or None."""
        link = json.loads(self.sh("ip -j link show dev IF").stdout)[0]
        return link.get("xdp")

    # Interface

    def stats(self):
        """The counters of ethtool -S; asked by name, as looking the name up costs a command."""
        text = self.sh("ethtool -S IF").stdout
        return {name: int(value) for name, value in re.findall(r"^\s*(\w+): (\d+)$", text, re.M)}

    def set_mtu(self, mtu, check=True):
        return self.sh(f"ip link set dev IF mtu {mtu}", check=check)

    def read(self, attribute):
        """A file of the interface's sysfs directory."""
        return self.sh(f"cat /sys/class/net/IF/{attribute}").stdout.strip()

    def order(self, length, verdict, **fields):
        return order(self.mac, length, verdict, **fields)

    def wait_stat(self, before, name, growth, timeout=20):
        """All counters, once one of them has grown by so many frames since `before`."""
        return wait_for(self.stats, lambda s: s[name] - before[name] >= growth, timeout,
                        f"{name} of {self.name} to grow by {growth}")

    @contextlib.contextmanager
    def sink(self):
        """Keep what the stack receives while the block runs; yields a function that reads it."""
        path = f"/tmp/sink-{self.name}"
        self.sh(f"BIN/framesink IF {path}")
        try:
            yield lambda count, timeout=10: self.read_sink(path, count, timeout)
        finally:
            self.sh("pkill framesink")

    def af_xdp(self, options):
        """An AF_XDP socket in the map, until nothing comes any more; a function that waits for
        that and reads (frames, bytes, sum of all bytes)."""
        said = fresh_path("xsk")
        job = self.guest.spawn(f"{self.binary('xsksink')} {self.name} {options} >{said} 2>&1")

        def text():
            return self.guest.sh(f"cat {said}", check=False).stdout
        wait_for(text, lambda now: "ready" in now, 20, "the socket to be in the map")

        def total():
            job.wait(30)
            match = re.search(r"frames (\d+) bytes (\d+) sum (\d+)", text())
            return tuple(map(int, match.groups()))
        return total

    def read_sink(self, path, count, timeout=10):
        """The first `count` frames in the sink, then whatever is there: more is for the test."""
        found = []

        def read():
            found[:] = parse_sink(self.sh(f"base64 -w0 {path}").stdout)
            return len(found)
        wait_for(read, lambda number: number >= count, timeout, f"{count} frames at {path}")
        return found


def object_of(program):
    return program.split("_")[0] + ".bpf.o"


def parse_sink(text):
    """The records that guest/framesink.c wrote; a last one still being written is left out."""
    data = base64.b64decode(text)
    found, at = [], 0
    while at + 8 <= len(data):
        length, tag = struct.unpack_from("=Ii", data, at)
        if at + 8 + length > len(data):
            break
        found.append(Sunk(data[at + 8:at + 8 + length], None if tag < 0 else tag))
        at += 8 + length
    return found


def received(wire, count, timeout=10):
    """The orders among the frames from the guest: waits for `count`, then takes all there are."""
    found = []

    def read():
        found.extend(frame for frame in wire.drain() if is_order(frame))
        return len(found)
    wait_for(read, lambda number: number >= count, timeout, f"{count} frames on the wire")
    return found


def sums(sent):
    """What af_xdp() says of such frames."""
    return len(sent), sum(map(len, sent)), sum(map(sum, sent)) % (1 << 32)


def growth(before, after, names):
    return {name: after[name] - before[name] for name in names if after[name] != before[name]}


def check_ledger(port):
    """Both equations of the ledger, once nothing is in flight; returns the counters."""
    stats = wait_for(port.stats, lambda s: not s["tx0_in_flight"], 10, "an empty transmit ring")
    assert_balanced(stats)
    return stats


def restore(ports):
    """Undo what a test may have set on the interfaces, and let go of the programs.

    One command for all of it, as each costs as much as thousands of frames.
    """
    commands = "; ".join(
        f"ip link set dev {port.name} xdpdrv off; ip link set dev {port.name} xdpgeneric off; "
        f"ip link set dev {port.name} up; ip link set dev {port.name} mtu {port.usual_mtu}; "
        f"rm -rf /sys/fs/bpf/{port.name}; "
        f"until grep -q 1 /sys/class/net/{port.name}/carrier; do sleep 0.05; done"
        for port in ports)
    ports[0].sh(commands)
    for port in ports:
        port.wire.drain()
        check_ledger(port)
