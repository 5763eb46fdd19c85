# SPDX-License-Identifier: GPL-2.0-only
"""The guest's console log, and what in it counts as a complaint of the kernel."""
import re

# One line a kind of report; test_console.py has an example of each.
COMPLAINT = re.compile("|".join([
    r"WARNING:|BUG:|\bOops\b|Kernel panic|Call Trace|general protection",
    # lockdep, beside what begins with WARNING: or BUG:
    r"possible (recursive|circular|irq lock inversion)|inconsistent lock state",
    r"INFO: trying to register non-static key|turning off the locking correctness validator",
    r"suspicious RCU usage|bad unlock balance|held lock freed|Invalid wait context",
    r"KASAN|KCSAN: |UBSAN",
    # SLUB has no colon: "BUG kmalloc-64 (Not tainted): Right Redzone overwritten"
    r"\bBUG [\w-]+ +\(|list_(add|del) corruption|refcount_t: ",
    # a detector that has given up reports nothing any more
    r"kmemleak: \d+ new suspected|kmemleak: Kernel memory leak detector disabled",
    r"ODEBUG: |DMA-API: (?!preallocated|debugging enabled)",
    r"page_pool_release.*stalled|unregister_netdevice: waiting|leaked reference",
    # what hangs
    r"rcu:.*stall|INFO: task .* blocked|hung task|NETDEV WATCHDOG|Detected Tx Unit Hang",
    r"page allocation failure|irq \d+: nobody cared|refused to change power state",
]))

# What no driver can cause. QEMU 7.2 runs code as it was before the kernel patched it, a breakpoint
# for one, or loses a processor's flags there: half a pointer is then found in their place.
STALE_CODE = re.compile(r"\bOops: int3\b")
FLAGS = re.compile(r"\bEFLAGS: ([0-9a-f]{8})\b")
# Of the SDM's figure 3-8: the bits that exist, and the one that is always set.
FLAGS_THERE_ARE, FLAG_ALWAYS_SET = 0x3f7fd7, 0x2

# The firmware clears a screen that a log does not have.
TERMINAL_CODES = re.compile(r"\r|\x1b(c|\[[0-9;?=]*[A-Za-z])")
TIME = re.compile(r"^\[ *\d+\.\d+\](\[ *[TC]\d+\])? ")

# A warning is printed as a block; what a test expects names one line of it.
BLOCK_START = re.compile(r"-+\[ cut here \]-+")
BLOCK_END = re.compile(r"-+?\[ end (trace|Kernel panic)")
# KASAN and KCSAN draw a line above and below. Lockdep draws one above only: that is no block.
RULE = re.compile(r"^={60,}$")
RULED = re.compile(r"BUG: (KASAN|KCSAN)")
EXCERPT = 60
# Races between other parts of the kernel are not the driver's.
OTHERS_RACE = re.compile(r"BUG: KCSAN")
DRIVER = re.compile(r"sluice")


class Console:
    def __init__(self, path):
        self.path = path
        self.checked = 0
        self.expected = []

    def text(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as f:
                return TERMINAL_CODES.sub("", f.read())
        except FileNotFoundError:
            return ""

    def tail(self, lines):
        return "\n".join(self.text().splitlines()[-lines:])

    def expect(self, pattern):
        self.expected.append(re.compile(pattern))

    def complaint(self):
        """Excerpt from the first unexpected complaint since the last call on, or None.

        A later check does not repeat it: one warning must not fail every test that follows.
        """
        lines = self.text().splitlines()
        new = lines[self.checked:]
        self.checked = len(lines)
        start = 0
        for block in split_blocks(new):
            if self._is_complaint(block):
                return "\n".join(new[start:start + EXCERPT])
            start += len(block)
        return None

    def _is_complaint(self, block):
        if not any(COMPLAINT.search(line) for line in block):
            return False
        if OTHERS_RACE.search("\n".join(block[:2])) and not any(map(DRIVER.search, block)):
            return False
        return not any(p.search(line) for p in self.expected for line in block)


def fault_of_the_emulator(text):
    """The line with which a kernel accuses the emulator, and not what ran on it; "" if none."""
    for line in text.splitlines():
        flags = FLAGS.search(line)
        value = int(flags[1], 16) if flags else FLAG_ALWAYS_SET
        if STALE_CODE.search(line) or value & ~FLAGS_THERE_ARE or not value & FLAG_ALWAYS_SET:
            return line
    return ""


def is_rule(line):
    return bool(RULE.match(TIME.sub("", line)))


def split_blocks(lines):
    """Groups of lines: a whole warning or sanitizer's report from its first line to its last, or
    one line."""
    block, ends = [], None
    for line, following in zip(lines, [*lines[1:], ""]):
        block.append(line)
        if ends is None:
            if BLOCK_START.search(line):
                ends = BLOCK_END.search
                continue
            if is_rule(line) and RULED.search(following):
                ends = is_rule
                continue
        elif not ends(line):
            continue
        yield block
        block, ends = [], None
    if block:
        yield block
