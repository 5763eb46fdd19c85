# SPDX-License-Identifier: GPL-2.0-only
"""Memory and mappings are refused wherever the driver asks for them, in a running guest.

Each test ends with an interface that carries frames, whatever was refused, and with counters that
balance; each guest without a leak. A test in which nothing was refused has failed.
"""
import contextlib
import errno
import re

import pytest

from counters import missed, wait_for
from fault_injection import KINDS, PAGES, POOL, SLAB, Faults
from guest import Guest, Nic
from steady_traffic import Inbound
from taps import fresh_path, wait_for_file
from xdp import Port, Verdict, check_ledger, received

DRIVER = "/sys/bus/pci/drivers/sluice"
RING, OTHER_RING, LARGE_RING = 64, 128, Nic.default_model.rings[0]
SENTENCE = "no memory for rx {}, tx 256; the old rings go on"
PROBE_FAILED = re.compile(r"probe with driver sluice failed with error -(\d+)")
FRAMES, TRIED = 600, 20
# No more than that at a time: the smallest ring must hold them.
PIECE = 50
# in case nobody ends it
HELD_SECONDS = 60
# A page needs two of them. With a small ring even a pool that keeps all it can leaves some.
BOUNCE_BUFFERS = 1024
# more frames than the ring leaves pages for
TOO_MANY_FRAMES = 500
TOO_LARGE_RING = 1024
BOUNCE_BUFFERS_USED = "/sys/kernel/debug/swiotlb/io_tlb_used"


@contextlib.contextmanager
def guest_without_leaks(request, **options):
    # the kernel for coverage has nothing that looks for leaks
    finds_leaks = request.config.option.kernel != "gcov"
    with Guest(nics=[Nic()], finds_leaks=finds_leaks, **options) as running:
        yield running
        if finds_leaks:
            running.leaks()


@pytest.fixture(scope="module")
def guest(request):
    with guest_without_leaks(request) as running:
        yield running


@pytest.fixture(scope="module")
def faults(guest):
    return Faults(guest)


@pytest.fixture(scope="module")
def module_port(guest):
    return Port(guest, 0)


@pytest.fixture
def port(module_port):
    """The NIC; afterwards, when nothing is refused any more, it works."""
    yield module_port
    assert_works(Port(module_port.guest, 0))


def assert_works(port):
    """Frames pass in both directions, and every frame is accounted for."""
    with Steady(port) as traffic:
        wait_for(lambda: traffic.sent, lambda sent: sent >= TRIED, 20, "frames sent")
        port.wire.drain()
        port.sh(f"BIN/framegun IF {TRIED} 60 0 {Verdict.PASS:d} 0")
        received(port.wire, TRIED)
    traffic.assert_all_pass()
    check_ledger(port)


class Steady(Inbound):
    """Frames from the host for as long as the block runs, of which none may be lost."""

    def __init__(self, port):
        super().__init__(port.guest, port.index, pause=0.02)
        self.port = port
        self.before = port.stats()

    def assert_all_pass(self):
        now = self.port.wait_stat(self.before, "rx0_frames", self.sent)
        assert now["rx0_passed"] - self.before["rx0_passed"] == self.sent
        assert missed(now) == missed(self.before)


def send(port, count, verdict=Verdict.PASS):
    """Frames from the host, and what the counters have gained when the driver has seen them."""
    before = port.stats()
    for sent in range(PIECE, count + 1, PIECE):
        port.wire.send_many([port.order(60, verdict)] * PIECE)
        now = port.wait_stat(before, "rx0_frames", sent)
    return {name: now[name] - before[name] for name in now}


def assert_resize_refused(port, size):
    refused = port.sh(f"ethtool -G IF rx {size}", check=False)
    assert refused.status != 0
    assert SENTENCE.format(size) in refused.stdout


@contextlib.contextmanager
def frames_held(port):
    """What the stack receives stays in memory for as long as the block runs."""
    ready = fresh_path("held")
    job = port.guest.spawn(f"{port.binary('framehold')} {port.name} {HELD_SECONDS} {ready}")
    wait_for_file(port.guest, ready)
    try:
        yield
    finally:
        job.stop()


