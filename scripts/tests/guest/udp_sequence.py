#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Receive numbered datagrams on a UDP port and print how many came, came twice, or came late."""

import argparse
import pathlib
import socket
import struct

SO_RCVBUFFORCE = 33


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--ready", required=True, help="file to create when listening")
    parser.add_argument("--quiet", type=float, default=5.0, help="idle seconds before giving up")
    args = parser.parse_args()
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    # All datagrams fit into the queue, so the socket itself never drops one.
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 29)
    sock.bind(("::", args.port))
    sock.settimeout(args.quiet)
    pathlib.Path(args.ready).touch()
    seen = set()
    received = late = 0
    highest = -1
    buffer = bytearray(2048)
    try:
        while received < args.count:
            sock.recv_into(buffer)
            number, = struct.unpack_from("!I", buffer)
            seen.add(number)
            received += 1
            late += number < highest
            highest = max(highest, number)
    except TimeoutError:
        pass
    print(received, len(seen), late)


if __name__ == "__main__":
    main()
