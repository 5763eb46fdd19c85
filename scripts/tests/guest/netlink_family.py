# SPDX-License-Identifier: GPL-2.0-only
"""Speaks a family of generic netlink, for the programs that ask "netdev" or "ethtool"."""
import socket
import struct
import sys

NETLINK_GENERIC = 16
SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 1, 10, 11
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSGERR_ATTR_MSG = 1
NLMSG_ERROR, NLMSG_DONE = 2, 3
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_MCAST_GROUPS = 1, 2, 7
CTRL_ATTR_MCAST_GRP_NAME, CTRL_ATTR_MCAST_GRP_ID = 1, 2
MESSAGE, GENERIC, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")


def attribute(kind, data):
    size = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(size, kind) + data + bytes(-size % 4)


def u32(kind, value):
    return attribute(kind, struct.pack("=I", value))


def attributes(data):
    """(kind, bytes) of each of a run of attributes; the flag bits of a kind are dropped."""
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        yield kind & 0x3fff, data[at + ATTRIBUTE.size:at + size]
        at += (size + 3) & ~3


def number(data):
    return int.from_bytes(data, sys.byteorder)


def messages(data):
    """(type, body) of each message of one datagram."""
    while data:
        size, kind = MESSAGE.unpack_from(data)[:2]
        yield kind, data[MESSAGE.size:size]
        data = data[(size + 3) & ~3:]


def reason(body):
    """What the kernel says of a request that it refuses, behind that one's header."""
    found = dict(attributes(body[4 + MESSAGE.size:]))
    return found.get(NLMSGERR_ATTR_MSG, b"no reason given").rstrip(b"\0").decode()


class Family:
    """A socket that speaks a family."""

    def __init__(self, name):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            self.sock.setsockopt(SOL_NETLINK, option, 1)
        # until the answer is here: the family in which families are asked for
        self.family = GENL_ID_CTRL
        answer = self.request(CTRL_CMD_GETFAMILY,
                              attribute(CTRL_ATTR_FAMILY_NAME, name.encode() + b"\0"))
        self.family = number(answer[CTRL_ATTR_FAMILY_ID])
        self.groups = dict(self._groups(answer[CTRL_ATTR_MCAST_GROUPS]))

    @staticmethod
    def _groups(data):
        for _, entry in attributes(data):
            group = dict(attributes(entry))
            yield (group[CTRL_ATTR_MCAST_GRP_NAME].rstrip(b"\0").decode(),
                   number(group[CTRL_ATTR_MCAST_GRP_ID]))

    def _send(self, command, flags, payload):
        body = GENERIC.pack(command, 1, 0) + payload
        self.sock.send(MESSAGE.pack(MESSAGE.size + len(body), self.family, flags, 1, 0) + body)

    def received(self):
        """(command, attributes) of every message until the end of a dump; OSError at an error."""
        while True:
            for kind, body in messages(self.sock.recv(65536)):
                # an error that ends a dump stands where its length would be
                status = struct.unpack_from("=i", body)[0]
                if kind in (NLMSG_ERROR, NLMSG_DONE) and status < 0:
                    raise OSError(-status, reason(body))
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    return
                yield GENERIC.unpack_from(body)[0], dict(attributes(body[GENERIC.size:]))

    def request(self, command, payload):
        """The attributes of the one answer."""
        self._send(command, NLM_F_REQUEST, payload)
        return next(self.received())[1]

    def order(self, command, payload):
        """Nothing but that it is done."""
        self._send(command, NLM_F_REQUEST | NLM_F_ACK, payload)
        assert not list(self.received())

    def dump(self, command, payload):
        """The attributes of each object."""
        self._send(command, NLM_F_REQUEST | NLM_F_DUMP, payload)
        return [found for _, found in self.received()]

    def subscribe(self, group):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, self.groups[group])
