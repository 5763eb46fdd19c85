#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints as JSON what the kernel knows of an interface's queues (generic netlink family "netdev").

netdev_queues.py IF    the keys are queues, napis, queue_stats and device_stats, a list each
"""
import json
import socket
import struct
import sys

NETLINK_GENERIC = 16
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
QUEUE_GET, NAPI_GET, QSTATS_GET = 10, 11, 12
QUEUE_IFINDEX, NAPI_IFINDEX, QSTATS_IFINDEX, QSTATS_SCOPE = 2, 1, 1, 4
SCOPE_QUEUE = 1
QUEUE_NAMES = {1: "id", 3: "type", 4: "napi-id"}
NAPI_NAMES = {2: "id", 3: "irq"}
QSTATS_NAMES = {2: "type", 3: "id", 8: "rx-packets", 9: "rx-bytes", 10: "tx-packets",
                11: "tx-bytes", 12: "rx-alloc-fail", 33: "tx-stop", 34: "tx-wake"}
MESSAGE, GENERIC, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")


def attribute(kind, data):
    size = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(size, kind) + data + bytes(-size % 4)


def attributes(data):
    """(kind, bytes) of each of a run of attributes."""
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        yield kind & 0x3fff, data[at + ATTRIBUTE.size:at + size]
        at += (size + 3) & ~3


def number(data):
    return int.from_bytes(data, sys.byteorder)


def u32(kind, value):
    return attribute(kind, struct.pack("=I", value))


def messages(data):
    """(type, body) of each message of one datagram."""
    while data:
        size, kind = MESSAGE.unpack_from(data)[:2]
        yield kind, data[MESSAGE.size:size]
        data = data[(size + 3) & ~3:]


class Netdev:
    """A socket that speaks the family "netdev"."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self._send(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, NLM_F_REQUEST,
                   attribute(CTRL_ATTR_FAMILY_NAME, b"netdev\0"))
        _, body = next(self._received())
        self.family = number(dict(attributes(body[GENERIC.size:]))[CTRL_ATTR_FAMILY_ID])

    def _send(self, kind, command, flags, payload):
        body = GENERIC.pack(command, 1, 0) + payload
        self.sock.send(MESSAGE.pack(MESSAGE.size + len(body), kind, flags, 1, 0) + body)

    def _received(self):
        """Every message until the end of a dump; OSError if one is an error."""
        while True:
            for kind, body in messages(self.sock.recv(65536)):
                # an error that ends a dump stands where its length would be
                status = struct.unpack_from("=i", body)[0]
                if kind in (NLMSG_ERROR, NLMSG_DONE) and status < 0:
                    raise OSError(-status, "netlink request failed")
                if kind == NLMSG_DONE:
                    return
                yield kind, body

    def dump(self, command, payload, names):
        """Each object as a dictionary of those attributes that have a name."""
        self._send(self.family, command, NLM_F_REQUEST | NLM_F_DUMP, payload)
        return [{names[kind]: number(data) for kind, data in attributes(body[GENERIC.size:])
                 if kind in names} for _, body in self._received()]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    netdev, ifindex = Netdev(), socket.if_nametoindex(sys.argv[1])
    device = u32(QSTATS_IFINDEX, ifindex)
    print(json.dumps({
        "queues": netdev.dump(QUEUE_GET, u32(QUEUE_IFINDEX, ifindex), QUEUE_NAMES),
        "napis": netdev.dump(NAPI_GET, u32(NAPI_IFINDEX, ifindex), NAPI_NAMES),
        "queue_stats": netdev.dump(QSTATS_GET, device + u32(QSTATS_SCOPE, SCOPE_QUEUE),
                                   QSTATS_NAMES),
        "device_stats": netdev.dump(QSTATS_GET, device, QSTATS_NAMES)}))


if __name__ == "__main__":
    main()
