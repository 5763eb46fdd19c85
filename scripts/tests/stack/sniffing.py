# SPDX-License-Identifier: GPL-2.0-only
"""tcpdump on an interface of a host of the bed."""
import base64
import os
import tempfile

import frames
from counters import wait_for
from taps import fresh_path


# Whole frames of the tests. The kernel's ring for tcpdump has places of this length: with the
# 64 KiB of "everything" the 16 MiB are 256 places, and a tcpdump that waits loses what follows.
LONGEST = 4096


class Sniffer:
    """Runs while the block does; filter is in tcpdump's language."""

    def __init__(self, host, words="", i=None):
        self._host = host
        self._words = f"-i {host.ifname(i)} -s {LONGEST} -B 16384 -U " \
            f"--immediate-mode {words}"
        self._file = fresh_path("tcpdump")
        self._job = None

    def __enter__(self):
        log = self._file + ".log"
        self._job = self._host.spawn(f"exec tcpdump -w {self._file} {self._words} 2>{log}")
        self._host.sh(f"until grep -q 'listening on' {log}; do sleep 0.05; done", timeout=20)
        return self

    def __exit__(self, *_):
        self._job.stop()

    def _read(self):
        """What is in the file so far; it is there with its first frame."""
        data = base64.b64decode(self._host.sh(f"base64 -w0 {self._file}").stdout)
        if len(data) < 24:
            return []
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "pcap")
            with open(path, "wb") as file:
                file.write(data)
            return [frame for _, frame in frames.read_pcap(path)]

    def frames(self, count, timeout=20):
        """All that it has seen, once there are so many."""
        return wait_for(self._read, lambda seen: len(seen) >= count, timeout, f"{count} frames")
