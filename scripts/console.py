# SPDX-License-Identifier: GPL-2.0-only
"""The guest's console log, and what in it counts as a complaint of the kernel."""
import re

COMPLAINT = re.compile(
    r"WARNING:|BUG:|\bOops\b|Kernel panic|Call Trace|general protection|rcu:.*stall|DMA-API:|"
    r"KASAN|KCSAN|UBSAN|INFO: task .* blocked|hung task|page allocation failure|NETDEV WATCHDOG|"
    r"irq \d+: nobody cared|refused to change power state|possible recursive locking|"
    r"suspicious RCU usage|unregister_netdevice: waiting|Detected Tx Unit Hang|"
    r"page_pool_release.*stalled")

# The firmware clears a screen that a log does not have.
TERMINAL_CODES = re.compile(r"\r|\x1b(c|\[[0-9;?=]*[A-Za-z])")

# A warning is printed as a block; what a test expects names one line of it.
BLOCK_START = re.compile(r"-+\[ cut here \]-+")
BLOCK_END = re.compile(r"-+?\[ end (trace|Kernel panic)")
EXCERPT = 40


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
        """Excerpt around the first unexpected complaint since the last call, or None.

        A later check does not repeat it: one warning must not fail every test that follows.
        """
        lines = self.text().splitlines()
        new = lines[self.checked:]
        self.checked = len(lines)
        for block in split_blocks(new):
            if self._is_complaint(block):
                return "\n".join(block[:EXCERPT])
        return None

    def _is_complaint(self, block):
        if not any(COMPLAINT.search(line) for line in block):
            return False
        return not any(p.search(line) for p in self.expected for line in block)


def split_blocks(lines):
    """Groups of lines: a whole warning from "cut here" to "end trace", or one line."""
    block = None
    for line in lines:
        if block is None and not BLOCK_START.search(line):
            yield [line]
            continue
        block = (block or []) + [line]
        if BLOCK_END.search(line):
            yield block
            block = None
    if block:
        yield block