# The n-th request refused, for each n

@pytest.mark.parametrize("kind", KINDS)
def test_open(port, faults, kind):
    """Open: ENOMEM and down, or up."""
    port.sh(f"ip link set IF down; ethtool -G IF rx {RING}", check=False)
    results = faults.sweep(kind, f"open {port.name}")
    assert errno.ENOMEM in results
    assert set(results) <= {0, errno.ENOMEM}


@pytest.mark.parametrize("kind", KINDS)
def test_resize(port, faults, kind):
    """Resize under traffic: ENOMEM and the old rings, or the new ones; no frame is lost."""
    with Steady(port) as traffic:
        results = faults.sweep(kind, f"resize {port.name} {RING} {OTHER_RING}")
    assert errno.ENOMEM in results
    assert set(results) <= {0, errno.ENOMEM}
    traffic.assert_all_pass()


def test_rings_too_large_for_the_memory_are_refused_quietly(port, faults):
    """Resize to pieces of several pages: the kernel's log has no word on those that are refused."""
    old = len(port.guest.console())
    faults.write(PAGES, {"min-order": 1, "verbose": 1})
    try:
        results = faults.sweep(PAGES, f"resize {port.name} {RING} {LARGE_RING}")
    finally:
        faults.write(PAGES, {"min-order": 0, "verbose": 0})
    assert errno.ENOMEM in results
    assert "FAULT_INJECTION" not in port.guest.console()[old:]


@pytest.mark.parametrize("kind", [SLAB, PAGES])
def test_probe(port, faults, kind):
    """Probe: the log says why there is no interface, or there is one that opens."""
    address = port.guest.pci(0)
    old = len(port.guest.console())
    results = faults.sweep(kind, f"bind {address}")
    failures = [str(error) for error in results if error]
    assert failures
    wait_for(lambda: PROBE_FAILED.findall(port.guest.console()[old:]),
             lambda said: said == failures, 20, f"the log to say {failures}")
    port.sh(f"echo {address} >{DRIVER}/bind")


def test_probe_without_control_queue(port, faults):
    """Probe: the one page that virtio asks for; without the fault there is an interface."""
    if Nic.default_model.module != "virtio_net":
        pytest.skip("has no control queue")
    address = port.guest.pci(0)
    with faults.only_below("vnet_ctrl_probe"):
        assert faults.sweep(PAGES, f"bind {address}") == [errno.ENOMEM]
    port.sh(f"echo {address} >{DRIVER}/bind")


@pytest.mark.parametrize("operation", ["close", "unbind"])
def test_removal(port, faults, operation):
    """Close and remove: nothing that is refused keeps the driver from going."""
    what = port.name if operation == "close" else port.guest.pci(0)
    results = faults.sweep(SLAB, f"{operation} {what}")
    assert results and not any(results)


# Everything refused

def test_attach(port, faults):
    """XDP: while the driver gets no memory at all a program is attached, runs, and is detached."""
    with faults.armed(*KINDS, probability=100) as injected:
        port.attach("obey_frags")
        assert send(port, PIECE, Verdict.DROP)["rx0_xdp_drop"] == PIECE
        assert send(port, PIECE, Verdict.TX)["rx0_alloc_fail"] == PIECE
        assert_resize_refused(port, OTHER_RING)
        assert injected()
    port.wire.drain()
    assert send(port, PIECE, Verdict.TX)["rx0_xdp_tx"] == PIECE
    received(port.wire, PIECE)
    with faults.armed(*KINDS, probability=100):
        port.detach()


def test_removal_without_memory(port, faults):
    """Remove under traffic while the driver gets no memory at all."""
    address = port.guest.pci(0)
    with faults.armed(*KINDS, probability=100) as injected:
        assert send(port, PIECE)["rx0_alloc_fail"]
        port.sh(f"echo {address} >{DRIVER}/unbind")
        assert injected()
    port.sh(f"test ! -e {DRIVER}/{address}; echo {address} >{DRIVER}/bind")


