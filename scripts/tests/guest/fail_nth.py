#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Do something again and again: at the n-th round its n-th fault comes true.

fail_nth.py open IF | close IF | resize IF FROM TO | bind ADDRESS | unbind ADDRESS

Prints "N ERRNO" a round, where ERRNO 0 says that the fault was borne, and ends when there are less
than n faults; it is left undone. What has failed must not have happened, and the reverse:
AssertionError otherwise. The kernel counts the faults of this thread alone (fail-nth in its
Documentation/fault-injection); which they are has been set up before.
"""
import array
import fcntl
import os
import socket
import struct
import sys

COUNTDOWN = "/proc/thread-self/fail-nth"
DRIVER = "/sys/bus/pci/drivers/sluice"
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCETHTOOL = 0x8913, 0x8914, 0x8946
ETHTOOL_GRINGPARAM, ETHTOOL_SRINGPARAM = 0x10, 0x11
# indexes in struct ethtool_ringparam
RX_PENDING, RING_WORDS = 5, 9
IFF_UP = 1
FLAGS, POINTER = struct.Struct("16sh22x"), struct.Struct("16sP16x")


class Interface:
    """What ip link and ethtool do, without starting a process."""

    def __init__(self, name):
        self.name = name.encode()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _flags(self):
        answer = fcntl.ioctl(self.sock, SIOCGIFFLAGS, FLAGS.pack(self.name, 0))
        return FLAGS.unpack(answer)[1]

    def is_up(self):
        return bool(self._flags() & IFF_UP)

    def set_up(self, up):
        flags = self._flags() & ~IFF_UP | (IFF_UP if up else 0)
        fcntl.ioctl(self.sock, SIOCSIFFLAGS, FLAGS.pack(self.name, flags))

    def _ring(self, command, words):
        words[0] = command
        fcntl.ioctl(self.sock, SIOCETHTOOL, POINTER.pack(self.name, words.buffer_info()[0]))
        return words

    def ring(self):
        return self._ring(ETHTOOL_GRINGPARAM, array.array("I", bytes(4 * RING_WORDS)))

    def set_ring(self, size):
        words = self.ring()
        words[RX_PENDING] = size
        self._ring(ETHTOOL_SRINGPARAM, words)


def opening(name):
    interface = Interface(name)
    return lambda: interface.set_up(True), lambda: interface.set_up(False), interface.is_up


def closing(name):
    interface = Interface(name)
    return (lambda: interface.set_up(False), lambda: interface.set_up(True),
            lambda: not interface.is_up())


def resizing(name, before, after):
    interface = Interface(name)
    interface.set_ring(int(before))
    return (lambda: interface.set_ring(int(after)), lambda: interface.set_ring(int(before)),
            lambda: interface.ring()[RX_PENDING] == int(after))


def write(path, text):
    """In one piece, once: a buffered file would try what was refused again when it is closed."""
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def binding(address):
    def try_and_unbind():
        for name in os.listdir(f"/sys/bus/pci/devices/{address}/net"):
            Interface(name).set_up(True)
        write(f"{DRIVER}/unbind", address)

    return (lambda: write(f"{DRIVER}/bind", address), try_and_unbind,
            lambda: os.path.exists(f"{DRIVER}/{address}"))


def unbinding(address):
    bind, _, is_bound = binding(address)
    return lambda: write(f"{DRIVER}/unbind", address), bind, lambda: not is_bound()


# Each gives three functions: do it, undo it, whether it is done.
OPERATIONS = {"open": opening, "close": closing, "resize": resizing, "bind": binding,
              "unbind": unbinding}


def attempt(countdown, n, operation):
    """(whether the n-th fault came, errno)"""
    error = 0
    os.write(countdown, str(n).encode())
    try:
        operation()
    except OSError as refusal:
        error = refusal.errno
    came = int(os.pread(countdown, 16, 0)) == 0
    os.write(countdown, b"0")
    return came, error


def main():
    do, undo, is_done = OPERATIONS[sys.argv[1]](*sys.argv[2:])
    countdown = os.open(COUNTDOWN, os.O_RDWR)
    if is_done():
        undo()
    came, n = True, 0
    while came:
        n += 1
        came, error = attempt(countdown, n, do)
        assert is_done() == (error == 0), f"fault {n}, errno {error}, done: {is_done()}"
        if not error:
            undo()
        if came:
            print(n, error, flush=True)
    assert not error, f"without a fault: errno {error}"


if __name__ == "__main__":
    main()
