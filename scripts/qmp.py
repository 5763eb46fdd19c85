# SPDX-License-Identifier: GPL-2.0-only
"""Client of QEMU's machine protocol (QMP): one command, one answer, events kept aside."""
import json


class QmpError(Exception):
    """QEMU refused a command; the text is its own description."""


class Qmp:
    def __init__(self, sock, timeout=30):
        self.sock = sock
        self.sock.settimeout(timeout)
        self.stream = self.sock.makefile("r", encoding="utf-8")
        self.events = []
        self._receive()
        self.execute("qmp_capabilities", {})

    def _receive(self):
        """The next message that is not an event."""
        while True:
            line = self.stream.readline()
            if not line:
                raise QmpError("QEMU closed its monitor")
            message = json.loads(line)
            if "event" not in message:
                return message
            self.events.append(message)

    def execute(self, command, arguments):
        request = {"execute": command, "arguments": arguments}
        self.sock.sendall(json.dumps(request).encode())
        answer = self._receive()
        if "error" in answer:
            raise QmpError(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def close(self):
        self.stream.close()
        self.sock.close()
