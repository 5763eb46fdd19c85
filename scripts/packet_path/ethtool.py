# SPDX-License-Identifier: GPL-2.0-only
"""The counters of `ethtool -S` without a process: two readings shall not lie far apart."""
import ctypes
import fcntl
import socket
import struct

SIOCETHTOOL = 0x8946
SET_INFO, STRINGS, STATS = 0x37, 0x1b, 0x1d
STATISTICS = 1
NAME_BYTES = 32


class Statistics:
    """Of one interface; its driver says the names once."""

    def __init__(self, interface):
        self.interface = interface.encode()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.names = self._names()

    def _ask(self, request, answer_bytes):
        """What the driver has written behind the request."""
        buffer = ctypes.create_string_buffer(request, len(request) + answer_bytes)
        fcntl.ioctl(self.socket, SIOCETHTOOL,
                    struct.pack("16sP", self.interface, ctypes.addressof(buffer)))
        return buffer.raw[len(request):]

    def _names(self):
        count, = struct.unpack("=I", self._ask(struct.pack("=IIQ", SET_INFO, 0, 1 << STATISTICS),
                                               4))
        text = self._ask(struct.pack("=III", STRINGS, STATISTICS, count), count * NAME_BYTES)
        names = (text[at:at + NAME_BYTES] for at in range(0, len(text), NAME_BYTES))
        return [name.split(b"\0")[0].decode() for name in names]

    def read(self):
        count = len(self.names)
        values = self._ask(struct.pack("=II", STATS, count), count * 8)
        return dict(zip(self.names, struct.unpack(f"={count}Q", values)))
