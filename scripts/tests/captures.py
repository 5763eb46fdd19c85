# SPDX-License-Identifier: GPL-2.0-only
"""Flows in a capture of the emulator: what was on the wire, whatever the sender says."""
import frames
from counters import wait_for


class Capture:
    """The frames that a NIC's capture gains from now on."""

    def __init__(self, nic):
        self._path = nic.pcap
        self._skip = len(frames.read_pcap(self._path))

    def frames(self):
        return [frame for _, frame in frames.read_pcap(self._path)[self._skip:]]

    def packets(self, sender, port):
        """The TCP and UDP packets of one sending address to one port."""
        parsed = [frames.parse(frame) for frame in self.frames() if frame[6:12] == sender]
        return [packet for packet in parsed if packet.dport == port]

    def connection(self, sender, port):
        """The packets of the sender's last connection to a port; earlier ones were refused."""
        packets = self.packets(sender, port)
        return [packet for packet in packets if packet.sport == packets[-1].sport]

    def wait_packets(self, sender, port, count):
        """The same, once there are so many of them."""
        return wait_for(lambda: self.packets(sender, port), lambda seen: len(seen) >= count, 10,
                        f"{count} packets on the wire")


def reassemble(packets):
    """The byte stream that TCP packets carry from the one with SYN on; a hole in it is an error."""
    start = next(p.seq for p in packets if p.tcp_flags & frames.TCP_SYN) + 1
    stream = bytearray()
    for packet in sorted(packets, key=lambda p: (p.seq - start) & 0xffffffff):
        if packet.tcp_flags & frames.TCP_SYN or not packet.payload:
            continue
        at = (packet.seq - start) & 0xffffffff
        assert at <= len(stream), f"a hole of {at - len(stream)} bytes at {len(stream)}"
        repeated = len(stream) - at
        assert packet.payload[:repeated] == bytes(stream[at:at + len(packet.payload)])
        stream += packet.payload[repeated:]
    return bytes(stream)
