# SPDX-License-Identifier: GPL-2.0-only
"""TCP between two hosts of the bed, bytes in both directions, compared by their CRC."""
import json

from taps import fresh_path, program, wait_for_file

PORT = 7100
PROGRAM = program("tcp_both.py").replace("python3", "python3 -IS", 1)


class Connection:
    """Made at once; both ends stay connected after the exchange until finish() if held.

    via is the address that the client connects to, if it is not the server's own.
    """

    def __init__(self, server, client, address, size=1 << 20, via=None, held=False, timeout=60,
                 port=PORT):
        self._guest = server.guest
        self._size, self._timeout = size, timeout
        ready = fresh_path("listener")
        self._met = [fresh_path("met"), fresh_path("met")]
        self._hold = fresh_path("hold") if held else None
        words = f"--bytes {size} --timeout {timeout * server.guest.slowdown}" + \
            (f" --hold {self._hold}" if held else "")
        self._server = server.spawn(f"{PROGRAM} listen {address} {port} --ready {ready} {words} "
                                    f"--met {self._met[0]}")
        wait_for_file(server.guest, ready, timeout)
        self._client = client.spawn(f"{PROGRAM} connect {via or address} {port} {words} "
                                    f"--met {self._met[1]}")

    def wait_exchanged(self):
        """Both ends have sent and received everything, and are still connected."""
        for path in self._met:
            wait_for_file(self._guest, path, self._timeout)

    def finish(self):
        """What the two ends say; each has received what the other one has sent."""
        if self._hold:
            self._guest.sh(f"touch {self._hold}")
        ends = [job.wait(self._timeout) for job in (self._server, self._client)]
        assert [end.status for end in ends] == [0, 0], ends
        server, client = (json.loads(end.stdout) for end in ends)
        assert server["sent"] == client["received"] and client["sent"] == server["received"]
        assert server["sent"][0] == client["sent"][0] == self._size
        return server, client


def talk(server, client, address, size=1 << 20, **settings):
    """A connection from its first byte to its last."""
    return Connection(server, client, address, size, **settings).finish()
