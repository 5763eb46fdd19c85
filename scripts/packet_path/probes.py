# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel's own tracepoints and functions say of an interface's packets.

probes.bpf.c counts; it is compiled once, and nothing of it stays in the kernel when this ends.
"""
import contextlib
import ctypes
import hashlib
import os
import pathlib
import re
import struct
import subprocess
import tempfile

from kernels import cache_dir
from packet_path.libbpf import BpfError, BpfObject

SOURCE = pathlib.Path(__file__).with_name("probes.bpf.c")
CLANG = ["clang", "-O2", "-g", "-Wall", "-Werror", "-target", "bpf"]
BTF = pathlib.Path("/sys/kernel/btf/vmlinux")
TRACING = (pathlib.Path("/sys/kernel/tracing"), pathlib.Path("/sys/kernel/debug/tracing"))
CAP_SYS_ADMIN = 21
CLONE_NEWNS = 0x20000
# As in probes.bpf.c.
STATIONS = ("gro", "tc", "local", "forwarded", "tcp", "udp", "icmp", "out", "driver", "hook")
LOST, HELD, GOES_ON = range(3)
SEEN_KEY, LOST_KEY = struct.Struct("=II"), struct.Struct("=II64s")
PLACE = re.compile(r'"(?P<kind>tp_btf|fentry|fexit)/(?P<name>\w+)"')


class Unwatchable(Exception):
    """The packets' path cannot be seen; one sentence says why."""


def mounted():
    """Where tracefs is, or None."""
    try:
        return next((path for path in TRACING if (path / "available_events").exists()), None)
    except PermissionError:
        raise Unwatchable("only root of the machine, not that of a user namespace, may look into "
                          "the kernel") from None


def mount():
    """tracefs where nobody else sees it and until this program ends: whoever enters a network
    namespace with `ip netns exec` has a /sys of his own without it.
    """
    if ctypes.CDLL(None).unshare(CLONE_NEWNS):
        return
    for words in (["--make-rprivate", "/"], ["-t", "tracefs", "tracefs", TRACING[0]]):
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(["mount", *words], check=False, stderr=subprocess.DEVNULL)


def tracing():
    if found := mounted():
        return found
    mount()
    if found := mounted():
        return found
    raise Unwatchable(f"no tracefs, and none can be mounted at {TRACING[0]}: was this kernel built "
                      "without CONFIG_TRACING?")


def capable():
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"^CapEff:\s+(\w+)", status, re.M)[1], 16) >> CAP_SYS_ADMIN & 1


def check():
    """Unwatchable if this machine cannot have probes."""
    if not capable():
        raise Unwatchable("only root, with CAP_SYS_ADMIN, may look into the kernel")
    if not BTF.exists():
        raise Unwatchable(f"this kernel has no {BTF}: it was built without CONFIG_DEBUG_INFO_BTF")
    tracing()


def compiled():
    """The object file, in the cache under a name that its source gives it."""
    digest = hashlib.sha256(SOURCE.read_bytes() + repr(CLANG).encode()).hexdigest()[:16]
    path = pathlib.Path(os.path.realpath(cache_dir())) / f"probes-{digest}.o"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as directory:
            made = compile_to(pathlib.Path(directory) / "probes.o")
            made.rename(path)
    return path


def compile_to(path):
    # clang knows no multiarch include directory for a target that is not a machine
    machines = [f"-I{directory}" for directory in pathlib.Path("/usr/include").glob("*-linux-gnu")]
    try:
        done = subprocess.run([*CLANG, *machines, "-c", SOURCE, "-o", path], check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError:
        raise Unwatchable("clang is missing: apt-get install clang libbpf-dev") from None
    if done.returncode:
        error = next((line for line in done.stdout.splitlines() if "error" in line), "failed")
        raise Unwatchable(f"clang: {error}; is libbpf-dev installed?")
    return path


def traceable():
    """The names of the functions that can have a probe, a line each."""
    try:
        return (tracing() / "available_filter_functions").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Unwatchable("this kernel has no available_filter_functions: it was built without "
                          "CONFIG_FUNCTION_TRACER") from None


def missing():
    """The functions that this kernel lacks; one that lacks an event can show nothing."""
    places = {match["name"]: match["kind"]
              for match in PLACE.finditer(SOURCE.read_text(encoding="utf-8"))}
    text = (tracing() / "available_events").read_text(encoding="utf-8")
    events = {event.split(":")[1] for event in text.split()}
    functions = set(re.findall(r"^\S+", traceable(), re.M))
    for name, kind in places.items():
        # a function of the same name is no event
        if kind == "tp_btf" and name not in events:
            raise Unwatchable(f"this kernel has no tracepoint {name}")
    return sorted(name for name, kind in places.items()
                  if kind != "tp_btf" and name not in functions)


def reasons():
    """The kernel's names of its drop reasons."""
    text = (tracing() / "events/skb/kfree_skb/format").read_text(encoding="utf-8")
    return {int(number, 0): name for number, name in
            re.findall(r'\{ (0x[0-9a-fA-F]+|\d+), "(\w+)" \}', text)}


class Probes:
    """The counts since they began, of one interface of this network namespace."""

    def __init__(self, index):
        self.missing, self.reasons = missing(), reasons()
        watched = struct.pack("=iI", index, os.stat("/proc/self/ns/net").st_ino)
        try:
            self.programs = BpfObject(compiled(), self.missing, {".rodata.watched": watched})
        except BpfError as why:
            raise Unwatchable(str(why)) from None

    def seen(self):
        """{(station, detail): packets}, and of hooks {(received, family, hook, answer): packets}"""
        seen, hooks = {}, {}
        for key, count in self.programs.read("seen", SEEN_KEY.size).items():
            station, detail = SEEN_KEY.unpack(key)
            if STATIONS[station] == "hook":
                hooks[tuple(detail.to_bytes(4, "big"))] = count
            else:
                seen[STATIONS[station], detail] = count
        return seen, hooks

    def lost(self):
        """{(received, reason, function): packets}"""
        found = {}
        for key, count in self.programs.read("lost", LOST_KEY.size).items():
            received, number, where = LOST_KEY.unpack(key)
            function = where.split(b"\0")[0].decode().split(" ")[0]
            name = received, self.reasons.get(number, f"reason {number}"), function
            found[name] = found.get(name, 0) + count
        return found