# Some requests refused

# A pool asks for pages by 64, and has some: the few requests are all refused.
@pytest.mark.parametrize("kind, percent, loss", [(SLAB, 50, "rx0_skb_fail"),
                                                 (PAGES, 100, "rx0_alloc_fail"),
                                                 (POOL, 50, "rx0_alloc_fail")])
def test_traffic(port, faults, kind, percent, loss):
    """Receive: a frame without memory is lost by name, every other frame arrives."""
    with frames_held(port), faults.armed(kind, probability=percent) as injected:
        grown = send(port, FRAMES)
        assert injected()
    assert 0 < grown[loss] < FRAMES
    assert grown["rx0_passed"] == FRAMES - grown[loss]
    assert (missed(grown), grown["resets"]) == (0, 0)


# Mappings run out

@pytest.fixture(scope="module")
def scarce_guest(request):
    """All DMA through bounce buffers, of which there are few."""
    with guest_without_leaks(request, cmdline=f"swiotlb={BOUNCE_BUFFERS},force") as running:
        yield running


def small_ring(guest):
    guest.sh(f"ethtool -G {guest.ifname(0)} rx {RING}", check=False)
    return Port(guest, 0)


@pytest.fixture(scope="module")
def scarce_module_port(scarce_guest):
    return small_ring(scarce_guest)


@pytest.fixture
def scarce(scarce_module_port):
    """The NIC with a ring that leaves bounce buffers; afterwards, with such a ring, it works."""
    yield scarce_module_port
    assert_works(small_ring(scarce_module_port.guest))


def bounce_buffers_used(port):
    return int(port.sh(f"cat {BOUNCE_BUFFERS_USED}").stdout)


def exhaust(port):
    """Receive and hold frames until no buffer is left: those that follow are lost by name."""
    grown = send(port, TOO_MANY_FRAMES)
    assert 0 < grown["rx0_alloc_fail"] < TOO_MANY_FRAMES
    assert grown["rx0_passed"] == TOO_MANY_FRAMES - grown["rx0_alloc_fail"]
    assert bounce_buffers_used(port) == BOUNCE_BUFFERS


def test_open_without_mappings(scarce):
    """Open with more pages than can be mapped: ENOMEM, and nothing stays mapped."""
    scarce.sh(f"ip link set IF down; ethtool -G IF rx {TOO_LARGE_RING}")
    refused = scarce.sh("ip link set IF up", check=False)
    assert refused.status != 0
    assert "Cannot allocate memory" in refused.stdout
    assert bounce_buffers_used(scarce) == 0


def test_resize_without_mappings(scarce):
    """Resize to more than can be mapped: refused by a sentence, no frame is lost meanwhile."""
    with Steady(scarce) as traffic:
        assert_resize_refused(scarce, TOO_LARGE_RING)
    traffic.assert_all_pass()


def test_traffic_without_mappings(scarce):
    """Receive, attach, drop and transmit when nothing can be mapped: losses have a name."""
    with frames_held(scarce):
        exhaust(scarce)
        scarce.attach("obey_frags")
        assert send(scarce, PIECE, Verdict.DROP)["rx0_xdp_drop"] == PIECE
        before = scarce.stats()
        scarce.sh(f"BIN/framegun IF {TRIED} 60 0 {Verdict.PASS:d} 0")
        scarce.wait_stat(before, "tx0_dma_err", TRIED)
    scarce.detach()


def test_removal_without_mappings(scarce):
    """Remove while the stack holds what took the last mapping: none stays."""
    address = scarce.guest.pci(0)
    with frames_held(scarce):
        exhaust(scarce)
        scarce.sh(f"echo {address} >{DRIVER}/unbind")
        assert bounce_buffers_used(scarce) == 0
        scarce.sh(f"echo {address} >{DRIVER}/bind")
