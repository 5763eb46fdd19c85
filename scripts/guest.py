# SPDX-License-Identifier: GPL-2.0-only
"""A Linux guest in QEMU with emulated NICs, driven from the host.

The guest runs an unmodified distribution kernel unless told otherwise.  Its root is the host's
root, read-only over 9p below a tmpfs overlay, so the host's tools run in it unchanged and nothing
it does reaches the host.
Commands travel over a virtio serial port to scripts/guest-agent.c and not over the network: the
network is what is being tested.
"""
import base64
import collections
import contextlib
import glob
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import warnings

import initramfs
import kernels
import models
from console import Console, fault_of_the_emulator
from kernels import PROJECT, cache_dir, distribution_kernel
from qmp import Qmp
from tap_namespace import Namespace
from wire import Wire

BOOT_TIMEOUT = 120
# In about one boot of 300 QEMU 7.2 loses a processor's flags behind code that the kernel has just
# patched ("EFLAGS: 4140060a", half a pointer), and the kernel dies before any program has run, so
# before there is a driver. That says nothing of what a test asks: it may boot once more.
DIED_IN_BOOT = "the guest's kernel died before its first program; booted again"
# How much longer everything may take in a kernel that watches itself.
SLOWDOWN = 5
# KASAN is silent after its first report unless told otherwise, and many tests share a boot.
WATCHED = " kasan_multi_shot"
# Machine pc says by a loop of byte code where a device's interrupt goes. It runs once a device, and
# with every allocation watched it takes longer than the 30 s after which ACPI gives it up: the
# device then has no interrupt. The older tables say the same at once.
WATCHED_PC = " acpi=noirq"
# kmemleak doubles the time of everything; who asks for leaks gets it.
WITHOUT_LEAKS = " kmemleak=off"
# It reports only what is older, and what two scans have not found a pointer to.
LEAK_AGE, LEAK_SCANS = 5, 2
LEAKS = "/sys/kernel/debug/kmemleak"
LOG_DIRS_KEPT = 20
# one argument of a command cannot be longer than 128 KiB
PUT_CHUNK = 64 << 10
# What scripts/sluice does for one NIC, without what it keeps, as each command costs 40 ms. A NIC
# that has just been plugged in may still be on its way to the driver that it shall not have.
HAND_OVER = """
for address in {addresses}; do
    device=/sys/bus/pci/devices/$address
    until [ -e $device ]; do sleep 0.05; done
    echo sluice >$device/driver_override
    for attempt in 1 2 3 4 5; do
        [ ! -e /sys/bus/pci/drivers/sluice/$address ] || break
        [ ! -e $device/driver ] || echo $address >$device/driver/unbind
        echo $address >/sys/bus/pci/drivers/sluice/bind || sleep 0.1
    done
done
"""

Result = collections.namedtuple("Result", "stdout status")


class GuestError(Exception):
    """The guest, or a command in it, did not do what was asked."""


class Nic:
    """One emulated NIC and what it is plugged into.

    wire is "dgram" (the test holds the other end, see Wire), "user" (QEMU's own TCP/IP with the
    host's loopback at 10.0.2.2), ("pair", key): the two NICs with the same key are connected,
    ("tap", queues): the other end is a tap in Guest.namespace, named as tap(), or
    ("netdev", "type,option=...") for any other backend of QEMU.  model is a name of models.MODELS
    or QEMU's own (None: default_model).
    """

    default_model = models.named("e1000")

    def __init__(self, model=None, wire="dgram", mac=None, pcap=False, bus=None, options=""):
        self.model = models.named(model) if model else self.default_model
        self.wire = wire
        self.mac = mac
        self.capture = pcap
        self.pcap = None
        self.bus = bus
        self.options = options
        self.id = None
        self.last_ifname = None

    def tap(self):
        """Name of the host's end of a tap."""
        return f"tap-{self.id}"

    def device(self):
        """What device_add is given."""
        options = ",".join(filter(None, [self.model.options, self.options]))
        return {"driver": self.model.device, "id": self.id, "netdev": f"net-{self.id}",
                "mac": self.mac, "romfile": "", **({"bus": self.bus} if self.bus else {}),
                **dict(option.split("=", 1) for option in options.split(",") if option)}

    def device_args(self):
        """The same on the command line."""
        driver, *properties = self.device().items()
        return ",".join([driver[1], *(f"{name}={value}" for name, value in properties)])


