#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One TCP connection that carries known bytes in both directions at once.

Each end prints what it has sent and received: lengths, CRCs, and whom it has talked to.
"""
import argparse
import json
import os
import pathlib
import random
import socket
import threading
import time
import zlib

PIECE = 1 << 20


class Talk:
    """Sends in a thread, receives in this one."""

    def __init__(self, sock, size, seed):
        self.sock = sock
        self.size = size
        self.block = random.Random(seed).randbytes(PIECE)
        self.sent = self.sent_crc = self.received = self.received_crc = 0

    def _send(self):
        while self.sent < self.size:
            # each time from another byte on: a piece that is lost or comes twice shows
            at = self.sent // PIECE % 4099
            piece = self.block[at:at + self.size - self.sent]
            self.sock.sendall(piece)
            self.sent += len(piece)
            self.sent_crc = zlib.crc32(piece, self.sent_crc)

    def run(self):
        sender = threading.Thread(target=self._send)
        sender.start()
        while self.received < self.size and (piece := self.sock.recv(PIECE)):
            self.received += len(piece)
            self.received_crc = zlib.crc32(piece, self.received_crc)
        sender.join()


def connected(args):
    """The socket, from either end, and the one that goes on listening."""
    family = socket.AF_INET6 if ":" in args.address else socket.AF_INET
    if args.role == "connect":
        return socket.create_connection((args.address, args.port), timeout=args.timeout), None
    server = socket.create_server((args.address, args.port), family=family)
    server.settimeout(args.timeout)
    pathlib.Path(args.ready).touch()
    return server.accept()[0], server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("listen", "connect"))
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--bytes", type=int, default=1 << 20)
    parser.add_argument("--ready", help="file to create when listening")
    parser.add_argument("--met", help="file to create when the bytes have been exchanged")
    parser.add_argument("--hold", help="stay connected until this file exists")
    parser.add_argument("--timeout", type=float, default=60.0)
    args = parser.parse_args()
    sock, listener = connected(args)
    sock.settimeout(args.timeout)
    talk = Talk(sock, args.bytes, seed=args.role)
    talk.run()
    if args.met:
        pathlib.Path(args.met).touch()
    while args.hold and not os.path.exists(args.hold):
        time.sleep(0.02)
    if listener:
        listener.close()
    print(json.dumps({"sent": [talk.sent, talk.sent_crc], "peer": sock.getpeername()[0],
                      "received": [talk.received, talk.received_crc]}))


if __name__ == "__main__":
    main()
