# SPDX-License-Identifier: GPL-2.0-only
"""A device that lies: receive completions that no honest device writes, each lost by its name.

While the guest's CPUs stand still the test writes into the descriptor at the ring's head, moves the
head and raises the interrupt, as the device does. Afterwards emulator and driver agree on the head,
so honest frames follow.
"""
import contextlib
import dataclasses
import hashlib
import struct

import pytest

from counters import Growth, wait_for
from device_access import (ICS, ICS_RXT0, RDBAH, RDBAL, RDH, RDLEN, RDT, DeviceAccess,
                           qtest_arguments)
from drivers import assert_ledgers, sluice_only
from guest import Guest, Nic
from ledger import RX_ENDS
from steady_traffic import assert_carries_frames, frame_to
from taps import BUFFER, Tap, sentinel
from topology import bring_up
from tracepoints import counted_events

pytest_plugins = ["device_access"]
pytestmark = sluice_only

HOST_WIRE = 0
# address, length, checksum, status, errors, special
DESCRIPTOR = struct.Struct("<QHHBBH")
DD, EOP = 1, 2
ERRORS = {"CE": 0x01, "SE": 0x02, "SEQ": 0x04, "CXE": 0x10, "RXE": 0x80}
IPE_AND_TCPE = 0x60
IMPOSSIBLE = [0, 13, BUFFER + 1, 65535]
# The first buffer of a frame and the fragments behind it.
LONGEST_CHAIN = 17
# Each slot of a ring of 256 is used again.
MORE_THAN_A_RING = 300
COUNTERS = ["rx0_frames", "rx0_bytes", *(f"rx0_{end}" for end in RX_ENDS)]


@dataclasses.dataclass
class Written:
    """What the device claims of one buffer, and what it puts there."""
    length: int
    last: bool = True
    errors: int = 0
    content: bytes = b""


class LyingDevice(DeviceAccess):
    """Completes receive descriptors in the device's place."""

    def __init__(self, guest, path):
        super().__init__(guest, HOST_WIRE, path)
        self._guest = guest

    @contextlib.contextmanager
    def _alone(self):
        """No CPU of the guest runs: descriptors, head and interrupt change at one instant."""
        self._guest.qmp("stop")
        try:
            yield
        finally:
            self._guest.qmp("cont")

    def _complete(self, at, written):
        address, *_ = DESCRIPTOR.unpack(self.memory(at, DESCRIPTOR.size))
        if written.content:
            self.set_memory(address, written.content)
        status = DD | (EOP if written.last else 0)
        self.set_memory(at, DESCRIPTOR.pack(address, written.length, 0, status, written.errors, 0))

    def _slots(self):
        return self.register(RDLEN) // DESCRIPTOR.size

    def posted(self):
        """How many buffers the device has."""
        return (self.register(RDT) - self.register(RDH)) % self._slots()

    def forge(self, *completions):
        """Complete one descriptor after the other, then interrupt once."""
        with self._alone():
            ring = self.register(RDBAH) << 32 | self.register(RDBAL)
            slots, head, posted = self._slots(), self.register(RDH), self.posted()
            assert len(completions) <= posted, f"the driver has posted {posted} buffers only"
            for i, written in enumerate(completions):
                self._complete(ring + (head + i) % slots * DESCRIPTOR.size, written)
            self.set_register(RDH, (head + len(completions)) % slots)
            self.set_register(ICS, ICS_RXT0)


@pytest.fixture(scope="module")
def guest(qtest_path):
    with Guest(nics=[Nic()], extra_args=qtest_arguments(qtest_path)) as running:
        running.sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 "
                   "net.ipv6.conf.all.disable_ipv6=1")
        bring_up(running, HOST_WIRE)
        yield running
        assert_carries_frames(running, HOST_WIRE)
        assert_ledgers(running)


@pytest.fixture
def device(guest, qtest_path):
    """Whatever it has lied, honest frames are passed afterwards and the ledger balances."""
    access = LyingDevice(guest, qtest_path)
    yield access
    access.close()
    honest = Growth(lambda: guest.ethtool_stats(HOST_WIRE))
    guest.wire(HOST_WIRE).send_many([frame_to(guest, HOST_WIRE)] * MORE_THAN_A_RING)
    assert_grows_to(honest, {"rx0_frames": MORE_THAN_A_RING, "rx0_passed": MORE_THAN_A_RING,
                             "rx0_bytes": MORE_THAN_A_RING * 60})
    assert_ledgers(guest)


@pytest.fixture
def counters(guest, device):
    return Growth(lambda: guest.ethtool_stats(HOST_WIRE))


def grown(counters):
    """The receive counters that changed."""
    now = counters()
    return {name: now[name] for name in COUNTERS if now[name]}


def assert_grows_to(counters, expected):
    """Exactly these counters change, by exactly this much, once all frames are counted."""
    counters.wait("rx0_frames", expected["rx0_frames"])
    assert grown(counters) == expected


def chain(buffers, **last):
    """A frame of full buffers; the keywords change its last one."""
    return [Written(BUFFER, last=False)] * (buffers - 1) + [Written(**{"length": BUFFER} | last)]


def test_forged_completion_of_a_true_frame_is_delivered(guest, device, counters):
    """The means of this file: a completion with an honest length delivers the bytes written."""
    frame = frame_to(guest, HOST_WIRE, 500)
    tap = Tap(guest, guest.ifname(HOST_WIRE))
    device.forge(Written(len(frame), content=frame))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_bytes": 500, "rx0_passed": 1})
    guest.wire(HOST_WIRE).send(sentinel())
    assert [seen.sha256 for seen in tap.delivered()] == [hashlib.sha256(frame).hexdigest()]


