# SPDX-License-Identifier: GPL-2.0-only
"""DPDK's own driver in the guest: how fast a driver is that does nothing but poll."""
import contextlib

from bed import BIND

HUGE_PAGES = 200
DRIVER = "uio_pci_generic"
# Both of its threads on the guest's only processor; the one that obeys commands sleeps.
OPTIONS = "--lcores=0@0,1@0 --in-memory --no-telemetry"
START_SECONDS = 60
COMMANDS, SAID = "/tmp/testpmd.commands", "/tmp/testpmd.said"


class GuestDpdk:
    """testpmd in the guest with a NIC, as a context manager; it starts in a quarter of a minute,
    and sleeps while it is not forwarding.
    """

    def __init__(self, bed, place):
        self.bed, self.place = bed, place
        self.job = None

    def __enter__(self):
        address = self.bed.addresses([self.place])
        self.bed.sh(f"modprobe {DRIVER}; echo {HUGE_PAGES} >/proc/sys/vm/nr_hugepages; "
                    f"rm -f {COMMANDS} {SAID}; mkfifo {COMMANDS}")
        self.bed.guest.sh(BIND.format(addresses=address, driver=DRIVER), bare=True)
        # its standard input is open to write too, or it would end with the first who does
        self.job = self.bed.guest.spawn(
            f"stdbuf -oL dpdk-testpmd {OPTIONS} -a {address} -- -i --txpkts=60 "
            f"<>{COMMANDS} >>{SAID} 2>&1")
        self.wait("Done")
        return self

    def wait(self, text):
        self.bed.sh(f"until grep -q '{text}' {SAID}; do sleep 0.1; done", timeout=START_SECONDS)

    @contextlib.contextmanager
    def forwarding(self, mode, burst=32):
        """While it does something with frames, so many at a time."""
        self.obey(f"set fwd {mode}", f"set burst {burst}", "start", said="packets/burst")
        yield
        self.obey("stop", said="^Done")

    def obey(self, *commands, said):
        text = "\\n".join(commands)
        self.bed.sh(f": >{SAID}; printf '{text}\\n' >{COMMANDS}")
        self.wait(said)

    def __exit__(self, *_):
        self.job.stop()
