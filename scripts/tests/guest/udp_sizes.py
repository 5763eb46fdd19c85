#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Send one UDP datagram of each payload size, each with bytes of its own, and say how many."""
import argparse
import socket


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("sizes", type=int, nargs="+")
    args = parser.parse_args()
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    # Twice what a socket may hold by itself (net.core.wmem_max, which the kernel doubles): a ring
    # that has stopped must be full before the sender waits.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    # Not connected: that nobody listens must not end the sending.
    for seed, size in enumerate(args.sizes):
        payload = bytes((seed + 3 * i) & 255 for i in range(size))
        sock.sendto(payload, (args.host, args.port))
    print(len(args.sizes))


if __name__ == "__main__":
    main()
