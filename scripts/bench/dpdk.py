# SPDX-License-Identifier: GPL-2.0-only
"""DPDK's own driver in the guest: how fast a driver is that does nothing but poll."""
from bed import BIND

HUGE_PAGES = 200
DRIVER = "uio_pci_generic"
# Both of its threads on the guest's only processor; the one that obeys commands sleeps.
OPTIONS = "--lcores=0@0,1@0 --in-memory --no-telemetry"
START_SECONDS = 60


class GuestDpdk:
    """testpmd in the guest with a NIC, as a context manager; the next driver takes it from uio."""

    def __init__(self, bed, mode):
        self.bed, self.mode = bed, mode
        self.job = None

    def __enter__(self):
        address = self.bed.guest.pci(0)
        self.bed.sh(f"modprobe {DRIVER}; echo {HUGE_PAGES} >/proc/sys/vm/nr_hugepages")
        self.bed.guest.sh(BIND.format(addresses=address, driver=DRIVER), bare=True)
        # it ends when its standard input does
        self.job = self.bed.guest.spawn(
            f"sleep 1000 | stdbuf -oL dpdk-testpmd {OPTIONS} -a {address} -- "
            f"--forward-mode={self.mode} >/tmp/testpmd 2>&1")
        self.bed.sh("until grep -q 'Press enter' /tmp/testpmd; do sleep 0.2; done",
                    timeout=START_SECONDS)
        return self

    def __exit__(self, *_):
        self.job.stop()
        # for whoever comes next
        self.bed.sh("echo 0 >/proc/sys/vm/nr_hugepages")
