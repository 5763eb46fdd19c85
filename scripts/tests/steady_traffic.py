# SPDX-License-Identifier: GPL-2.0-only
"""Frames in both directions while something is done to the interface, and their exact count."""
import threading

import frames
import pktgen
from counters import Growth, missed
from guest import Nic
from taps import TEST_TYPE
from topology import HOST_MAC

# Seconds between two frames of the test, nanoseconds between two of the generator.
PAUSE = 0.0005
DELAY = 1_000_000


def frame_to(guest, i, size=60):
    """A frame that the NIC lets in and no protocol answers."""
    return frames.pad(frames.ether(guest.nics[i].mac, HOST_MAC, TEST_TYPE), size)


class Inbound:
    """The test sends frames to the guest for as long as the block runs."""

    def __init__(self, guest, i, pause=PAUSE):
        self.guest, self.i, self.pause = guest, i, pause
        self.sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self):
        while not self._stopping.is_set():
            self.guest.wire(self.i).send(frame_to(self.guest, self.i))
            self.sent += 1
            self._stopping.wait(self.pause)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join()


class BothWays(Inbound):
    """The packet generator in the guest sends too."""

    def __enter__(self):
        self.counters = Growth(lambda: self.guest.ethtool_stats(self.i))
        self.guest.wire(self.i).drain()
        pktgen.set_up(self.guest, self.guest.ifname(self.i), count=0, delay=DELAY)
        self._generator = pktgen.start_in_background(self.guest)
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        pktgen.stop(self.guest)
        self._generator.wait()

    def assert_none_lost(self, starts):
        """What the test sent was received, what the generator sent was on the wire.

        starts is how often the device was started meanwhile.
        """
        spared = 0 if Nic.default_model.can("lossless start") else starts
        self.counters.wait("rx0_frames", self.sent - spared)
        generated = pktgen.results(self.guest, self.guest.ifname(self.i))[0][0]
        assert generated > 0
        pktgen.receive(self.guest.wire(self.i), generated)
        now = self.counters()
        assert self.sent - spared <= now["rx0_frames"] <= self.sent
        assert now["rx0_passed"] == now["rx0_frames"]
        assert (now["tx0_accepted"], now["tx0_reset_drop"]) == (generated, 0)
        assert missed(now) == 0


def assert_carries_frames(guest, i, count=20):
    """Both directions work: each frame sent is seen by the other side."""
    received = Growth(lambda: guest.link_stats(i)["rx"])
    wire = guest.wire(i)
    wire.send_many(frame_to(guest, i) for _ in range(count))
    received.wait("packets", count)
    wire.drain()
    pktgen.set_up(guest, guest.ifname(i), count=count)
    pktgen.start(guest)
    pktgen.receive(wire, count)
