# SPDX-License-Identifier: GPL-2.0-only
"""The test's end of an emulated wire: a unix datagram socket, one Ethernet frame a datagram.

Towards the guest the wire is lossless: the sender blocks while the NIC has no buffer.  From the
guest there is no back-pressure: QEMU holds 10,000 frames and then drops in silence.  So a thread
empties the socket all the time.
"""
import collections
import contextlib
import os
import socket
import struct
import threading
import time

BUFFER_BYTES = 16 << 20
LARGEST_FRAME = 1 << 17
# Seconds for one frame. QEMU's e1000 is deaf for one after each change of its filters; a receiver
# that never takes anything again must fail a test, not hold it for ever.
SEND_LIMIT = 60


class WireError(Exception):
    """The emulator did not take a frame."""


class Wire:
    """Times to wait are meant for the distribution's kernel; slowdown stretches all of them."""

    def __init__(self, host_path, guest_path, slowdown=1):
        self.slowdown = slowdown
        self.guest_path = guest_path
        self.host_path = host_path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(host_path)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                             struct.pack("ll", SEND_LIMIT * slowdown, 0))
        self.frames = collections.deque()
        self.arrived = threading.Condition()
        self.closing = False
        self.flowing = threading.Event()
        self.flowing.set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while not self.closing:
            self.flowing.wait()
            try:
                frame = self.sock.recv(LARGEST_FRAME)
            except OSError:
                return
            with self.arrived:
                self.frames.append(frame)
                self.arrived.notify_all()

    def send(self, frame):
        """Put a frame on the wire; blocks while the NIC has no room."""
        try:
            self.sock.sendto(frame, self.guest_path)
        except BlockingIOError as late:
            limit = SEND_LIMIT * self.slowdown
            raise WireError(f"the guest has not taken a frame of {len(frame)} bytes within {limit} "
                            "s: does its NIC still receive?") from late
        except OSError as error:
            raise WireError(f"cannot send {len(frame)} bytes to the guest: {error}") from error

    def send_many(self, frames):
        """Send all frames; returns how many that were."""
        count = 0
        for frame in frames:
            self.send(frame)
            count += 1
        return count

    def recv(self, timeout=1.0):
        """The next frame from the guest, or None."""
        with self.arrived:
            self.arrived.wait_for(lambda: self.frames, timeout * self.slowdown)
            return self.frames.popleft() if self.frames else None

    def recv_many(self, n, timeout=10.0):
        """Up to n frames; fewer only when the time has passed."""
        deadline = time.monotonic() + timeout * self.slowdown
        with self.arrived:
            while len(self.frames) < n and time.monotonic() < deadline:
                self.arrived.wait(deadline - time.monotonic())
            return [self.frames.popleft() for _ in range(min(n, len(self.frames)))]

    @contextlib.contextmanager
    def stalled(self):
        """Nobody takes the guest's frames while the block runs; a NIC that can wait, waits."""
        self.flowing.clear()
        try:
            yield
        finally:
            self.flowing.set()

    def drain(self):
        """All frames that have arrived so far, without waiting."""
        with self.arrived:
            frames = list(self.frames)
            self.frames.clear()
            return frames

    def close(self):
        self.closing = True
        self.flowing.set()
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        if os.path.exists(self.host_path):
            os.unlink(self.host_path)
