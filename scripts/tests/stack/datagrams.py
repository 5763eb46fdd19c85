# SPDX-License-Identifier: GPL-2.0-only
"""Exact numbers of datagrams from one host of the bed to another, and what arrived of them."""
import contextlib
import json

from taps import fresh_path, program, wait_for_file

PORT = 7000
# Without site-packages and the program's own directory, for it is started very often.
PROGRAM = program("udp_flows.py").replace("python3", "python3 -IS", 1)


def options(**values):
    """The words of a command line for what is set."""
    words = []
    for name, value in values.items():
        if value is not None and value is not False:
            words.append(f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}"))
    return " ".join(words)


class Receiver:
    """Sockets of a host that receive until so many datagrams have come, or, when the result is
    asked for, which is after the sending, none comes any more.

    A socket is ADDRESS/PORT, or ADDRESS/PORT/PEER/PORT for one that is connected.  held: read
    nothing before release().
    """

    def __init__(self, host, *sockets, expect, held=False, quiet=10, **settings):
        self._guest = host.guest
        self._go = fresh_path("go") if held else None
        ready, self._sent = fresh_path("receiver"), fresh_path("sent")
        words = options(ready=ready, go=self._go, sent=self._sent, expect=expect,
                        quiet=quiet * host.guest.slowdown, **settings)
        self._job = host.spawn(f"{PROGRAM} receive {' '.join(sockets)} {words}")
        wait_for_file(host.guest, ready, 60)

    def release(self):
        self._guest.sh(f"touch {self._go}")

    def result(self, expect="", timeout=60):
        """{"rcvbuf": ..., "order": ..., "sockets": [{source port: counts}, ...]}

        expect, if the sender knows by now how many were lost: nobody waits for these.
        """
        self._guest.sh(f"echo {expect} >{self._sent}.new && mv {self._sent}.new {self._sent}")
        done = self._job.wait(timeout)
        assert done.status == 0, done.stdout
        found = json.loads(done.stdout)
        found["sockets"] = [{int(sport): flow for sport, flow in flows.items()}
                            for flows in found["sockets"]]
        return found


def send(host, address, port, flows, timeout=60, **settings):
    """Flows are {source port: how many, or "COUNT:PRIORITY"}; (sent, refused, last refusal)."""
    words = " ".join(f"{sport}:{count}" for sport, count in flows.items())
    done = host.sh(f"{PROGRAM} send {address} {port} {words} {options(**settings)}",
                   timeout=timeout)
    return tuple(int(word) for word in done.stdout.split())


def start_sending(host, address, port, flows, **settings):
    """The same in the background."""
    words = " ".join(f"{sport}:{count}" for sport, count in flows.items())
    return host.spawn(f"{PROGRAM} send {address} {port} {words} {options(**settings)}")


def intact(flow, count):
    """Whether a flow is the datagrams that were sent: each once, in order, every byte right."""
    expected = {"received": count, "distinct": count, "wrong": 0, "late": 0}
    return {name: flow[name] for name in expected} == expected


@contextlib.contextmanager
def expected_at(host, address, count, port=PORT, **settings):
    """That many datagrams of the block, sent to a port of the host, arrive there unharmed."""
    receiver = Receiver(host, f"{address}/{port}", expect=max(count, 1), **settings)
    yield
    flows = receiver.result()["sockets"][0]
    assert sum(flow["received"] for flow in flows.values()) == count, flows
    assert all(intact(flow, flow["received"]) for flow in flows.values()), flows


def exchange(sender, receiver, address, count, port=PORT, **settings):
    """Send datagrams from one host to another and see all of them arrive unharmed."""
    with expected_at(receiver, address, count, port):
        assert send(sender, address, port, {6000: count}, **settings) == (count, 0, 0)


def lost(sender, receiver, address, count, port=PORT, **settings):
    """Send datagrams of which none arrives."""
    with expected_at(receiver, address, 0, port, quiet=0.5):
        send(sender, address, port, {6000: count}, **settings)
