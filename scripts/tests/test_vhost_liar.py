# SPDX-License-Identifier: GPL-2.0-only
"""scripts/vhost-liar.c in the hands of a QEMU and a driver of a few lines: what it makes of a
packed ring when it comes back, and what it says of where rings stand. No guest is needed.
"""
import array
import mmap
import os
import pathlib
import signal
import socket
import struct

import pytest

from counters import wait_for
from vhost_user import Backend

SIZE = 256
MEMORY = 1 << 20
RX, TX = 0, 1
# Where a ring lies, and its two event structures behind it.
RINGS = {RX: 0, TX: 0x4000}
EVENTS = 16 * SIZE
BUFFERS = 0x10000
ROOM = 2048
# Both cursors of a ring that was never used: place 0 of an odd round.
BEGIN = 0x80008000
DISABLE = 1
AVAIL = 1 << 7
VERSION_1, PACKED, EVENT_IDX, PROTOCOL = 1 << 32, 1 << 34, 1 << 29, 1 << 30
SET_FEATURES, SET_MEM_TABLE, SET_NUM, SET_ADDR, SET_BASE = 2, 5, 8, 9, 10
GET_BASE, SET_KICK, SET_CALL, SET_ENABLE = 11, 12, 13, 18


class Frontend:
    """What QEMU is to the device, and the memory of a guest that has two rings in it."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.socket = os.path.join(self.directory, "socket")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        self.file = os.memfd_create("guest")
        os.ftruncate(self.file, MEMORY)
        self.memory = mmap.mmap(self.file, MEMORY)
        self.kicks, self.calls = {}, {}
        self.opened = [self.file]
        self.connection = None

    def say(self, request, payload, fd=None):
        head = struct.pack("<III", request, 1, len(payload))
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd else []
        self.connection.sendmsg([head, payload], rights)

    def accept(self, base=BEGIN):
        """base is where QEMU thinks that the rings are."""
        self.connection = self.listener.accept()[0]
        self.say(SET_FEATURES, struct.pack("<Q", VERSION_1 | PACKED | EVENT_IDX | PROTOCOL))
        self.say(SET_MEM_TABLE, struct.pack("<II4Q", 1, 0, 0, MEMORY, 0, 0), self.file)
        for index in RINGS:
            self.start(index, base)

    def start(self, index, base):
        at = RINGS[index]
        self.say(SET_NUM, struct.pack("<II", index, SIZE))
        self.say(SET_BASE, struct.pack("<II", index, base))
        self.say(SET_ADDR, struct.pack("<II4Q", index, 0, at, at + EVENTS + 4, at + EVENTS, 0))
        self.say(SET_ENABLE, struct.pack("<II", index, 1))
        self.kicks[index], self.calls[index] = os.eventfd(1), os.eventfd(0)
        self.opened += [self.kicks[index], self.calls[index]]
        self.say(SET_KICK, struct.pack("<Q", index), self.kicks[index])
        self.say(SET_CALL, struct.pack("<Q", index), self.calls[index])

    def stop(self, index):
        """As a reset of the device does. The answer is not waited for."""
        self.say(GET_BASE, struct.pack("<II", index, 0))

    def close(self):
        for end in (self.connection, self.listener):
            end.close()
        for fd in self.opened:
            os.close(fd)
        self.memory.close()

    # The driver's part

    def clear(self, index):
        """A ring that is started anew."""
        self.memory[RINGS[index]:RINGS[index] + EVENTS + 8] = bytes(EVENTS + 8)

    def show(self, place):
        """A frame of 60 bytes to send, in the ring's first round."""
        desc = struct.pack("<QIHH", BUFFERS + place * ROOM, 12 + 60, place, AVAIL)
        self.memory[RINGS[TX] + 16 * place:RINGS[TX] + 16 * (place + 1)] = desc

    def _suppress(self, side):
        flags = RINGS[TX] + EVENTS + 4 * side + 2
        self.memory[flags:flags + 2] = struct.pack("<H", DISABLE)

    def forbid_calls(self):
        self._suppress(0)

    def silence(self):
        """What QEMU 7.2 does to a ring to send when the link goes down: it stops its kicks."""
        self._suppress(1)


@pytest.fixture
def pair(tmp_path):
    """(Frontend, Backend), both rings running and unused."""
    tmp_path.chmod(0o700)
    front = Frontend(tmp_path)
    back = Backend(front)
    front.accept()
    try:
        yield front, back
        assert not back.complaints()
    finally:
        back.stop()
        front.close()


def wait_process(back, wanted, what):
    stat = pathlib.Path(f"/proc/{back.process.pid}/stat")
    wait_for(lambda: stat.read_text(encoding="utf-8").rpartition(") ")[2][0],
             lambda state: state == wanted, 5, what)


def stop_asleep(back):
    """It sleeps nowhere but where it waits for events; and until it has stopped, the signal has
    only woken it, and an event of then would be heard before all others."""
    wait_process(back, "S", "the device to sleep")
    os.kill(back.process.pid, signal.SIGSTOP)
    wait_process(back, "T", "the device to stop")


def wait_received(back, count):
    wait_for(lambda: back.totals()["received"], lambda now: now == count, 5, f"{count} frames")


def leave(front, back, sent=5):
    """Some frames are sent, then the device vanishes and QEMU notices."""
    for place in range(sent):
        front.show(place)
    wait_received(back, sent)
    back.vanish()
    front.silence()


@pytest.mark.parametrize("base", [BEGIN, BEGIN + 0x30003],
                         ids=["where it began", "where QEMU has seen frames that are none"])
def test_ring_goes_on_where_it_was_when_the_device_comes_back(pair, base):
    """Whatever QEMU says, who cannot know. A descriptor inside of a frame looks new to it."""
    front, back = pair
    leave(front, back)
    front.show(5)
    front.accept(base)
    wait_received(back, 6)


def test_ring_goes_on_behind_what_qemu_has_thrown_away(pair):
    """It was where it began, and so QEMU knew."""
    front, back = pair
    leave(front, back, sent=0)
    front.show(3)
    front.accept(BEGIN + 0x30003)
    wait_received(back, 1)


def test_ring_that_was_started_anew_meanwhile_begins_at_its_begin(pair):
    """Its flags are those of a ring that has rested, because QEMU has silenced it."""
    front, back = pair
    leave(front, back)
    front.clear(TX)
    front.silence()
    front.show(0)
    front.accept()
    wait_received(back, 6)


@pytest.mark.parametrize("kicks", [1, 2])
def test_ring_that_stops_says_where_it_stood(pair, kicks):
    """A frame waits in it. There was no kick, but that at the start; or no time to hear it."""
    front, back = pair
    front.forbid_calls()
    front.show(0)
    wait_received(back, 1)
    stop_asleep(back)
    front.show(1)
    os.eventfd_write(front.kicks[TX], kicks - 1)
    front.stop(TX)
    os.kill(back.process.pid, signal.SIGCONT)
    wait_for(back.totals, lambda now: now["running"] == 1, 5, "the ring to stop")
    now, _, stopped = back.rings().split("transmit: ")[1].partition("when it was stopped: ")
    assert "does not run" in now
    # one call of its own, for what may have happened before QEMU listened
    assert stopped.startswith(f"{kicks} kicks, {kicks - 1} of them unheard, 1 calls; "
                              "next 8001 waits flags 0080, used 8001")
    assert "driver asks 1/0000, device asks 2/8001" in stopped