class Job:
    """A command running in the guest's background."""

    def __init__(self, channel, number, command):
        self.channel = channel
        self.number = number
        self.command = command

    def done(self):
        return self.number in self.channel.results

    def wait(self, timeout=30):
        """Result of the command; GuestError (and the command is killed) if it does not end.

        timeout is meant for the distribution's kernel; None waits for ever.
        """
        if timeout is not None:
            timeout *= self.channel.slowdown
        result = self.channel.wait(self.number, timeout)
        if result is None:
            self.channel.request("kill", self.number)
            partial = self.channel.wait(self.number, 10)
            output = partial.stdout if partial else "(none)"
            raise GuestError(f"no end after {timeout} s: {self.command}\n{output}")
        return result

    def stop(self, timeout=15):
        """Terminate the command and return what it has printed."""
        if not self.done():
            self.channel.request("kill", self.number)
        return self.wait(timeout)


class CommandChannel:
    """Host end of the command channel.  scripts/guest-agent.c documents the lines it carries."""

    def __init__(self, sock, slowdown=1):
        self.slowdown = slowdown
        self.sock = sock
        self.results = {}
        self.alive = True
        self.ready = False
        self.next_number = 1
        self.changed = threading.Condition()
        self.send_lock = threading.Lock()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        # closed by this thread: only then is the socket, whoever has closed that
        with contextlib.suppress(OSError, ValueError), self.sock.makefile("rb") as stream:
            for header in iter(stream.readline, b""):
                self._take(header.split(), stream)
        with self.changed:
            self.alive = False
            self.changed.notify_all()

    def _take(self, fields, stream):
        """One answer: "ready", or "NUMBER STATUS BYTES" followed by that many bytes of output."""
        with self.changed:
            if fields == [b"ready"]:
                self.ready = True
            elif len(fields) == 3:
                number, status, size = (int(field) for field in fields)
                text = stream.read(size).decode(errors="replace")
                self.results[number] = Result(text, status)
            self.changed.notify_all()

    def request(self, verb, number, text=""):
        payload = text.encode()
        with self.send_lock:
            self.sock.sendall(f"{verb} {number} {len(payload)}\n".encode() + payload)

    def start(self, command, bare=False):
        """Start a command; bare runs it in the initramfs instead of the overlay of the host."""
        with self.send_lock:
            number = self.next_number
            self.next_number += 1
        self.request("bare" if bare else "run", number, command)
        return Job(self, number, command)

    def wait(self, number, timeout):
        with self.changed:
            self.changed.wait_for(lambda: number in self.results or not self.alive, timeout)
            if number not in self.results and not self.alive:
                raise GuestError("the guest has gone")
            return self.results.get(number)

    def wait_ready(self, timeout):
        with self.changed:
            return self.changed.wait_for(lambda: self.ready or not self.alive, timeout) \
                and self.ready

    def close(self):
        self.sock.close()