@pytest.mark.parametrize("length", IMPOSSIBLE)
def test_impossible_length_is_counted_and_the_frame_dropped(device, counters, length):
    """Lengths below a header and above a buffer: rx0_length_err, and nothing is passed."""
    device.forge(Written(length))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_length_err": 1})


@pytest.mark.parametrize("length", [14, BUFFER])
def test_extreme_length_that_is_possible_is_passed(guest, device, counters, length):
    """A bare header and a full buffer are frames, whatever their bytes."""
    device.forge(Written(length, content=frame_to(guest, HOST_WIRE)))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_bytes": length, "rx0_passed": 1})


@pytest.mark.parametrize("error", ERRORS)
def test_error_bit_of_the_descriptor_is_counted_and_the_frame_dropped(device, counters, error):
    """Each error bit that spoils a frame: rx0_hw_err."""
    device.forge(Written(60, errors=ERRORS[error]))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_hw_err": 1})


def test_checksum_error_bits_do_not_cost_the_frame(guest, device, counters):
    """IPE and TCPE: the frame is passed, and the stack looks at the checksum itself."""
    device.forge(Written(60, errors=IPE_AND_TCPE, content=frame_to(guest, HOST_WIRE)))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_bytes": 60, "rx0_passed": 1})


def test_lies_in_every_posted_buffer_are_counted_one_by_one(device, counters):
    """150 impossible lengths at once, more than a poll takes: each buffer is posted again."""
    device.forge(*[Written(IMPOSSIBLE[i % len(IMPOSSIBLE)]) for i in range(150)])
    assert_grows_to(counters, {"rx0_frames": 150, "rx0_length_err": 150})


# Chains

def test_chain_as_long_as_a_frame_can_be_is_passed(guest, device, counters):
    """17 full buffers are one frame."""
    first = Written(BUFFER, last=False, content=frame_to(guest, HOST_WIRE))
    device.forge(first, *chain(LONGEST_CHAIN)[1:])
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_bytes": LONGEST_CHAIN * BUFFER,
                               "rx0_passed": 1})


@pytest.mark.parametrize("buffers", [LONGEST_CHAIN + 1, 21, 150])
def test_chain_longer_than_a_frame_can_be_is_one_loss(device, counters, buffers):
    """18, 21 and 150 buffers up to EOP: rx0_frames and rx0_chain_err grow by one."""
    device.forge(*chain(buffers))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_chain_err": 1})


def chains_with(lie, honest):
    """Five frames of five buffers, each with the lie in another, and an honest one behind each."""
    for at in range(5):
        buffers = chain(5)
        buffers[at] = dataclasses.replace(buffers[at], **lie)
        yield from [*buffers, honest]


@pytest.mark.parametrize("lie, counter", [({"length": 65535}, "rx0_length_err"),
                                          ({"length": 0}, "rx0_length_err"),
                                          ({"errors": ERRORS["RXE"]}, "rx0_hw_err")],
                         ids=["too long", "empty", "RXE"])
def test_one_lie_within_a_chain_costs_that_frame_only(guest, device, counters, lie, counter):
    """A bad length or error bit in each buffer of five; the frames behind are passed."""
    device.forge(*chains_with(lie, Written(60, content=frame_to(guest, HOST_WIRE))))
    assert_grows_to(counters, {"rx0_frames": 10, "rx0_bytes": 5 * 60, "rx0_passed": 5, counter: 5})


def test_first_buffer_of_a_chain_needs_a_header(device, counters):
    """13 bytes may end a frame but not start one."""
    device.forge(Written(13, last=False), Written(BUFFER))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_length_err": 1})


def test_frame_after_an_endless_chain_ends_it(guest, device, counters):
    """Without EOP nothing is counted; the next EOP, an honest frame's, ends the chain."""
    device.forge(*chain(30, last=False))
    counters.wait("rx0_polls", 1)
    assert grown(counters) == {}
    guest.wire(HOST_WIRE).send(frame_to(guest, HOST_WIRE))
    assert_grows_to(counters, {"rx0_frames": 1, "rx0_chain_err": 1})


def probe_again(guest):
    address = guest.pci(HOST_WIRE)
    guest.sh(f"cd /sys/bus/pci/drivers/sluice; echo {address} >unbind; echo {address} >bind")
    guest.wait_interfaces()


ENDINGS = {
    "down and up": lambda guest: guest.sh(f"ip link set {guest.ifname(HOST_WIRE)} down"),
    "resize": lambda guest: guest.sh(f"ethtool -G {guest.ifname(HOST_WIRE)} rx 512 && "
                                     f"ethtool -G {guest.ifname(HOST_WIRE)} rx 256"),
    "rebind": probe_again,
}


@pytest.mark.parametrize("buffers", [5, 30])
@pytest.mark.parametrize("ending", ENDINGS)
def test_chain_never_ended_leaks_no_page(guest, device, counters, ending, buffers):
    """Down and up, resize, rebind amid a chain: the pool gets every page back, traffic passes."""
    device.forge(*chain(buffers, last=False))
    counters.wait("rx0_polls", 1)
    with counted_events(guest, "page_pool:page_pool_release", "inflight") as events:
        ENDINGS[ending](guest)
        bring_up(guest, HOST_WIRE)
        wait_for(lambda: events.by_key().get(0, 0), bool, 10, "a pool without pages in flight")
