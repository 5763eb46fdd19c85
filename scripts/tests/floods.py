# SPDX-License-Identifier: GPL-2.0-only
"""Traffic in both directions that bears anything being done to the interface meanwhile."""
import contextlib
import threading
import time

import bpf
from counters import wait_for
from wire import WireError
from xdp import Verdict, order

PAUSE = 0.001


class HostFlood(threading.Thread):
    """Frames from the host; a NIC that takes none makes it wait, one that is gone does not."""

    def __init__(self, wire, mac):
        super().__init__(daemon=True)
        self.wire = wire
        self.frame = order(mac, 60, Verdict.DROP)
        self.running = True

    def run(self):
        # When the whole machine is gone, or its test has ended, there is nobody to tell.
        with contextlib.suppress(WireError):
            while self.running:
                self.wire.send(self.frame)
                time.sleep(PAUSE)

    def stop(self):
        self.running = False
        self.join(20)
        assert not self.is_alive(), "the NIC takes no frames"


class GuestFlood:
    """Frames from the guest; while there is no such interface, or it is down, it tries again."""

    def __init__(self, guest, ifname):
        self.job = guest.spawn(f"while :; do {bpf.build()}/framegun {ifname} 20 60 0 1 0; "
                               "sleep 0.02; done >/dev/null 2>&1")

    def stop(self):
        self.job.stop()


class BothWays:
    """Both floods for as long as the block runs."""

    def __init__(self, guest, i, mac=None):
        self.guest, self.i = guest, i
        self.mac = mac or bytes.fromhex(guest.nics[i].mac.replace(":", ""))

    def __enter__(self):
        self.host = HostFlood(self.guest.wire(self.i), self.mac)
        self.host.start()
        self.inside = GuestFlood(self.guest, self.guest.ifname(self.i))
        return self

    def wait_flowing(self, frames=50, timeout=30):
        """Frames pass in both directions, from now on."""
        def read():
            return self.guest.ethtool_stats(self.i)
        start = read()
        return wait_for(read, lambda now: now["rx0_frames"] >= start["rx0_frames"] + frames and
                        now["tx0_completed"] >= start["tx0_completed"] + frames, timeout,
                        "frames both ways")

    def __exit__(self, kind, *_):
        self.inside.stop()
        if kind is None:
            self.host.stop()
        else:
            self.host.running = False
