# SPDX-License-Identifier: GPL-2.0-only
"""The emulator's qtest protocol: memory and ports of a running machine, behind the guest's back."""
import socket


def arguments(path):
    """What the emulator must be started with; path is where the socket is to be."""
    return ["-qtest", f"unix:{path},server=on,wait=off", "-qtest-log", "none"]


class Qtest:
    """A connection. The emulator serves one at a time, so close() it."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        self._stream = self._socket.makefile("rw")

    def ask(self, line):
        """The words of the answer."""
        self._stream.write(line + "\n")
        self._stream.flush()
        answer = self._stream.readline().split()
        assert answer[0] == "OK", answer
        return answer[1:]

    def close(self):
        # the socket stays open as long as the stream does
        self._stream.close()
        self._socket.close()
