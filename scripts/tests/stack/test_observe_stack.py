# SPDX-License-Identifier: GPL-2.0-only
"""obs-tcpdump, obs-perf: what an observer of the stack sees is what is there."""
import collections
import re

import frames
from captures import Capture
from counters import Growth, wait_for
from datagrams import PORT, Receiver, intact, send
from hosts import LEFT, ROUTER_V4, LEFT_V4
from sniffing import Sniffer

CAPTURED = [LEFT]
MANY = 400
# The driver's functions that a profile of traffic must meet, whichever the device.
EXPECTED = (r"sluice_\w+_poll", r"sluice_\w+_xmit")


def of_the_flow(seen):
    """The suite's datagrams, padding and all."""
    return [frame for frame in seen
            if frame[12:14] == b"\x08\0" and frames.parse(frame).dport in (PORT, PORT + 1)]


def summed(frame):
    """The frame as it leaves a NIC that completes the checksum the stack has left to it."""
    packet = frames.parse(frame)
    if packet.checksum_ok:
        return frame
    segment = frames.transport_checksum(packet.src, packet.dst, packet.protocol,
                                        frame[34:14 + packet.ip_length], 6, False)
    return frame[:34] + segment + frame[14 + packet.ip_length:]


def test_obs_tcpdump(bed):
    """obs-tcpdump: both ways, frame by frame and byte by byte what was on the wire."""
    capture = Capture(bed.guest.nics[LEFT])
    with Sniffer(bed.left, f"udp portrange {PORT}-{PORT + 1}") as seen:
        for source, target, address, port in ((bed.left, bed.router, ROUTER_V4, PORT),
                                              (bed.router, bed.left, LEFT_V4, PORT + 1)):
            receiver = Receiver(target, f"{address}/{port}", expect=MANY)
            send(source, address, port, {6000: MANY}, low=20, high=1472)
            assert intact(receiver.result()["sockets"][0][6000], MANY)
        tapped = of_the_flow(seen.frames(2 * MANY))
    on_wire = wait_for(lambda: of_the_flow(capture.frames()), lambda seen: len(seen) >= 2 * MANY,
                       10, "the emulator's capture")
    assert collections.Counter(map(summed, tapped)) == collections.Counter(on_wire)
    assert len(tapped) == 2 * MANY


# perf asks several times for all symbols of the kernel, which the kernel takes seconds to write,
# and walks through the directory of modules, which is far away: 30 s and more to begin and to end.
# In a mount namespace in which the one is a copy and the other is empty it takes 7 s.
PERF = """unshare -m sh -ec 'cat /proc/kallsyms >/tmp/kallsyms
mount --bind /tmp/kallsyms /proc/kallsyms
mount -t tmpfs none /usr/lib/modules/$(uname -r)/kernel
exec perf "$@"' perf """


def profile(guest):
    """What perf names in the kernel and its modules."""
    guest.sh(PERF + "record -g -a -e cpu-clock -F 500 --no-buildid --no-buildid-cache "
             "-o /tmp/perf.data -- sleep 3 >/tmp/perf.log 2>&1", timeout=120)
    text = guest.sh(PERF + "report -i /tmp/perf.data --no-children -g none --sort dso,symbol "
                    "--stdio 2>>/tmp/perf.log", timeout=120).stdout
    return re.findall(r"^ +[\d.]+% .* \[k\] (\S+)", text, re.M)


def test_obs_perf(bed):
    """obs-perf: samples in the driver have the names of its functions."""
    server = bed.router.spawn(f"exec iperf3 -s -B {ROUTER_V4}")
    bed.router.sh("until ss -Hltn | grep -q :5201; do sleep 0.1; done")
    # a flood leaves perf no time
    client = bed.left.spawn(f"exec iperf3 -c {ROUTER_V4} -t 300 -b 20M")
    Growth(lambda: bed.left.link()["tx"]).wait("bytes", 1 << 20)
    names = wait_for(lambda: profile(bed.guest), lambda names: all(
        any(re.fullmatch(pattern, name) for name in names) for pattern in EXPECTED), 120,
        "samples of both ways")
    client.stop()
    server.stop()
    # whatever else an emulated processor is sampled at, an address of the kernel has a name
    assert not [name for name in names if name.startswith("0xffff")]
