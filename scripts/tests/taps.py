# SPDX-License-Identifier: GPL-2.0-only
"""See which frames an interface of the guest delivers, and send frames from the guest."""

import dataclasses
import itertools
import json
import os
import pathlib
import struct

from counters import Growth

BUFFER = 2048
PROGRAMS = pathlib.Path(__file__).resolve().parent / "guest"
BROADCAST = b"\xff" * 6
SENTINEL_TYPE = 0x88b6
# The IEEE's type for experiments: no protocol of the guest answers it.
TEST_TYPE = 0x88b5
_numbers = itertools.count()


@dataclasses.dataclass
class Delivered:
    """One frame as a packet socket of the guest saw it."""
    length: int
    head: bytes
    sha256: str
    tag: int | None


def program(name):
    """The command line that starts one of the programs for the guest."""
    return f"/usr/bin/python3 {PROGRAMS / name}"


def fresh_path(word):
    """A path in the guest's /tmp that no earlier use has left behind."""
    return f"/tmp/{word}.{next(_numbers)}"


def wait_for_file(guest, path, timeout=20):
    guest.sh(f"until test -e {path}; do sleep 0.05; done", timeout=timeout)


class Tap:
    """A packet socket on an interface, from its start until a sentinel frame passes."""

    def __init__(self, guest, ifname, timeout=20):
        self._guest = guest
        ready = fresh_path("tap")
        self._job = guest.spawn(f"{program('packet_socket.py')} listen {ifname} "
                                f"--ready {ready} "
                                f"--timeout {timeout * guest.slowdown}")
        self._timeout = timeout
        wait_for_file(guest, ready)

    def delivered(self):
        """The frames before the sentinel; the caller has sent the sentinel."""
        result = self._job.wait(self._timeout + 10)
        assert result.status == 0, f"the sentinel frame never arrived: {result.stdout[-300:]}"
        rows = (json.loads(line) for line in result.stdout.splitlines() if line.startswith("{"))
        return [Delivered(row["length"], bytes.fromhex(row["head"]), row["sha256"], row["tag"])
                for row in rows]


def sentinel():
    """A broadcast frame that ends a Tap. A wire keeps order: what comes later was sent later."""
    return BROADCAST + b"\x02\0\0\0\0\x01" + struct.pack("!H", SENTINEL_TYPE) + bytes(46)


def delivered(guest, ifname, wire, frames):
    """Send frames to the guest over the wire and return those that reached its stack."""
    tap = Tap(guest, ifname)
    wire.send_many([*frames, sentinel()])
    return tap.delivered()


def batches(frames_, buffers=64):
    """Groups of frames that need no more receive buffers than every ring has."""
    batch, used = [], 0
    for frame in frames_:
        need = len(frame) // BUFFER + 1
        if used + need > buffers:
            yield batch
            batch, used = [], 0
        batch.append(frame)
        used += need
    yield batch


def send_jumbo(guest, i, frames_):
    """Send long frames no faster than the driver refills.

    The emulator lets a frame of one buffer wait on the wire, but drops one that needs more buffers
    than are posted.
    """
    received = Growth(lambda: guest.link_stats(i)["rx"])
    sent = 0
    for batch in batches(frames_):
        sent += guest.wire(i).send_many(batch)
        received.wait("packets", sent)


def share_file(frames, directory):
    """Write frames where the guest reads them; the host's files are visible to the guest."""
    path = os.path.join(directory, f"frames.{next(_numbers)}")
    with open(path, "wb") as file:
        for frame in frames:
            file.write(struct.pack("!I", len(frame)) + frame)
    return path
