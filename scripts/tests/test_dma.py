# SPDX-License-Identifier: GPL-2.0-only
"""All DMA through bounce buffers: what the driver does not hand over or take back is wrong bytes.

With swiotlb=force the device reads and writes copies, which only map, sync and unmap update. On
machines whose DMA is coherent, as all others of these tests are, a missing sync shows nowhere.
"""
import pytest

from guest import Guest, Nic
from taps import program, share_file
from xdp import PUSH_FILL, Op, Port, Verdict, received, restore

MTU = 9000
ETH_LEN = 14
ROOM = 192
# Below, at and above one buffer; more of them than the receive ring has slots.
SIZES = [60, 1514, 2047, 2048, 2049, MTU + ETH_LEN - ROOM]
ROUNDS = 60
PIECE = 6
RING = 256
SLOT = 2048
SLOTS_IN_USE = "/sys/kernel/debug/swiotlb/io_tlb_used"


@pytest.fixture(scope="module")
def guest():
    with Guest(nics=[Nic()], cmdline="swiotlb=force") as running:
        yield running


@pytest.fixture(scope="module")
def module_port(guest):
    """The NIC at an MTU of 9000. Every page in its receive ring has a copy, and so has all else."""
    port = Port(guest, 0)
    port.usual_mtu = MTU
    port.set_mtu(MTU)
    slots = int(guest.sh(f"cat {SLOTS_IN_USE}").stdout)
    assert slots >= RING * 4096 // SLOT
    return port


@pytest.fixture
def port(module_port):
    """The NIC; afterwards without a program and with balanced counters."""
    yield module_port
    restore([module_port])


def orders(port, verdict, op=Op.NONE):
    """Frames of every size, each with bytes of its own."""
    return [port.order(size, verdict, op=op, seq=i) for i, size in enumerate(SIZES * ROUNDS)]


def send(port, frames, counted):
    """Send no more at once than the ring holds: the emulator drops long frames without buffers."""
    for start in range(0, len(frames), PIECE):
        port.wire.send_many(frames[start:start + PIECE])
        port.wait_stat(counted, "rx0_frames", start + PIECE)


def with_room(frame):
    """What the program makes of a frame: room behind the Ethernet header, filled."""
    return frame[:ETH_LEN] + bytes([PUSH_FILL]) * ROOM + frame[ETH_LEN:]


def test_frames_from_the_wire_reach_the_stack_unchanged(port):
    """Receive: the processor sees what the device wrote, in every buffer of a frame."""
    frames = orders(port, Verdict.PASS)
    with port.sink() as sunk:
        send(port, frames, port.stats())
        assert [s.frame for s in sunk(len(frames))] == frames


def test_frames_of_the_stack_reach_the_wire_unchanged(port):
    """Transmit: the device sees what the stack wrote, in head and fragments."""
    frames = orders(port, Verdict.PASS)
    path = share_file(frames, port.guest.run_dir)
    port.wire.drain()
    port.sh(f"{program('packet_socket.py')} send IF {path} --odd", timeout=60)
    assert received(port.wire, len(frames)) == frames


@pytest.mark.parametrize("op, changed", [(Op.NONE, lambda frame: frame), (Op.PUSH_192, with_room)],
                         ids=["as it came", "changed"])
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.TX], ids=lambda v: v.name)
def test_xdp_frames_carry_what_the_program_wrote(port, verdict, op, changed):
    """XDP: what the program wrote into the device's page goes to the stack and to the wire."""
    port.attach("obey_frags")
    frames = orders(port, verdict, op)
    port.wire.drain()
    with port.sink() as sunk:
        send(port, frames, port.stats())
        counts = port.wait_count(len(frames))
        assert (counts[verdict.name], counts["HELPER_ERR"]) == (len(frames), 0)
        if verdict is Verdict.PASS:
            got = [s.frame for s in sunk(len(frames))]
        else:
            got = received(port.wire, len(frames))
    assert got == [changed(frame) for frame in frames]