class Guest:
    """Context manager: boots on entry; on exit powers off and judges the console log.

    kernel is a directory with vmlinuz, modules/ and headers/ (None: default_kernel()); driver is
    "sluice", "in-tree" or None to leave the NICs unbound.  interactive leaves QEMU the
    terminal.  parallel gives every emulated processor a thread of the host's: for races, see
    accelerator_args().  finds_leaks is for leaks(), on a kernel that can.
    """

    running = []
    # a function without arguments: the first use may have to fetch it
    default_kernel = staticmethod(distribution_kernel)
    # called with each guest whose power goes; it may be dead already
    before_off = None
    # Without fast string instructions, which QEMU emulates byte by byte: a page is cleared by them
    # in 4,096 steps. A boot takes a tenth less without.
    emulated_cpu = "max,-erms"
    # Path of the kernel that is booted: see kernels.image()
    image = staticmethod(kernels.image)

    def __init__(self, nics=(), machine="pc", driver="sluice", extra_args=(), cmdline="",
                 memory="1G", smp=2, kernel=None, accel=None, interactive=False,
                 parallel=False, finds_leaks=False):
        self.nics = list(nics)
        self.machine = machine
        self.driver = driver
        self.extra_args = list(extra_args)
        self.cmdline = cmdline
        self.memory = memory
        self.smp = smp
        self.kernel = kernel or self.default_kernel()
        self.slowdown = SLOWDOWN if kernels.is_instrumented(self.kernel) else 1
        self.accel = accel
        self.interactive = interactive
        # KCSAN lets a CPU wait in the middle of an access: only another one at work can interfere.
        self.parallel = parallel or kernels.variant(self.kernel) == "kcsan"
        self.finds_leaks = finds_leaks
        self.process = None
        self.channel = None
        self.monitor = None
        self.wires = {}
        self.namespace = None
        self.boot_seconds = None
        self._name_nics()

    def _name_nics(self):
        for i, nic in enumerate(self.nics):
            nic.id = f"nic{i}"
            nic.mac = nic.mac or f"52:54:00:51:1c:{i:02x}"

    # Boot and power off

    def __enter__(self):
        return self.boot()

    def __exit__(self, kind, value, traceback):
        if kind is None:
            self.close()
        else:
            self.power_off()

    def boot(self):
        """Start QEMU, wait for the guest to answer and load the driver."""
        started = time.monotonic()
        try:
            self._start_qemu()
            if not self._ready() and self._died():
                warnings.warn(f"{DIED_IN_BOOT}: {self.log.path}")
                self._kill()
                self._start_qemu()
                self._ready()
            if not self.channel.ready:
                raise GuestError("the guest died before its first program" if self._died()
                                 else f"the guest did not boot within {self._boot_limit()} s")
            self._load_driver()
        except BaseException as error:
            self._kill()
            if isinstance(error, GuestError):
                raise GuestError(f"{error}\n{self._post_mortem()}") from None
            raise
        self.boot_seconds = time.monotonic() - started
        Guest.running.append(self)
        return self

    def _boot_limit(self):
        return BOOT_TIMEOUT * self.slowdown

    def _ready(self):
        """Whether the guest's first program answers in time."""
        return self.channel.wait_ready(self._boot_limit())

    def _died(self):
        """Whether the guest's kernel has ended QEMU, see _command_line(), and not the reverse."""
        return not self.channel.alive and self.process.wait() == 0

    def close(self):
        """Power off; AssertionError if the kernel has complained since the last check."""
        try:
            self._unload()
        finally:
            self.power_off()
        self.check_console()

    def _unload(self):
        """A kernel that watches itself also sees what the driver leaves behind."""
        if kernels.is_instrumented(self.kernel) and self.channel.alive:
            self.sh("! grep -q '^sluice ' /proc/modules || rmmod sluice", bare=True)

    def _start_qemu(self):
        self.run_dir = make_run_dir()
        self.stderr = os.path.join(self.run_dir, "qemu.stderr")
        self.log = Console(os.path.join(self.run_dir, "console.log"))
        self.accel = self.accel or accelerator(self.kernel)
        self._open_wires()
        if any(nic.wire[0] == "tap" for nic in self.nics):
            self.namespace = Namespace()
        initrd = os.path.join(self.run_dir, "initramfs")
        initramfs.write(initrd, self.kernel, [PROJECT, os.path.realpath(cache_dir())])
        args = self._qemu_args(initrd)
        with open(os.path.join(self.run_dir, "qemu.args"), "w", encoding="utf-8") as f:
            f.write(shlex.join(args) + "\n")
        with open(self.stderr, "wb") as stderr:
            terminal = dict(stdin=subprocess.DEVNULL, stdout=stderr, start_new_session=True)
            self.process = subprocess.Popen(args, stderr=stderr,
                                            **({} if self.interactive else terminal))
        self.monitor = Qmp(self._connect("qmp"))
        self.channel = CommandChannel(self._connect("channel"), self.slowdown)

    def _connect(self, name):
        """Connection to a socket of QEMU's; GuestError if QEMU has ended."""
        try:
            return connect(os.path.join(self.run_dir, name), lambda: self.process.poll() is None)
        except OSError:
            raise GuestError("QEMU did not start: " + read_text(self.stderr)) from None

    def _qemu_args(self, initrd):
        run = self.run_dir
        # QEMU ends with the thread that started it, even if that is killed
        args = ["setpriv", "--pdeathsig", "KILL",
                *(self.namespace.command() if self.namespace else []),
                "qemu-system-x86_64", "-nodefaults", "-nographic", "-no-reboot",
                "-machine", self.machine, "-m", self.memory, "-smp", str(self.smp),
                *accelerator_args(self.accel, self.emulated_cpu, self.parallel),
                "-kernel", self.image(self.kernel), "-initrd", initrd,
                "-append", self._command_line(),
                "-chardev", f"file,id=console,path={self.log.path}", "-serial", "chardev:console",
                "-qmp", f"unix:{run}/qmp,server=on,wait=off",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=channel,path={run}/channel,server=on,wait=off",
                "-device", "virtserialport,chardev=channel,name=sluice.commands",
                "-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=host,mount_tag=host"]
        for nic in self.nics:
            args += self._netdev_args(nic) + ["-device", nic.device_args()]
        return args + self.extra_args

    def _command_line(self):
        # An Oops ends the guest at once (-no-reboot): nothing that follows it can be trusted.
        # An emulated timer that is late on a busy host is no broken one: the check would panic.
        # QEMU translates a program anew for each address that it runs at: at random ones a command
        # costs three times as much.
        # Debian's certificates and the self-tests of its ciphers take a second of each boot.
        line = ("console=ttyS0 loglevel=5 oops=panic panic=-1 net.ifnames=0 no_timer_check "
                "norandmaps cryptomgr.notests "
                "initcall_blacklist=load_system_certificate_list,jent_mod_init " + self.cmdline)
        if kernels.is_instrumented(self.kernel):
            line += WATCHED + (WATCHED_PC if self.machine.startswith("pc") else "")
            line += "" if self.finds_leaks else WITHOUT_LEAKS
        return line

    def _netdev_args(self, nic):
        name = f"net-{nic.id}"
        if nic.wire == "user":
            args = ["-netdev", f"user,id={name},ipv4=on,ipv6=on"]
        elif nic.wire[0] == "tap":
            args = ["-netdev", f"tap,id={name},ifname={nic.tap()},queues={nic.wire[1]},vhost=off,"
                               "script=no,downscript=no"]
        elif nic.wire[0] == "netdev":
            kind, _, options = nic.wire[1].partition(",")
            args = ["-netdev", f"{kind},id={name}" + ("," + options if options else "")]
        else:
            local, remote = self._dgram_paths(nic)
            args = ["-netdev", f"dgram,id={name},local.type=unix,local.path={local},"
                               f"remote.type=unix,remote.path={remote}"]
        if nic.capture:
            nic.pcap = os.path.join(self.run_dir, f"{nic.id}.pcap")
            args += ["-object", f"filter-dump,id=dump-{nic.id},netdev={name},"
                                f"file={nic.pcap},maxlen=65536"]
        return args

    def _dgram_paths(self, nic):
        """The socket QEMU binds for this NIC, and the one it sends to."""
        mine = os.path.join(self.run_dir, f"wire-{nic.id}")
        if nic.wire == "dgram":
            return mine, mine + ".host"
        peers = [n for n in self.nics if n.wire == nic.wire]
        if len(peers) != 2:
            raise GuestError(f"wire {nic.wire} has {len(peers)} ends; a pair needs exactly 2")
        peer = peers[1 - peers.index(nic)]
        return mine, os.path.join(self.run_dir, f"wire-{peer.id}")

    def _open_wires(self):
        for i, nic in enumerate(self.nics):
            if nic.wire == "dgram":
                guest_path, host_path = self._dgram_paths(nic)
                self.wires[i] = Wire(host_path, guest_path, self.slowdown)

    def _load_driver(self):
        self.sh("echo 7 >/proc/sys/kernel/printk", bare=True)
        if self.driver == "sluice":
            self.insmod()
        elif self.driver == "in-tree":
            self.sh("modprobe -a " + " ".join({nic.model.module for nic in self.nics}))
        else:
            return
        self.wait_interfaces()

    def insmod(self):
        """Load the project's module and nothing else, and let it have the NICs."""
        self.sh(f"insmod {shlex.quote(self.module())}")
        self.hand_over(*self.nics)

    def hand_over(self, *given):
        """NICs that the kernel's own driver has before anybody else go to sluice."""
        addresses = self._pci_addresses()
        owned = [addresses[nic.id] for nic in given if nic.model.owner and nic.id in addresses]
        if owned:
            self.sh(HAND_OVER.format(addresses=" ".join(owned)), bare=True)

    def plug(self, i):
        """Plug a NIC in, again, and wait for its interface."""
        self.qmp("device_add", **self.nics[i].device())
        if self.driver == "sluice":
            self.hand_over(self.nics[i])
        self.wait_interfaces()

    def module(self, name="sluice"):
        """Path of the project's module for this guest's kernel."""
        path = kernels.module(self.kernel, name)
        if not os.path.exists(path):
            raise GuestError(f"{path} is not built; run make first")
        return path

    def wait_interfaces(self, timeout=20):
        """Wait until every NIC has a network interface."""
        timeout *= self.slowdown
        deadline = time.monotonic() + timeout
        while None in (names := self.ifnames()) and time.monotonic() < deadline:
            time.sleep(0.1)
        missing = [i for i, name in enumerate(names) if not name]
        if not missing:
            return
        names = ", ".join(f"{self.nics[i].model.name} {self.pci(i)}" for i in missing)
        raise GuestError(f"no interface after {timeout} s for {names}")

    def power_off(self):
        """End the guest, by force if it does not answer."""
        if self in Guest.running:
            Guest.running.remove(self)
        if Guest.before_off:
            Guest.before_off(self)
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.channel.request("off", 0)
            self.process.wait(10)
        self._kill()

    def _kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for closable in [self.channel, self.monitor, *self.wires.values(), self.namespace]:
            if closable:
                closable.close()

    def _post_mortem(self):
        stderr = read_text(self.stderr) if self.process else ""
        # The report tells it from a failure of what is tested; it may be longer ago than the tail.
        fault = fault_of_the_emulator(self.log.text())
        return f"console log: {self.log.path}\n{fault}\n{self.log.tail(60)}\n{stderr}"

    # Commands in the guest

    def sh(self, cmd, timeout=30, check=True, bare=False):
        """Run a shell command; GuestError with its output when it fails and check is set."""
        try:
            result = self.channel.start(cmd, bare).wait(timeout)
        except (GuestError, OSError) as error:
            raise GuestError(f"{error}\n{self._post_mortem()}") from None
        if check and result.status != 0:
            raise GuestError(f"exit status {result.status}: {cmd}\n{result.stdout}")
        return result

    def spawn(self, cmd, bare=False):
        """Start a shell command in the background."""
        return self.channel.start(cmd, bare)

    def put(self, path, data):
        """Write bytes to a file of the guest."""
        quoted = shlex.quote(path)
        self.sh(f": >{quoted}")
        for start in range(0, len(data), PUT_CHUNK):
            text = base64.b64encode(data[start:start + PUT_CHUNK]).decode()
            self.sh(f"echo {text} | base64 -d >>{quoted}")

    # NICs

    def _pci_addresses(self):
        return {device["qdev_id"]: "0000:{bus:02x}:{slot:02x}.{function}".format(**device)
                for bus in self.qmp("query-pci") for device in pci_functions(bus)}

    def rounds(self, count):
        """How often to repeat what is repeated to meet a rare moment: a kernel that watches tells
        also of what has not gone wrong yet, and takes its time."""
        return count // self.slowdown

    def pci(self, i):
        """PCI address of a NIC as the guest names it."""
        address = self._pci_addresses().get(self.nics[i].id)
        if not address:
            raise GuestError(f"{self.nics[i].id} is not plugged in")
        return address

    def ifnames(self):
        """Interface of each NIC, None for one that has none (in this network namespace)."""
        # virtio_net's interfaces lie below a device of their own
        text = self.sh("cd /sys/bus/pci/devices; ls -d */net/* */virtio*/net/* 2>/dev/null",
                       check=False, bare=True).stdout
        by_address = {path.split("/")[0]: path.split("/")[-1] for path in text.split()}
        addresses = self._pci_addresses()
        names = [by_address.get(addresses.get(nic.id)) for nic in self.nics]
        for nic, name in zip(self.nics, names):
            nic.last_ifname = name or nic.last_ifname
        return names

    def ifname(self, i):
        """Interface of a NIC; the last known name while it is in another network namespace."""
        name = self.ifnames()[i] or self.nics[i].last_ifname
        if not name:
            raise GuestError(f"{self.nics[i].id} has no interface")
        return name

    def ethtool_stats(self, i, netns=None):
        """Counters of ethtool -S as a dictionary."""
        return parse_counters(self.sh(f"{in_netns(netns)}ethtool -S {self.ifname(i)}").stdout)

    def all_ethtool_stats(self):
        """The same for every NIC, by one command in the guest: a test may ask often."""
        names = self.ifnames()
        text = self.sh(";".join(f"echo //; ethtool -S {name}" for name in names)).stdout
        return [parse_counters(part) for part in text.split("//\n")[1:]]

    def link_stats(self, i, netns=None):
        """The standard counters: {"rx": {"packets": ...}, "tx": {...}}."""
        text = self.sh(f"{in_netns(netns)}ip -s -s -j link show dev {self.ifname(i)}").stdout
        return json.loads(text)[0]["stats64"]

    def wire(self, i):
        if i not in self.wires:
            raise GuestError(f"NIC {i} has wire {self.nics[i].wire}; only dgram has a host end")
        return self.wires[i]

    # Monitor and console

    def qmp(self, command, **arguments):
        return self.monitor.execute(command, arguments)

    def hmp(self, line):
        return self.qmp("human-monitor-command", **{"command-line": line})

    def console(self):
        return self.log.text()

    def expect_console(self, pattern):
        """Complaints that match the regular expression are what the test wants to see."""
        self.log.expect(pattern)

    def leaks(self):
        """AssertionError with the stacks that have allocated memory to which no pointer is left.

        The guest must have been made with finds_leaks.  What it has found before is not reported
        again.  A stack has names for what is loaded now.
        """
        for _ in range(LEAK_SCANS):
            self.sh(f"sleep {LEAK_AGE}; echo scan >{LEAKS}", timeout=120)
        found = self.sh(f"cat {LEAKS}; echo clear >{LEAKS}", timeout=60).stdout
        assert not found, f"memory has leaked in the guest:\n{found}"

    def check_console(self):
        """AssertionError with the excerpt if the kernel has complained since the last check."""
        complaint = self.log.complaint()
        assert not complaint, f"the guest's kernel complained ({self.log.path}):\n{complaint}"


