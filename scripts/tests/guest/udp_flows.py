#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Datagrams of several flows, each of which says which it is and has bytes of its own.

udp_flows.py send ADDRESS PORT SPORT:COUNT[:PRIORITY]...  one flow for each source port, in turns
udp_flows.py receive ADDRESS/PORT[/PEER/PORT]...          one socket for each; prints what each has
                                                          received
"""
import argparse
import json
import os
import select
import socket
import struct
import time

HEAD = struct.Struct("!HI")
PATTERN = bytes((i * 7 + (i >> 8)) & 255 for i in range(1 << 17))
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32
SO_MARK, SO_PRIORITY, SO_BUSY_POLL, SO_MAX_PACING_RATE = 36, 12, 46, 47
UDP_SEGMENT = 103
IP_TTL, IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DO = 2, 10, 23, 2
# Seconds between two looks whether all are sent
SLICE = 0.1


def payload(sport, number, size):
    """A datagram whose every byte depends on its flow, its number and its place."""
    start = (sport * 31 + number) & 0xffff
    return HEAD.pack(sport, number) + PATTERN[start:start + size - HEAD.size]


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# Sending

def sending_socket(args, sport, priority=None):
    sock = socket.socket(family(args.address), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 27)
    for option, value in ((SO_MARK, args.mark), (SO_PRIORITY, priority),
                          (SO_MAX_PACING_RATE, args.pacing)):
        if value is not None:
            sock.setsockopt(socket.SOL_SOCKET, option, value)
    if args.ttl:
        sock.setsockopt(socket.IPPROTO_IP, IP_TTL, args.ttl)
    if args.pmtu:
        sock.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO)
    if args.batch > 1:
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, args.low)
    sock.bind((args.source or "", sport))
    return sock


def send(args):
    """Print how many datagrams were sent, how many refused, and the last refusal's number."""
    flows = [[int(word) for word in flow.split(":")] for flow in args.flows]
    socks = {sport: sending_socket(args, sport, *priority) for sport, _, *priority in flows}
    span = (args.high or args.low) - args.low + 1
    sent = refused = errno = 0
    for number in range(0, max(count for _, count, *_ in flows), args.batch):
        for sport in (sport for sport, count, *_ in flows if number < count):
            pieces = [payload(sport, n, args.low + n % span)
                      for n in range(number, number + args.batch)]
            try:
                socks[sport].sendto(b"".join(pieces), (args.address, args.port))
                sent += args.batch
            except OSError as error:
                refused, errno = refused + args.batch, error.errno
            if args.pause:
                time.sleep(args.pause)
    print(sent, refused, errno)


# Receiving

class Flow:
    """What one socket has received of one source port."""

    def __init__(self):
        self.numbers = set()
        self.counts = {"received": 0, "wrong": 0, "late": 0, "bytes": 0}
        self.highest = -1
        self.first = self.last = 0

    def take(self, data, number, right):
        self.numbers.add(number)
        self.counts["received"] += 1
        self.counts["wrong"] += not right
        self.counts["late"] += number < self.highest
        self.counts["bytes"] += len(data)
        self.highest = max(self.highest, number)
        self.last = time.time_ns()
        self.first = self.first or self.last

    def summary(self):
        return self.counts | {"distinct": len(self.numbers), "first": self.first,
                              "last": self.last}


class Receiver:
    """One socket; its flows by the source port that the datagrams themselves name."""

    def __init__(self, words, args):
        address, port, *peer = words.split("/")
        self.sock = socket.socket(family(address), socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if args.rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, args.rcvbuf)
        else:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 28)
        if args.busy_poll:
            self.sock.setsockopt(socket.SOL_SOCKET, SO_BUSY_POLL, args.busy_poll)
        self.sock.bind((address, int(port)))
        if peer:
            self.sock.connect((peer[0], int(peer[1])))
        self.flows = {}

    def take(self):
        data = self.sock.recv(1 << 17)
        sport, number = HEAD.unpack_from(data)
        self.flows.setdefault(sport, Flow()).take(data, number,
                                                  data == payload(sport, number, len(data)))
        return sport

    def summary(self):
        return {sport: flow.summary() for sport, flow in self.flows.items()}


def wait_for_go(path):
    while path and not os.path.exists(path):
        time.sleep(0.02)


def runs(sports):
    """[[sport, how many in a row], ...] in the order of arrival."""
    found = []
    for sport in sports:
        if found and found[-1][0] == sport:
            found[-1][1] += 1
        else:
            found.append([sport, 1])
    return found


def told(args):
    """How many are to come, once all are sent: by then the test may know that it is fewer."""
    try:
        with open(args.sent, encoding="ascii") as file:
            return int(file.read().strip() or args.expect)
    except FileNotFoundError:
        return None


def order_of_arrival(args, ready, by_number):
    """The source ports, until so many have come, or all are sent and none has come for a while."""
    order, expect, since = [], args.expect, None
    while len(order) < expect:
        events = ready.poll(SLICE)
        order += [by_number[number].take() for number, _ in events]
        if events or (known := told(args)) is None:
            since = None
            continue
        expect, since = known, since or time.monotonic()
        if time.monotonic() - since > args.quiet:
            break
    return order


def receive(args):
    """Print what each socket has received."""
    receivers = [Receiver(words, args) for words in args.sockets]
    by_number = {receiver.sock.fileno(): receiver for receiver in receivers}
    ready = select.epoll()
    for number in by_number:
        ready.register(number, select.EPOLLIN)
    with open(args.ready, "x", encoding="ascii"):
        wait_for_go(args.go)
    order = order_of_arrival(args, ready, by_number)
    print(json.dumps({"rcvbuf": receivers[0].sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
                      "order": runs(order),
                      "sockets": [receiver.summary() for receiver in receivers]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    roles = parser.add_subparsers(required=True)
    role = roles.add_parser("send")
    role.add_argument("address")
    role.add_argument("port", type=int)
    role.add_argument("flows", nargs="+")
    role.add_argument("--low", type=int, default=64, help="size of the smallest payload")
    role.add_argument("--high", type=int, help="of the largest: a byte longer each time")
    role.add_argument("--batch", type=int, default=1, help="datagrams of one call, by UDP_SEGMENT")
    role.add_argument("--pause", type=float, default=0, help="seconds after each")
    role.add_argument("--source", help="source address")
    role.add_argument("--pmtu", action="store_true", help="never fragment")
    for name in ("ttl", "mark", "pacing"):
        role.add_argument(f"--{name}", type=int)
    role.set_defaults(run=send)
    role = roles.add_parser("receive")
    role.add_argument("sockets", nargs="+")
    role.add_argument("--ready", required=True, help="file to create when all sockets are bound")
    role.add_argument("--go", help="read nothing until this file exists")
    role.add_argument("--sent", required=True, help="file that exists when all are sent; "
                      "with a number, so many are to come")
    role.add_argument("--expect", type=int, required=True, help="datagrams")
    role.add_argument("--quiet", type=float, default=10, help="seconds without any: the end")
    role.add_argument("--rcvbuf", type=int, help="instead of room for all")
    role.add_argument("--busy-poll", type=int, help="microseconds")
    role.set_defaults(run=receive)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
