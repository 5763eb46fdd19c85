# SPDX-License-Identifier: GPL-2.0-only
"""Memory and mappings are refused wherever the driver asks for them, in a running guest.

Each test ends with an interface that carries frames, whatever was refused, and with counters that
balance; each guest without a leak. A test in which nothing was refused has failed.
"""
import contextlib
import errno
import re
import time

import pytest

from counters import wait_for
from fault_injection import KINDS, PAGES, POOL, SLAB, Faults
from guest import Guest, Nic
from steady_traffic import Inbound
from xdp import Port, Verdict, check_ledger, received

DRIVER = "/sys/bus/pci/drivers/sluice"
RING, OTHER_RING, LARGE_RING = 64, 128, 4096
SENTENCE = "no memory for rx {}, tx 256; the old rings go on"
PROBE_FAILED = re.compile(r"probe with driver sluice failed with error -(\d+)")
PERCENT = 30
FRAMES, TRIED = 600, 20
# No more than that at a time: the smallest ring must hold them.
PIECE = 50
HELD_SECONDS = 4
# So many bounce buffers carry the pages of one small ring, two of them a page, and no second one.
BOUNCE_BUFFERS = 4 * RING
BOUNCED = "/sys/kernel/debug/swiotlb/io_tlb_used"


@pytest.fixture(scope="module")
def guest(request):
    # the kernel for coverage has nothing that looks for leaks
    finds_leaks = request.config.option.kernel != "gcov"
    with Guest(nics=[Nic()], finds_leaks=finds_leaks) as running:
        yield running
        if finds_leaks:
            running.leaks()


@pytest.fixture(scope="module")
def faults(guest):
    return Faults(guest)


@pytest.fixture
def port(guest, faults):
    """The NIC; afterwards, when nothing is refused any more, it works."""
    yield Port(guest, 0)
    assert_works(Port(guest, 0))


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
        assert now["dev_missed"] == self.before["dev_missed"]


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
    """What the stack receives stays in memory, until the block has ended and the time is over."""
    ready = f"/tmp/held-{time.monotonic_ns()}"
    seconds = HELD_SECONDS * port.guest.slowdown
    job = port.guest.spawn(f"{port.binary('framehold')} {port.name} {seconds} {ready}")
    port.sh(f"until test -e {ready}; do sleep 0.05; done")
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

@pytest.mark.parametrize("kind, loss", [(SLAB, "rx0_skb_fail"), (PAGES, "rx0_alloc_fail"),
                                        (POOL, "rx0_alloc_fail")])
def test_traffic(port, faults, kind, loss):
    """Receive: a frame without memory is lost by name, every other frame arrives."""
    with frames_held(port), faults.armed(kind, probability=PERCENT) as injected:
        grown = send(port, FRAMES)
        assert injected()
    assert 0 < grown[loss] < FRAMES
    assert grown["rx0_passed"] == FRAMES - grown[loss]
    assert (grown["dev_missed"], grown["resets"]) == (0, 0)
