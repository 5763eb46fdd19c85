#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Answers for netfilter's queue 0: datagrams of udp_flows.py, by their source port.

An odd port is dropped; the others are accepted, those from 6004 on by the way back: the first time
they get a mark and are to go through the hook again.  Prints how often it gave each answer.
"""
import argparse
import collections
import json
import pathlib
import socket
import struct
import sys

from netlink_family import MESSAGE, attribute, attributes, messages

NETLINK_NETFILTER = 12
SUBSYSTEM = 3 << 8
PACKET, VERDICT, CONFIG = 0, 1, 2
CFG_CMD, CFG_PARAMS, BIND, COPY_PACKET = 1, 2, 1, 2
PACKET_HDR, VERDICT_HDR, MARK, PAYLOAD = 1, 2, 3, 10
DROP, ACCEPT, REPEAT = 0, 1, 4
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NLMSG_ERROR = 2
NFGEN = struct.pack("!BBH", socket.AF_INET, 0, 0)
# the source port, behind an IPv4 header without options
SPORT_AT = 20
MARKED = 7


class Queue:
    """Netfilter's queue 0, bound to this process."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.bind((0, 0))
        self._config(CFG_CMD, struct.pack("!BxH", BIND, socket.AF_INET))
        self._config(CFG_PARAMS, struct.pack("!IB", 0xffff, COPY_PACKET))

    def _send(self, kind, payload, flags=NLM_F_REQUEST):
        body = NFGEN + payload
        self.sock.send(MESSAGE.pack(MESSAGE.size + len(body), SUBSYSTEM | kind, flags, 0, 0) + body)

    def _config(self, kind, data):
        self._send(CONFIG, attribute(kind, data), NLM_F_REQUEST | NLM_F_ACK)
        (kind, body), = messages(self.sock.recv(1 << 16))
        error, = struct.unpack_from("=i", body)
        if kind != NLMSG_ERROR or error:
            sys.exit(f"the queue cannot be had: error {-error}")

    def packets(self):
        """(number, mark, bytes) of each packet, for ever."""
        while True:
            for kind, body in messages(self.sock.recv(1 << 17)):
                if kind == SUBSYSTEM | PACKET:
                    found = dict(attributes(body[len(NFGEN):]))
                    yield (struct.unpack_from("!I", found[PACKET_HDR])[0],
                           int.from_bytes(found.get(MARK, b""), "big"), found[PAYLOAD])

    def answer(self, number, verdict, mark):
        marking = attribute(MARK, struct.pack("!I", mark)) if mark else b""
        self._send(VERDICT, attribute(VERDICT_HDR, struct.pack("!II", verdict, number)) + marking)


def choose(mark, packet):
    """(name, verdict, mark)"""
    sport, = struct.unpack_from("!H", packet, SPORT_AT)
    if sport % 2:
        return "drop", DROP, 0
    if sport >= 6004 and not mark:
        return "repeat", REPEAT, MARKED
    return "accept", ACCEPT, mark


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, help="answers")
    parser.add_argument("--ready", required=True, help="file to create when bound")
    args = parser.parse_args()
    queue, given = Queue(), collections.Counter()
    pathlib.Path(args.ready).touch()
    for number, mark, packet in queue.packets():
        name, verdict, mark = choose(mark, packet)
        queue.answer(number, verdict, mark)
        given[name] += 1
        if given.total() == args.count:
            break
    print(json.dumps(given))


if __name__ == "__main__":
    main()
