#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Software timestamps of UDP datagrams, as SO_TIMESTAMPING gives them to a program.

timestamps.py send ADDRESS PORT COUNT          one datagram at a time; prints for each the number
                                               and kind of its stamp, and "BEFORE STAMP AFTER"
timestamps.py receive PORT COUNT --ready FILE  prints "STAMP READ" for each datagram received

Times are nanoseconds of the real-time clock; a missing stamp is 0.
"""
import argparse
import pathlib
import select
import socket
import struct
import time

SO_RCVBUFFORCE = 33
SO_TIMESTAMPING = SCM_TIMESTAMPING = 37
TX_SOFTWARE, RX_SOFTWARE, SOFTWARE, OPT_ID, OPT_TSONLY = 1 << 1, 1 << 3, 1 << 4, 1 << 7, 1 << 11
IP_RECVERR = 11
# struct scm_timestamping: software, deprecated, hardware; struct sock_extended_err
STAMPS, EXTENDED_ERROR = struct.Struct("=6q"), struct.Struct("=IBBBBII")
PATIENCE = 10


def stamping_socket(flags):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags | SOFTWARE)
    sock.settimeout(PATIENCE)
    return sock


def software_stamp(ancillary):
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SCM_TIMESTAMPING):
            seconds, nanoseconds = STAMPS.unpack(data)[:2]
            return seconds * 10**9 + nanoseconds
    return 0


def origin(ancillary):
    """(number of the datagram, kind of the stamp) from the error that carries it."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, IP_RECVERR):
            *_, info, number = EXTENDED_ERROR.unpack_from(data)
            return number, info
    return -1, -1


def send(address, port, count):
    sock = stamping_socket(TX_SOFTWARE | OPT_ID | OPT_TSONLY)
    errors = select.poll()
    errors.register(sock, 0)
    for n in range(count):
        before = time.time_ns()
        sock.sendto(struct.pack("!I", n), (address, port))
        if not errors.poll(PATIENCE * 1000):
            raise SystemExit(f"datagram {n} has no transmit timestamp after {PATIENCE} s")
        ancillary = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)[1]
        print(*origin(ancillary), before, software_stamp(ancillary), time.time_ns())


def await_stamping(sock, port):
    """The kernel switches stamping on in the background: wait for a datagram that has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        while True:
            own.sendto(b"", ("127.0.0.1", port))
            if software_stamp(sock.recvmsg(64, 512)[1]):
                return


def receive(port, count, ready):
    sock = stamping_socket(RX_SOFTWARE)
    # All datagrams fit into the queue, so the socket itself never drops one.
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    sock.bind(("0.0.0.0", port))
    await_stamping(sock, port)
    pathlib.Path(ready).touch()
    for _ in range(count):
        ancillary = sock.recvmsg(64, 512)[1]
        print(software_stamp(ancillary), time.time_ns())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    roles = parser.add_subparsers(dest="role", required=True)
    sender, receiver = roles.add_parser("send"), roles.add_parser("receive")
    sender.add_argument("address")
    for role in (sender, receiver):
        role.add_argument("port", type=int)
        role.add_argument("count", type=int)
    receiver.add_argument("--ready", required=True, help="file to create when listening")
    args = parser.parse_args()
    if args.role == "send":
        send(args.address, args.port, args.count)
    else:
        receive(args.port, args.count, args.ready)


if __name__ == "__main__":
    main()
