# SPDX-License-Identifier: GPL-2.0-only
"""When an interface of the guest's first namespace is polled, and by whom."""
import re

from counters import Growth
from steady_traffic import frame_to


def polls_every(guest, ifname, seconds, idle_polls=1):
    """So many polls that find nothing follow by a timer before an interrupt may; 0: as usual."""
    guest.sh(f"echo {int(seconds * 1e9)} > /sys/class/net/{ifname}/gro_flush_timeout;"
             f"echo {idle_polls if seconds else 0} > /sys/class/net/{ifname}/napi_defer_hard_irqs")


def hold(guest, i, ifname, seconds):
    """From now on nobody polls for a while, so that frames queue up."""
    received = Growth(lambda: guest.ethtool_stats(i))
    polls_every(guest, ifname, seconds)
    guest.wire(i).send(frame_to(guest, i))
    received.wait("rx0_frames", 1)


def interrupts(guest, ifname):
    """How many there were, on all CPUs."""
    total = 0
    for line in guest.sh("cat /proc/interrupts").stdout.splitlines():
        if re.search(rf"[,\s]{ifname}\b", line):
            total += sum(int(word) for word in line.split()[1:3])
    return total


def processors_of(guest):
    """/proc/net/softnet_stat by its columns, a row for each CPU."""
    rows = guest.sh("cat /proc/net/softnet_stat").stdout.splitlines()
    return [{"processed": int(row.split()[0], 16), "received_rps": int(row.split()[9], 16)}
            for row in rows]


def softirqs(guest, name):
    """/proc/softirqs: one row, a number for each CPU."""
    text = guest.sh("cat /proc/softirqs").stdout
    return [int(word) for word in re.search(rf"{name}:(.*)", text)[1].split()]


def send_apart(guest, i, count):
    """Frames each of which comes when the one before it has been received."""
    received = Growth(lambda: guest.ethtool_stats(i))
    for number in range(1, count + 1):
        guest.wire(i).send(frame_to(guest, i))
        received.wait("rx0_frames", number)
