# SPDX-License-Identifier: GPL-2.0-only
"""After a migration the host asks the guest to tell the neighbours where its addresses are now."""
import struct

import pytest

from drivers import assert_ledgers
from guest import Guest, Nic
from topology import bring_up

ARP, REQUEST = b"\x08\x06", 1
ROUNDS = 3


@pytest.fixture(scope="module")
def guest():
    with Guest(nics=[Nic(model="virtio"), Nic(model="virtio-packed")]) as running:
        for i in range(2):
            bring_up(running, i, f"10.1.{i}.1/24")
        yield running


def announced(frame):
    """The IPv4 address that a gratuitous ARP request tells, None if it is none."""
    if frame[12:14] != ARP or struct.unpack("!H", frame[20:22])[0] != REQUEST:
        return None
    sender, target = frame[28:32], frame[38:42]
    return ".".join(map(str, sender)) if sender == target else None


def told(guest, i):
    """The address that is told after a request of the host's; None if none is within 5 s."""
    wire = guest.wire(i)
    wire.drain()
    guest.qmp("announce-self", initial=50, max=50, rounds=1, step=0,
              interfaces=[guest.nics[i].id], id=f"announce-{i}")
    frames = iter(lambda: wire.recv(5), None)
    return next((address for address in map(announced, frames) if address), None)


@pytest.mark.parametrize("i", [0, 1], ids=["split", "packed"])
def test_neighbours_are_told(guest, i):
    """A gratuitous ARP for each request.  A request that comes before the one before has been
    acknowledged is the same, so the test may have to ask twice; without any acknowledgement there
    would be one only."""
    for _ in range(ROUNDS):
        assert (told(guest, i) or told(guest, i)) == f"10.1.{i}.1"
    assert_ledgers(guest)