def connect(path, alive, seconds=20):
    """Connection to a Unix socket that is still being made; OSError if nobody comes to listen.

    QEMU binds it, which makes it visible, a moment before it listens.
    """
    deadline = time.monotonic() + seconds
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(path)
            return sock
        except (FileNotFoundError, ConnectionRefusedError):
            sock.close()
            if not alive() or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


def parse_counters(text):
    return {name: int(value) for name, value in re.findall(r"^\s*(\S[^:]*): (\d+)$", text, re.M)}


def in_netns(netns):
    return f"ip netns exec {shlex.quote(netns)} " if netns else ""


def pci_functions(bus):
    """Every function on a bus of query-pci's answer and behind its bridges."""
    for device in bus["devices"]:
        yield device
        behind = device.get("pci_bridge", {})
        yield from pci_functions({"devices": behind.get("devices", [])})


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def make_run_dir():
    """A new directory for logs and captures; the oldest go, so the cache does not grow for ever.

    Unix socket paths are limited to 107 bytes, so a deep cache directory cannot hold them.
    """
    parent = os.path.join(cache_dir(), "log")
    if len(parent) > 60:
        parent = os.path.join(tempfile.gettempdir(), f"sluice-log-{os.getuid()}")
    os.makedirs(parent, exist_ok=True)
    # another run may be pruning too
    with contextlib.suppress(FileNotFoundError):
        prune_run_dirs(parent)
    return tempfile.mkdtemp(prefix=time.strftime("%H%M%S-"), dir=parent)


