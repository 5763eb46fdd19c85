# SPDX-License-Identifier: GPL-2.0-only
"""Builds the initramfs of a test guest: busybox, the modules that reach the host's files, /init,
and the agent that it becomes."""
import hashlib
import lzma
import os
import shlex
import stat
import subprocess

from kernels import cache_dir

HERE = os.path.dirname(os.path.abspath(__file__))
CC = ["gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror"]
MODULES = ["9pnet_virtio", "9p", "overlay", "virtio_console"]
PROBE_TOKEN = "sluice-probe-ok"
PROBE_INIT = f"""#!/bin/busybox sh
echo {PROBE_TOKEN}
/bin/busybox poweroff -f
"""


class Archive:
    """Writer of the "newc" cpio format that the kernel unpacks."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.inode = 1

    def add(self, name, mode, data=b""):
        encoded = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        self.inode += 1
        self._put(b"070701" + b"".join(b"%08x" % field for field in fields) + encoded)
        self._put(data)

    def _put(self, data):
        self.file.write(data + bytes(-len(data) % 4 if len(data) % 4 else 0))

    def directory(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def executable(self, name, data):
        self.add(name, stat.S_IFREG | 0o755, data)

    def text(self, name, text):
        self.add(name, stat.S_IFREG | 0o644, text.encode())

    def close(self):
        self.add("TRAILER!!!", 0)
        self.file.close()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def module_closure(directory, wanted):
    """Files of the wanted modules in load order; modules built into the kernel have none."""
    needs = {}
    for line in read(os.path.join(directory, "modules.dep")).decode().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {os.path.basename(p).split(".")[0].replace("-", "_"): p for p in needs}
    order = []
    for name in wanted:
        if name in by_name:
            # modules.dep lists the deepest dependency last
            order += [*reversed(needs[by_name[name]]), by_name[name]]
    return list(dict.fromkeys(order))


def module_bytes(path):
    data = read(path)
    return lzma.decompress(data) if path.endswith(".xz") else data


def add_modules(archive, kernel):
    root = os.path.join(kernel, "modules")
    if not os.path.isdir(root):
        return
    directory = os.path.join(root, os.listdir(root)[0])
    order = []
    archive.directory("modules")
    for path in module_closure(directory, MODULES):
        name = os.path.basename(path).split(".")[0] + ".ko"
        archive.executable(f"modules/{name}", module_bytes(os.path.join(directory, path)))
        order.append(name)
    archive.text("modules/order", "\n".join(order) + "\n")


def busybox():
    """The static busybox that scripts/kernel keeps in the cache."""
    return subprocess.run([os.path.join(HERE, "kernel"), "busybox"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def agent():
    """guest-agent.c, compiled once: static, because what it starts from has no libraries."""
    source = os.path.join(HERE, "guest-agent.c")
    digest = hashlib.sha256(read(source) + repr(CC).encode()).hexdigest()[:10]
    path = os.path.join(cache_dir(), f"agent-{digest}")
    if not os.path.exists(path):
        os.makedirs(cache_dir(), exist_ok=True)
        subprocess.run([*CC, source, "-o", f"{path}.{os.getpid()}"], check=True)
        os.rename(f"{path}.{os.getpid()}", path)
    return path


def start_archive(path, init):
    archive = Archive(path)
    for name in ["bin", "proc", "sys", "dev", "run", "tmp", "host", "overlay", "root"]:
        archive.directory(name)
    archive.executable("bin/busybox", read(busybox()))
    archive.executable("init", init)
    return archive


def write(path, kernel, visible):
    """The initramfs of a Guest.  visible: host directories to keep in sight below /tmp and /run."""
    archive = start_archive(path, read(os.path.join(HERE, "guest-init")))
    archive.executable("bin/agent", read(agent()))
    add_modules(archive, kernel)
    modules = os.path.realpath(os.path.join(kernel, "modules"))
    archive.text("config", f"modules={shlex.quote(modules)}\n"
                           f"visible={shlex.quote(' '.join(visible))}\n")
    archive.close()


def write_probe(path):
    """An initramfs that says PROBE_TOKEN and powers off."""
    start_archive(path, PROBE_INIT.encode()).close()
