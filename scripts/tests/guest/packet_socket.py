#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""AF_PACKET: report the frames an interface delivers, or send frames from odd addresses."""

import argparse
import hashlib
import json
import mmap
import pathlib
import socket
import struct
import sys

ETH_P_ALL = 3
SENTINEL_TYPE = 0x88b6
SOL_PACKET = 263
PACKET_VERSION = 10
PACKET_AUXDATA = 8
PACKET_TX_RING = 13
PACKET_TX_HAS_OFF = 19
PACKET_IGNORE_OUTGOING = 23
TPACKET_V2 = 1
TP_STATUS_AVAILABLE = 0
TP_STATUS_SEND_REQUEST = 1
TP_STATUS_VLAN_VALID = 16
SO_RCVBUFFORCE = 33
# A slot holds the largest frame (65,553 bytes) behind its 32-byte header and any tried offset.
SLOT_SIZE = 1 << 17
SLOTS = 32
FIRST_OFFSET = 32
OFFSETS = 16


def open_listener(ifname):
    """A raw socket that sees every frame the interface hands to the stack, not what it sends."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    sock.bind((ifname, ETH_P_ALL))
    return sock


def stripped_tag(ancillary):
    """The VLAN tag that was taken out of the frame, or None."""
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", data[:20])
            return tci if status & TP_STATUS_VLAN_VALID else None
    return None


def listen(args):
    """One JSON line per frame until the sentinel frame comes by."""
    sock = open_listener(args.ifname)
    sock.settimeout(args.timeout)
    pathlib.Path(args.ready).touch()
    while True:
        frame, ancillary, _, _ = sock.recvmsg(1 << 17, 128)
        ethertype = struct.unpack_from("!H", frame, 12)[0]
        if ethertype == SENTINEL_TYPE:
            return
        print(json.dumps({"length": len(frame), "head": frame[:64].hex(),
                          "sha256": hashlib.sha256(frame).hexdigest(),
                          "tag": stripped_tag(ancillary)}))


def frames_of(path):
    """The frames of a file: each behind its length as four bytes, big endian."""
    data = pathlib.Path(path).read_bytes()
    at = 0
    while at < len(data):
        length, = struct.unpack_from("!I", data, at)
        yield data[at + 4:at + 4 + length]
        at += 4 + length


def open_ring(ifname):
    """A transmit ring whose frames may start at any byte: the driver maps the pages as they lie."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    sock.setsockopt(SOL_PACKET, PACKET_TX_HAS_OFF, 1)
    sock.setsockopt(SOL_PACKET, PACKET_TX_RING,
                    struct.pack("=IIII", SLOT_SIZE, SLOTS, SLOT_SIZE, SLOTS))
    ring = mmap.mmap(sock.fileno(), SLOT_SIZE * SLOTS, mmap.MAP_SHARED)
    sock.bind((ifname, 0))
    return sock, ring


def fill_slot(ring, slot, frame, offset):
    """Queue one frame; its status word is written last because it hands the slot over."""
    base = slot * SLOT_SIZE
    start = FIRST_OFFSET + offset
    ring[base + start:base + start + len(frame)] = frame
    struct.pack_into("=IIHH", ring, base + 4, len(frame), len(frame), start, 0)
    struct.pack_into("=I", ring, base, TP_STATUS_SEND_REQUEST)


def flush(sock, ring, used):
    """Send the queued slots and see each of them accepted."""
    sock.send(b"")
    for slot in range(used):
        status, = struct.unpack_from("=I", ring, slot * SLOT_SIZE)
        if status != TP_STATUS_AVAILABLE:
            sys.exit(f"slot {slot} was not sent, status {status:#x}")


def send(args):
    """Send the frames of a file, each at the next of 16 byte offsets."""
    sock, ring = open_ring(args.ifname)
    sent = 0
    for frame in frames_of(args.file):
        fill_slot(ring, sent % SLOTS, frame, sent % OFFSETS if args.odd else 0)
        sent += 1
        if sent % SLOTS == 0:
            flush(sock, ring, SLOTS)
    if sent % SLOTS:
        flush(sock, ring, sent % SLOTS)
    print(sent)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("listen")
    command.add_argument("ifname")
    command.add_argument("--ready", required=True, help="file to create when listening")
    command.add_argument("--timeout", type=float, default=20.0)
    command.set_defaults(run=listen)
    command = commands.add_parser("send")
    command.add_argument("ifname")
    command.add_argument("file")
    command.add_argument("--odd", action="store_true", help="vary the start address by 0 to 15")
    command.set_defaults(run=send)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