def prune_run_dirs(parent):
    """Remove old captures, which are large, and all but the newest logs.

    Nothing younger than an hour goes: another run may be using it.
    """
    entries = sorted(os.scandir(parent), key=lambda e: e.stat().st_mtime, reverse=True)
    for age, entry in enumerate(entries):
        if time.time() - entry.stat().st_mtime < 3600:
            continue
        if age >= LOG_DIRS_KEPT:
            shutil.rmtree(entry.path)
            continue
        for capture in glob.glob(os.path.join(entry.path, "*.pcap")):
            os.unlink(capture)


def accelerator_args(accel, cpu="max", parallel=False):
    """One thread emulates all processors in turn, unless they shall be parallel.

    With a thread for each, QEMU 7.2 can miss a write to code that another processor is just
    translating.  Linux patches itself at boot and whenever a static key changes: on a busy host,
    in about one boot of twenty, that ended in "Oops: int3".
    """
    if accel == "kvm":
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=" + ("multi" if parallel else "single"), "-cpu", cpu]


def accelerator(kernel):
    """"kvm" if a probe boot of this kernel has worked since the host booted, else "tcg".

    /dev/kvm may exist and still not run a stock kernel, so only a boot counts as proof.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    boot_id = read_text("/proc/sys/kernel/random/boot_id").strip()
    name = os.path.basename(os.path.realpath(kernel))
    memo = os.path.join(cache_dir(), f"accel-{name}-{boot_id}")
    if not os.path.exists(memo):
        print("probing whether KVM can boot this kernel (up to 20 s, once a boot)", flush=True)
        answer = "kvm" if probe_kvm(kernel) else "tcg"
        with open(memo, "w", encoding="utf-8") as f:
            f.write(answer)
    return read_text(memo)


def probe_kvm(kernel, limit=20):
    """Boot the kernel under KVM up to the first line of an initramfs that powers off again."""
    with tempfile.TemporaryDirectory(prefix="sluice-probe-") as directory:
        initrd = os.path.join(directory, "initramfs")
        initramfs.write_probe(initrd)
        args = ["qemu-system-x86_64", "-nodefaults", "-nographic", "-no-reboot", "-m", "512M",
                "-smp", "2", *accelerator_args("kvm"), "-serial", "stdio",
                "-kernel", kernels.packed_image(kernel), "-initrd", initrd,
                "-append", "console=ttyS0 panic=-1"]
        try:
            done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return False
    return initramfs.PROBE_TOKEN.encode() in done.stdout
