# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's packet generator in the guest: exact numbers of frames, straight into the driver."""
import re
import time

CONTROL = "/proc/net/pktgen"
# The emulator queues 10,000 frames towards the host and then drops without a counter.
PIECE = 5000
TARGET = "02:00:00:00:00:01"
MAGIC = bytes.fromhex("be9be955")
MAGIC_AT = 14 + 20 + 8


def _write(guest, file, *commands):
    """One write per command, as the interface wants it."""
    guest.sh("set -e\n" + "\n".join(f"echo '{c}' > {CONTROL}/{file}" for c in commands))


def set_up(guest, ifname, cpus=1, **settings):
    """Give each of the first CPUs a sender of its own on the interface."""
    guest.sh("modprobe pktgen")
    _write(guest, "pgctrl", "reset")
    for cpu in range(cpus):
        device = f"{ifname}@{cpu}"
        _write(guest, f"kpktgend_{cpu}", f"add_device {device}")
        options = {"dst_mac": TARGET, "dst": "192.0.2.1", "pkt_size": 60, "delay": 0} | settings
        _write(guest, device, *(f"{name} {value}" for name, value in options.items()))


def start(guest, timeout=120):
    """Run until every sender has sent its count."""
    guest.sh(f"echo start > {CONTROL}/pgctrl", timeout=timeout)


def start_in_background(guest):
    return guest.spawn(f"echo start > {CONTROL}/pgctrl")


def stop(guest):
    guest.sh(f"echo stop > {CONTROL}/pgctrl")


def results(guest, ifname, cpus=1):
    """For each sender how many frames it sent and how many errors it saw."""
    found = []
    for cpu in range(cpus):
        text = guest.sh(f"cat {CONTROL}/{ifname}@{cpu}").stdout
        sent = re.search(r"pkts-sofar: (\d+)\s+errors: (\d+)", text)
        found.append((int(sent[1]), int(sent[2])))
    return found


def is_frame(frame):
    return frame[MAGIC_AT:MAGIC_AT + 4] == MAGIC


def receive(wire, count, timeout=30):
    """Take frames from the wire until so many of the generator's are among them; all of them."""
    deadline = time.monotonic() + timeout
    seen, own = [], 0
    while own < count:
        frame = wire.recv(max(0, deadline - time.monotonic()))
        assert frame, f"{own} of {count} frames after {timeout} s"
        own += is_frame(frame)
        seen.append(frame)
    return seen


def receive_all(guest, ifname, wire):
    """Take what one generator has sent from the wire; how many frames that were.

    A burst that finds the queue stopped is shorter, and the last one has its full length again:
    they may be more than the count.
    """
    sent, errors = results(guest, ifname)[0]
    assert errors == 0
    receive(wire, sent)
    return sent


def send_exactly(guest, ifname, wire, total, **settings):
    """Send frames in pieces that the emulator can hold; everything that the wire carried."""
    set_up(guest, ifname, count=PIECE, **settings)
    seen = []
    for _ in range(total // PIECE):
        start(guest)
        seen += receive(wire, PIECE)
    assert results(guest, ifname) == [(PIECE, 0)]
    return seen
