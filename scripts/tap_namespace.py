# SPDX-License-Identifier: GPL-2.0-only
"""A network namespace of the host's, where the other ends of a guest's tap devices are.

Behind a tap there is the host's own TCP/IP, with checksums and segments that are left to whoever
needs them, and as many queues as the NIC has.  It takes root and /dev/net/tun.
"""
import itertools
import os
import shlex
import subprocess

TUN = "/dev/net/tun"
_numbers = itertools.count()


class TapError(Exception):
    """A command in the namespace has failed."""


def why_not():
    """Why there can be no tap here, None if there can."""
    if os.geteuid():
        return "taps take root"
    return None if os.access(TUN, os.R_OK | os.W_OK) else f"no {TUN}"


class Namespace:
    """Made at once, there until close()."""

    def __init__(self):
        self.name = f"sluice-{os.getpid()}-{next(_numbers)}"
        self._ip("netns", "add", self.name)
        self.sh("ip link set lo up")

    @staticmethod
    def _ip(*arguments):
        subprocess.run(["ip", *arguments], check=True)

    def command(self, *words):
        """A command line that runs another one in here; /sys stays the host's."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *words]

    def sh(self, text, timeout=60):
        """What a shell command prints; TapError if it fails."""
        done = subprocess.run(self.command("sh", "-c", text), check=False, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise TapError(f"exit status {done.returncode}: {text}\n{done.stdout}")
        return done.stdout

    def spawn(self, text):
        """A command in the background, as a subprocess."""
        return subprocess.Popen(self.command(*shlex.split(text)), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def close(self):
        self._ip("netns", "del", self.name)
