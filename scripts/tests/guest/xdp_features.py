#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Asks the kernel what XDP an interface offers (generic netlink family "netdev").

xdp_features.py show IF       prints "XDP-FEATURES RX-METADATA-FEATURES", two hexadecimal numbers
xdp_features.py watch IF FILE goes on printing the features at each change notification to FILE,
                              which exists as soon as it listens
"""
import socket
import struct
import sys

NETLINK_GENERIC = 16
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP = 270, 1
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_MCAST_GROUPS = 1, 2, 7
CTRL_ATTR_MCAST_GRP_NAME, CTRL_ATTR_MCAST_GRP_ID = 1, 2
NETDEV_CMD_DEV_GET, NETDEV_CMD_DEV_CHANGE_NTF = 1, 4
NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES, NETDEV_A_DEV_RX_METADATA = 1, 3, 5
MESSAGE, GENERIC, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")


def attribute(kind, data):
    size = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(size, kind) + data + bytes(-size % 4)


def attributes(data):
    """{kind: bytes} of a run of attributes; the flag bits of a kind are dropped."""
    found, at = {}, 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        found[kind & 0x3fff] = data[at + ATTRIBUTE.size:at + size]
        at += (size + 3) & ~3
    return found


def number(data):
    return int.from_bytes(data, sys.byteorder)


class Netdev:
    """A socket that speaks the family "netdev"."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        family = self.request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY,
                              attribute(CTRL_ATTR_FAMILY_NAME, b"netdev\0"))
        self.family = number(family[CTRL_ATTR_FAMILY_ID])
        self.groups = dict(self._groups(family[CTRL_ATTR_MCAST_GROUPS]))

    @staticmethod
    def _groups(data):
        for entry in attributes(data).values():
            group = attributes(entry)
            yield (group[CTRL_ATTR_MCAST_GRP_NAME].rstrip(b"\0").decode(),
                   number(group[CTRL_ATTR_MCAST_GRP_ID]))

    def request(self, kind, command, payload):
        body = GENERIC.pack(command, 1, 0) + payload
        self.sock.send(MESSAGE.pack(MESSAGE.size + len(body), kind, NLM_F_REQUEST, 1, 0) + body)
        return self.receive()[1]

    def receive(self):
        """(command, attributes) of the next message; OSError if it is an error."""
        data = self.sock.recv(65536)
        size, kind = MESSAGE.unpack_from(data)[:2]
        if kind == NLMSG_ERROR:
            error, = struct.unpack_from("=i", data, MESSAGE.size)
            raise OSError(-error, "netlink request failed")
        command = GENERIC.unpack_from(data, MESSAGE.size)[0]
        return command, attributes(data[MESSAGE.size + GENERIC.size:size])

    def device(self, ifindex):
        return self.request(self.family, NETDEV_CMD_DEV_GET,
                            attribute(NETDEV_A_DEV_IFINDEX, struct.pack("=I", ifindex)))

    def subscribe(self):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, self.groups["mgmt"])


def describe(device):
    return (f"{number(device[NETDEV_A_DEV_XDP_FEATURES]):#x} "
            f"{number(device[NETDEV_A_DEV_RX_METADATA]):#x}")


def watch(netdev, ifindex, path):
    netdev.subscribe()
    with open(path, "w", encoding="ascii") as file:
        while True:
            command, device = netdev.receive()
            if command == NETDEV_CMD_DEV_CHANGE_NTF and \
                    number(device[NETDEV_A_DEV_IFINDEX]) == ifindex:
                print(describe(device), file=file, flush=True)


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("show", "watch"):
        sys.exit(__doc__)
    netdev, ifindex = Netdev(), socket.if_nametoindex(sys.argv[2])
    if sys.argv[1] == "show":
        print(describe(netdev.device(ifindex)))
    else:
        watch(netdev, ifindex, sys.argv[3])


main()
