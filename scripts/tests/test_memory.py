# SPDX-License-Identifier: GPL-2.0-only
"""What must hold while the guest has no memory left."""
import re
import threading
import time

import pytest

from counters import missed, wait_for
from guest import Nic
from ledger import assert_balanced
from memory_guest import MemoryGuest
from xdp import Port, Verdict

FILL = "/tmp/fill"
# KiB left to the kernel: less than the 4,096 pages of a full ring, more than commands need.
LEFT, TOLERANCE = 10_000, 1_000
# The kernel cannot have this: processes go on while the driver, in vain, takes all that is left.
FOR_PROCESSES = "96M"
OLD_RING, NEW_RING = "RX:256 TX:256", "RX:4096 TX:256"
PIECE, PAUSE = 32, 0.001
HELD_SECONDS = 6


@pytest.fixture(scope="module")
def guest():
    """A small guest whose tools are in memory, so that nothing waits for a page of the host's."""
    with MemoryGuest(nics=[Nic()], memory="384M",
                     cmdline=f"movablecore={FOR_PROCESSES}") as running:
        running.move_to_memory()
        # a ramfs takes the kernel's own memory, and never gives it back
        running.sh(f"mkdir {FILL}; mount -t ramfs fill {FILL}")
        # The kernel's reserve shall not grow while memory fragments, and little be kept for one
        # CPU that the other cannot have.
        running.sh("echo 0 >/proc/sys/vm/watermark_boost_factor; "
                   "echo 1000000 >/proc/sys/vm/percpu_pagelist_high_fraction")
        yield running


@pytest.fixture
def port(guest):
    """The NIC; afterwards nobody has been killed for want of memory, and the ledger balances."""
    port = Port(guest, 0)
    yield port
    port.sh(f"rm -f {FILL}/*; pkill framehold; ethtool -G IF rx 256", check=False)
    assert_balanced(port.stats())
    assert not re.search("Out of memory|oom-kill|invoked oom-killer", guest.console())


def kernel_memory(port):
    """KiB that the kernel can have: in the zones' free lists and in those of the CPUs."""
    zones = re.split(r"^Node \d+, zone +", port.sh("cat /proc/zoneinfo").stdout, flags=re.M)[1:]
    return 4 * sum(int(pages) for zone in zones if not zone.startswith("Movable")
                   for pages in re.findall(r"\b(?:nr_free_pages|count:) +(\d+)", zone))


def fill_memory(port):
    """A file takes the kernel's memory, without what could be read again, but for a rest."""
    port.sh("echo 3 >/proc/sys/vm/drop_caches")
    while (free := kernel_memory(port)) > LEFT + TOLERANCE:
        port.sh(f"dd if=/dev/zero bs=64k count={(free - LEFT) // 64} >>{FILL}/file", timeout=120)


def rings(port):
    """The sizes in effect, as ethtool -g has them."""
    text = port.sh("ethtool -g IF").stdout.split("Current hardware settings:")[1]
    return " ".join(f"{which}:{size}" for which, size in re.findall(r"^(RX|TX):\s+(\d+)", text,
                                                                    re.M))


class Sender:
    """Frames for the stack, for as long as the block runs."""

    def __init__(self, port):
        self.port = port
        self.frames = [port.order(60, Verdict.PASS)] * PIECE
        self.before = port.stats()
        self.sent = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stopping.wait(PAUSE):
            self.sent += self.port.wire.send_many(self.frames)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), "the NIC takes no frames: its ring has run dry"

    def grown(self):
        """What became of the frames, when the driver has seen all of them."""
        def read():
            now = self.port.stats()
            return {name: now[name] - self.before[name] for name in self.before}
        return wait_for(read, lambda grown: grown["rx0_frames"] >= self.sent, 20, "all frames")


def assert_all_pass(grown, sent):
    assert (grown["rx0_frames"], grown["rx0_passed"]) == (sent, sent)
    assert (missed(grown), grown["resets"]) == (0, 0)


@pytest.mark.needs("large rings")
@pytest.mark.distribution_kernel("of what is left of the memory KASAN takes so much that frames "
                                 "are lost too")
def test_resize_without_memory(port):
    """No memory for larger rings: refused by a sentence, the old rings go on without a lost frame.
    """
    assert rings(port) == OLD_RING
    fill_memory(port)
    with Sender(port) as traffic:
        for _ in range(3):
            refused = port.sh("ethtool -G IF rx 4096", check=False)
            assert refused.status != 0
            assert "no memory for rx 4096, tx 256; the old rings go on" in refused.stdout
            assert rings(port) == OLD_RING
    assert_all_pass(traffic.grown(), traffic.sent)
    port.sh(f"rm {FILL}/file")
    port.sh("ethtool -G IF rx 4096")
    assert rings(port) == NEW_RING


def test_receive_without_memory(port):
    """A socket that nobody reads takes all memory: frames are lost by name and the ring stays full.

    When the socket is closed every frame arrives again, without a reset.
    """
    fill_memory(port)
    # it is there before the shortage that it ends: later there is no memory for a new process
    job = port.guest.spawn(f"{port.binary('framehold')} {port.name} {HELD_SECONDS} /tmp/ready")
    port.sh("until test -e /tmp/ready; do sleep 0.05; done")
    with Sender(port) as traffic:
        assert job.wait().status == 0
    grown = traffic.grown()
    lost = grown["rx0_alloc_fail"] + grown["rx0_skb_fail"]
    assert lost > 0, "the guest had memory for every frame"
    assert grown["rx0_passed"] == traffic.sent - lost
    assert (missed(grown), grown["resets"]) == (0, 0)
    with Sender(port) as traffic:
        time.sleep(1)
    assert_all_pass(traffic.grown(), traffic.sent)
