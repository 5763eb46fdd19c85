# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's fault injection in a guest: what the driver asks for is refused."""
import contextlib

from taps import program

DEBUGFS = "/sys/kernel/debug"
SLAB, PAGES, POOL = KINDS = "failslab", "fail_page_alloc", "fail_function"
POOL_FUNCTION = "page_pool_alloc_pages"
# Counts down at each fault. It is never used up, so it limits nothing.
TIMES = 1_000_000
SLABS = "/sys/kernel/slab"
# What kmemleak, debugobjects and DMA-API debug cannot do without. And page_pool 6.12 sleeps with
# softirqs off when the nodes of its XArray, which it locks as one for other contexts, are refused.
SPARED = "kmemleak_object debug_objects_cache radix_tree_node"
NOWHERE, EVERYWHERE = (1, 1), (0, 2**64 - 1)
PAGE = 4096
# Faults of all sizes, and where the caller would wait for memory, too.
UNLIMITED = {SLAB: {"ignore-gfp-wait": "N", "cache-filter": "Y"},
             PAGES: {"ignore-gfp-wait": "N", "ignore-gfp-highmem": "N", "min-order": "0"},
             POOL: {"inject": POOL_FUNCTION}}


def addresses(guest, command):
    return [int(line.split()[0], 16) for line in guest.sh(command).stdout.splitlines()]


def driver_text(guest):
    """The addresses of the driver's functions, to the end of the last page."""
    functions = addresses(guest, r"grep -i ' t .*\[sluice\]$' /proc/kallsyms")
    return min(functions), (max(functions) | (PAGE - 1)) + 1


def driver_function(guest, name):
    """The addresses of one of them; a module's are in no order."""
    functions = addresses(guest, r"grep -i ' t .*\[sluice\]$' /proc/kallsyms")
    start, = addresses(guest, rf"grep -iP ' t {name}\t\[sluice\]$' /proc/kallsyms")
    return start, min(address for address in functions if address > start)


def function_text(guest, name):
    """The addresses of one function of the kernel, of which the compiler may have made a variant.
    """
    return addresses(guest, rf"grep -m1 -A1 -E ' {name}(\.[a-z0-9.]+)?$' /proc/kallsyms")


def among(callers):
    return {"require-start": hex(callers[0]), "require-end": hex(callers[1])}


class Faults:
    """Faults of what has a function of the driver among its callers, and of nothing else.

    The kernel's other filter, by task, knows nothing of softirq context. Nobody but the driver has
    a pool in these guests; the filter by callers would not do, for where a function is entered the
    stack does not have its direct caller yet, and that is the driver's poll.
    """

    def __init__(self, guest):
        self.guest = guest
        driver = driver_text(guest)
        self.callers = {SLAB: driver, PAGES: driver, POOL: EVERYWHERE}
        for kind in KINDS:
            self.write(kind, {"probability": 0, "verbose": 0, "times": TIMES, "interval": 1,
                              "space": 0, "stacktrace-depth": 32, "task-filter": "N"}
                       | among(NOWHERE) | UNLIMITED[kind])
        self.spare_the_watchers()

    def spare_the_watchers(self):
        """No fault where it would end a watcher instead of a caller, see testing.rst."""
        self.guest.sh(f"for f in {SLABS}/*/failslab; do echo 1 >$f; done; cd {SLABS}; "
                      f"for name in {SPARED}; do echo 0 >$name/failslab; done")
        start, end = function_text(self.guest, "___slab_alloc")
        self.write(PAGES, {"reject-start": hex(start), "reject-end": hex(end)})

    def write(self, kind, settings):
        self.guest.sh("set -e; " + "; ".join(f"echo {value} >{DEBUGFS}/{kind}/{name}"
                                             for name, value in settings.items()))

    def _injected(self):
        files = " ".join(f"{DEBUGFS}/{kind}/times" for kind in KINDS)
        return TIMES * len(KINDS) - sum(map(int, self.guest.sh(f"cat {files}").stdout.split()))

    @contextlib.contextmanager
    def armed(self, *kinds, probability=0):
        """Faults for as long as the block runs, some percent of those that are possible.

        Without a probability only those that fail_nth.py asks for. Yields a function that says how
        many there have been.
        """
        before = self._injected()
        for kind in kinds:
            self.write(kind, among(self.callers[kind]) | {"probability": probability})
        try:
            yield lambda: self._injected() - before
        finally:
            for kind in kinds:
                self.write(kind, {"probability": 0} | among(NOWHERE))

    @contextlib.contextmanager
    def only_below(self, name):
        """Faults below one function of the driver, for as long as the block runs."""
        before, one = self.callers, driver_function(self.guest, name)
        self.callers = before | {SLAB: one, PAGES: one}
        try:
            yield
        finally:
            self.callers = before

    def sweep(self, kind, operation, timeout=60):
        """The errno of each round of fail_nth.py: where the n-th fault of a kind has led to."""
        with self.armed(kind) as injected:
            text = self.guest.sh(f"{program('fail_nth.py')} {operation}", timeout=timeout).stdout
            rounds = [line.split() for line in text.splitlines()]
            assert injected() == len(rounds)
        return [int(error) for _, error in rounds]
