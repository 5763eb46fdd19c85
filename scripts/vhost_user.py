# SPDX-License-Identifier: GPL-2.0-only
"""The device side of a virtio NIC outside of QEMU: scripts/vhost-liar.c, honest or not, and DPDK's.

QEMU listens and the other side connects, so that it may go and come back.  It needs the guest's
memory, which therefore is a file that both map.
"""
import functools
import hashlib
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import time

from guest import Nic
from kernels import cache_dir

SOURCE = pathlib.Path(__file__).resolve().parent / "vhost-liar.c"
CC = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror"]
# Seconds for the answer to a command.
PATIENCE = 30
MEMORY = "1G"
# QEMU 7.2 crashes when a guest unmasks MSI-X of such a NIC and its processor is emulated.
MODEL = "virtio-intx"
# QEMU leaves out the guest's memory barriers where one thread emulates all processors; then a kick
# to a device in another process, or its interrupt, may be lost. A processor that may come but never
# does keeps them in, and none rewrites code that another one runs.
PROCESSORS = {"smp": "1,maxcpus=2", "parallel": True}


class BackendError(Exception):
    """The other side has ended, or does not answer."""


@functools.cache
def liar():
    """Path of the compiled vhost-liar.c, made once for each state of the source."""
    digest = hashlib.sha256(SOURCE.read_bytes() + repr(CC).encode()).hexdigest()[:10]
    path = os.path.join(cache_dir(), f"vhost-liar-{digest}")
    if not os.path.exists(path):
        os.makedirs(cache_dir(), exist_ok=True)
        subprocess.run([*CC, SOURCE, "-o", f"{path}.{os.getpid()}"], check=True)
        os.rename(f"{path}.{os.getpid()}", path)
    return path


class Port:
    """Where QEMU and the other side meet."""

    def __init__(self, number=0):
        self.number = number
        self.mac = f"52:54:00:51:1c:{number:02x}"
        # the path of a socket cannot be longer than 107 bytes
        self.directory = tempfile.mkdtemp(prefix="sluice-vhost-")
        self.socket = os.path.join(self.directory, "socket")

    def nic(self, options=""):
        return Nic(MODEL, ("netdev", f"vhost-user,chardev=vhost{self.number}"), self.mac,
                   options=options)

    def chardev(self):
        return f"socket,id=vhost{self.number},path={self.socket},server=on,wait=off"

    def guest_arguments(self, options=""):
        return guest_arguments([self], options)

    def remove(self):
        shutil.rmtree(self.directory)


def guest_arguments(ports, options=""):
    """Keywords of Guest with such NICs; it waits in its first second until all sides have come."""
    shared = f"memory-backend-memfd,id=shared,size={MEMORY},share=on"
    sockets = [word for port in ports for word in ("-chardev", port.chardev())]
    return {"nics": [port.nic(options) for port in ports], "machine": "pc,memory-backend=shared",
            "memory": MEMORY, **PROCESSORS, "extra_args": ["-object", shared, *sockets]}


class Process:
    """A program that obeys lines on its standard input and ends with it."""

    def __init__(self, command, log):
        with open(log, "ab") as errors:
            # it ends with the thread that started it, even if that is killed
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors)
        self.log = log
        self.pending = b""

    def write(self, line):
        try:
            self.process.stdin.write(f"{line}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.error(f"it did not take '{line}'") from None

    def error(self, what):
        said = pathlib.Path(self.log).read_text(encoding="utf-8", errors="replace")
        return BackendError(f"{what}; its last words: {said[-1000:]}")

    def read_until(self, mark, timeout=PATIENCE):
        """What it prints up to and with the mark, which is bytes."""
        deadline = time.monotonic() + timeout
        while mark not in self.pending:
            if not select.select([self.process.stdout], [], [], deadline - time.monotonic())[0]:
                raise self.error(f"no {mark} within {timeout} s, only {self.pending[-300:]}")
            self._read_some(mark)
        end = self.pending.index(mark) + len(mark)
        text, self.pending = self.pending[:end], self.pending[end:]
        return text.decode(errors="replace")

    def _read_some(self, mark):
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            raise self.error(f"it ended with status {self.process.wait()} before {mark}")
        self.pending += data

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def option(name, value):
    """--name=value on the command line; True stands alone, False and None are left out."""
    name = "--" + name.replace("_", "-")
    if value is True:
        return [name]
    return [f"{name}={value}"] if value else []


class Backend(Process):
    """A running vhost-liar; the keywords are its options."""

    def __init__(self, port, **options):
        words = [word for item in options.items() for word in option(*item)]
        super().__init__([liar(), f"--socket={port.socket}", *words],
                         os.path.join(port.directory, "backend.log"))

    def ask(self, command):
        self.write(command)
        return self.read_until(b"\n").strip()

    def totals(self):
        """The counters by name, with "lies" for all of them."""
        _, lies, *pairs = self.ask("totals").split()
        counts = {name: int(value) for name, _, value in (pair.partition("=") for pair in pairs)}
        return {"lies": int(lies)} | counts

    def rings(self):
        """Where both rings stand, for a person to read."""
        return self.ask("rings")

    def send(self, count, size):
        """Frames to the guest, which come as it makes room for them."""
        self.ask(f"send {count} {size}")

    def forge(self, count, kind):
        """Frames to the guest, each with this lie of vhost-liar.c's and no other."""
        self.ask(f"forge {count} {kind}")

    def lie(self, count, fatal_every, vanish_every=0):
        """So many lies, then honest again; vhost-liar.c says what the others are."""
        self.ask(f"lie {count} {fatal_every} {vanish_every}")

    def honest(self):
        self.ask("honest")

    def echo(self, on):
        """Whether what the guest sends comes back to it."""
        self.ask(f"echo {int(on)}")

    def complaints(self):
        """Rules that the driver has broken; after 20 of them only totals() counts."""
        return pathlib.Path(self.log).read_text(encoding="utf-8")

    def vanish(self):
        """Hang up, and come back a moment later."""
        self.ask("vanish")


def sent_frame(number, size, mac):
    """What "send" sends as the frame with so many still to come, itself included."""
    head = mac + bytes.fromhex("020000000001") + b"\x88\xb5"
    return head + bytes((number + i * 7 + (i >> 8)) & 0xFF for i in range(len(head), size))


class Dpdk(Process):
    """DPDK's testpmd as the other side; mode is what it does with frames."""

    def __init__(self, port, mode, *options):
        # a name, because there may be another one that shares nothing with it
        environment = ["--no-huge", "-m", "256", "--no-shconf", "--no-telemetry", "--no-pci",
                       f"--file-prefix={os.path.basename(port.directory)}"]
        device = f"--vdev=net_vhost0,iface={port.socket},client=1"
        # line by line, or it would say nothing before its end
        super().__init__(["stdbuf", "-oL", "dpdk-testpmd", "-l", "0,1", *environment, device, "--",
                          "-i", "--total-num-mbufs=4096", f"--forward-mode={mode}", *options],
                         os.path.join(port.directory, "testpmd.log"))
        self.read_until(b"testpmd> ")

    def begin(self):
        self.write("start")
        self.read_until(b"packets/burst")

    def end(self):
        self.write("stop")
        self.read_until(b"\nDone.")

    def counts(self):
        """Frames from the guest and to the guest."""
        self.write("show port stats 0")
        text = self.read_until(b"Throughput")
        return tuple(int(re.search(rf"{way}-packets: (\d+)", text)[1]) for way in ("RX", "TX"))
