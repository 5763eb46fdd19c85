#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""One TCP stream of known bytes: the sender and the receiver each print the length and SHA-256."""

import argparse
import hashlib
import mmap
import os
import random
import socket
import struct
import tempfile
import time

SO_ZEROCOPY = 60
MSG_ZEROCOPY = 0x4000000
SO_EE_ORIGIN_ZEROCOPY = 5
# Neither a power of two nor a multiple of the segment size: pieces start at odd addresses.
PIECE = 61441
# No call takes more than 1,024 pieces.
CRUMBS = 1001


def payload(total, seed):
    """The bytes of a stream: a random mebibyte, repeated, each time behind its number."""
    block = random.Random(seed).randbytes(1 << 20)
    pieces = (struct.pack("!I", number) + block for number in range((total >> 20) + 1))
    return b"".join(pieces)[:total]


def stream_socket(args):
    """The connected socket, made from either end."""
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    if args.listen:
        server = socket.create_server((args.host, args.port), family=family)
        server.settimeout(args.timeout)
        return server.accept()[0]
    deadline = time.monotonic() + args.timeout
    while True:
        try:
            return socket.create_connection((args.host, args.port), timeout=args.timeout)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def send_copy(sock, data):
    sock.sendall(data)


def send_file(sock, data):
    """From the page cache: the driver gets page fragments at odd offsets."""
    with tempfile.TemporaryFile() as file:
        file.write(b"x" + data)
        file.flush()
        at = 1
        while at < len(data) + 1:
            at += os.sendfile(sock.fileno(), file.fileno(), at, PIECE)


def send_splice(sock, data):
    """Through a pipe, whose pages the driver gets as they are."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        reader, writer = os.pipe()
        at = 0
        while at < len(data):
            filled = os.splice(file.fileno(), writer, PIECE, offset_src=at)
            at += filled
            while filled:
                filled -= os.splice(reader, sock.fileno(), filled)


def zerocopy_completions(sock):
    """How many sends the kernel reports done, and how many of them it had to copy."""
    try:
        _, ancillary, _, _ = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except BlockingIOError:
        return 0, 0
    done = copied = 0
    for _, _, data in ancillary:
        _, origin, _, code, _, low, high = struct.unpack("=IBBBBII", data[:16])
        if origin == SO_EE_ORIGIN_ZEROCOPY:
            done += high - low + 1
            copied += (high - low + 1) if code else 0
    return done, copied


def user_pages(data, at):
    """Memory that the kernel can send from, the data in it behind so many bytes."""
    pages = mmap.mmap(-1, len(data) + at)
    pages[at:] = data
    return memoryview(pages)[at:]


def wait_completions(sock, sends):
    """Print how many sends there were, how many are complete, how many were copies after all."""
    done = copied = 0
    deadline = time.monotonic() + 10
    sock.setblocking(False)
    while done < sends and time.monotonic() < deadline:
        more, more_copied = zerocopy_completions(sock)
        done, copied = done + more, copied + more_copied
    sock.setblocking(True)
    print("zerocopy", sends, done, copied)


def send_zerocopy(sock, data):
    """From user pages."""
    sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    view = user_pages(data, 1)
    sends = at = 0
    while at < len(data):
        at += sock.send(view[at:at + PIECE], MSG_ZEROCOPY)
        sends += 1
    wait_completions(sock, sends)


def send_crumbs(sock, data):
    """From user pages too, each byte a fragment: its neighbour lies in another page."""
    sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    planes = [user_pages(data[plane::2], plane) for plane in (0, 1)]
    sends = at = 0
    while at < len(data):
        end = min(at + CRUMBS, len(data))
        crumbs = [planes[n % 2][n // 2:n // 2 + 1] for n in range(at, end)]
        at += sock.sendmsg(crumbs, [], MSG_ZEROCOPY)
        sends += 1
    wait_completions(sock, sends)


SENDERS = {"copy": send_copy, "sendfile": send_file, "splice": send_splice,
           "zerocopy": send_zerocopy, "crumbs": send_crumbs}


def send(args):
    sock = stream_socket(args)
    sock.settimeout(None)
    data = payload(args.bytes, args.seed)
    SENDERS[args.how](sock, data)
    sock.shutdown(socket.SHUT_WR)
    sock.recv(1)
    print(len(data), hashlib.sha256(data).hexdigest())


def receive(args):
    sock = stream_socket(args)
    digest = hashlib.sha256()
    total = 0
    while piece := sock.recv(1 << 18):
        digest.update(piece)
        total += len(piece)
    print(total, digest.hexdigest())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("send", "receive"))
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--listen", action="store_true")
    parser.add_argument("--bytes", type=int, default=1 << 20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--how", choices=sorted(SENDERS), default="copy")
    parser.add_argument("--timeout", type=float, default=60.0)
    args = parser.parse_args()
    send(args) if args.role == "send" else receive(args)


if __name__ == "__main__":
    main()
