# SPDX-License-Identifier: GPL-2.0-only
"""What a user types at the top of the tree: make run, plain make and the set-up."""
import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import pytest

import guest
from guest import PROJECT, distribution_kernel

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def call(command, cwd=PROJECT, **environment):
    """Status and output; MAKEFLAGS of the make that runs the tests must not leak in."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
    done = subprocess.run(command, cwd=cwd, env={**env, **environment}, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the sources with nothing built in it, and its own build."""
    copy = tmp_path_factory.mktemp("tree") / "sluice"
    copy.mkdir()
    for name in ["Makefile", "Kbuild", "include", "src", "scripts"]:
        ignore = shutil.ignore_patterns("*.o", "*.ko", ".*.cmd", "*.mod*", "__pycache__")
        source = os.path.join(PROJECT, name)
        if os.path.isdir(source):
            shutil.copytree(source, copy / name, ignore=ignore)
        else:
            shutil.copy(source, copy / name)
    before = listing(copy)
    kdir = os.path.join(distribution_kernel(), "headers")
    status, output = call(["make", f"KDIR={kdir}"], copy)
    assert status == 0, output
    return copy, kdir, before


def listing(directory):
    return sorted(os.path.join(d, f) for d, _, files in os.walk(directory) for f in files)


def host_state():
    """What a module loaded or a kernel installed on the host would change."""
    paths = ["/proc/modules", "/sys/module", "/boot"]
    return {path: names_in(path) for path in paths if os.path.exists(path)}


def names_in(path):
    if os.path.isdir(path):
        return sorted(os.listdir(path))
    with open(path, encoding="utf-8") as f:
        return sorted(line.split()[0] for line in f)


def test_make_run_does_the_main_job_and_leaves_the_host_alone(tree):
    before = host_state()
    assert before
    status, output = call(["make", "run"], tree[0])
    assert status == 0, output
    last = output.splitlines()[-1]
    assert "steps, all ok" in last, output
    assert host_state() == before


def test_make_run_with_a_step_that_fails_has_a_true_status(tree):
    program = tree[0] / "scripts" / "tests" / "bpf" / "xdp_drop_count.bpf.c"
    source = program.read_text()
    program.write_text("#error made up by the test\n")
    try:
        status, output = call(["make", "run"], tree[0])
    finally:
        program.write_text(source)
    assert status != 0
    assert re.search(r"^FAILED +[\d.]+ s  xdp attach ", output, re.MULTILINE), output
    assert "made up by the test" in output
    assert re.search(r"^\d+ steps, [1-9]\d* FAILED, \d+ s$", output, re.MULTILINE), output


def test_make_run_without_a_good_module_has_a_true_status(tree, tmp_path):
    shutil.copytree(tree[0] / "scripts", tmp_path / "scripts")
    (tmp_path / "sluice.ko").write_bytes((tree[0] / "sluice.ko").read_bytes()[:5000])
    status, output = call(["/usr/bin/python3", "-B", "scripts/run.py"], tmp_path)
    assert status == 1
    assert re.search(r"^FAILED +[\d.]+ s  insmod ", output, re.MULTILINE), output
    assert re.search(r"steps, [1-9]\d* FAILED, \d+ s$", output), output


class Terminal:
    """A command that believes it has a terminal, and who types there."""

    def __init__(self, command, cwd):
        self.seen = ""
        self.master, slave = pty.openpty()
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}
        self.process = subprocess.Popen(command, cwd=cwd, env=env, stdin=slave, stdout=slave,
                                        stderr=slave, start_new_session=True)
        os.close(slave)

    def read_until(self, text, timeout):
        """All output so far, when text is in it; None stands for the end of the output."""
        deadline = time.monotonic() + timeout
        while text is None or text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], self.seen
            try:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                # Linux says so when the last user of the terminal has gone
                assert text is None, self.seen
                break
        return self.seen

    def type(self, text):
        os.write(self.master, text.encode())

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def test_make_shell_gives_a_shell_in_a_guest_whose_nic_is_up(tree):
    terminal = Terminal(["make", "shell"], tree[0])
    try:
        banner = terminal.read_until("guest:", 180)
        assert "eth0: e1000, driver sluice" in banner
        # the echo of the command does not have the word that its output has
        terminal.type("sed s/^/state=/ /sys/class/net/eth0/operstate; exit\r")
        # the guest's terminal ends lines with CR LF already
        assert "state=up" in terminal.read_until(None, 60).split()
        assert terminal.process.wait(10) == 0
    finally:
        terminal.close()


def test_make_builds_a_module_that_nothing_loads_by_itself(tree):
    copy, _, _ = tree

    def modinfo(*options):
        return subprocess.run(["/sbin/modinfo", *options, copy / "sluice.ko"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    assert modinfo("-F", "vermagic").split()[0] == os.path.basename(
        distribution_kernel()).removeprefix("kernel-")
    assert (modinfo("-F", "alias"), modinfo("-p"), modinfo("-F", "license")) == ("", "", "GPL")


def test_make_modules_install_installs_the_module(tree, tmp_path):
    copy, kdir, _ = tree
    status, output = call(["make", "modules_install", f"KDIR={kdir}",
                           f"INSTALL_MOD_PATH={tmp_path}"], copy)
    assert status == 0, output
    assert [os.path.basename(p).split(".")[0] for p in listing(tmp_path)
            if "sluice" in p] == ["sluice"]


def test_make_names_a_missing_kernel(tree):
    copy, _, _ = tree
    status, output = call(["make", "KERNELRELEASE=0.0.0-none"], copy)
    assert status != 0
    assert "no kernel headers in /lib/modules/0.0.0-none/build: give KDIR=" in output


def test_make_clean_without_a_kernel_leaves_the_sources_only(tree):
    copy, _, before = tree
    status, output = call(["make", "KERNELRELEASE=0.0.0-none", "clean"], copy)
    assert status == 0, output
    assert listing(copy) == before


def test_make_help_lists_every_target():
    _, output = call(["make", "help"])
    for target in ["run", "test", "stack", "check", "shell", "modules_install", "clean"]:
        assert f"make {target}" in output


def test_ci_does_nothing_but_make_test():
    with open(os.path.join(PROJECT, ".ci", "run"), encoding="utf-8") as f:
        lines = [line.strip() for line in f if not line.startswith("#")]
    assert lines == ["exec make test"]


def missing_packages(tmp_path, user=()):
    """What scripts/setup says on a machine whose package database is empty."""
    (tmp_path / "status").write_text("")
    os.chmod(tmp_path, 0o755)
    return call([*user, "bash", "scripts/setup", "test"], DPKG_ADMINDIR=str(tmp_path))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_setup_without_root_names_the_packages_and_stops(tmp_path):
    for parent in [tmp_path, *tmp_path.parents[:2]]:
        os.chmod(parent, 0o755)
    status, output = missing_packages(tmp_path, NOBODY)
    assert status == 1
    assert "  ethtool: reads and sets the NIC in the guest\n" in output
    assert "not root, so nothing was installed. As root: apt-get install " in output


def test_setup_without_apt_names_the_packages_and_stops(tmp_path):
    for name in ["bash", "cat", "cut", "dirname", "grep", "id", "readlink", "sed", "tr", "sort",
                 "tail", "basename", "uname"]:
        (tmp_path / name).symlink_to(shutil.which(name))
    status, output = call([tmp_path / "bash", "scripts/setup", "run"], PATH=str(tmp_path))
    assert status == 1
    assert "command not found" not in output
    assert "  ethtool: reads and sets the NIC in the guest\n" in output
    assert "sparse" not in output, "make run needs no static checker"
    assert output.splitlines()[-1].startswith("setup: no dpkg here, so nothing was")


def test_setup_never_installs_a_kernel():
    with open(os.path.join(PROJECT, "scripts", "setup"), encoding="utf-8") as f:
        names = [line.split("|")[0].strip() for line in f if line.count("|") == 2]
    names = [name for name in names if name.replace("-", "").replace(".", "").isalnum()]
    assert len(names) > 20
    _, plan = call(["apt-get", "-s", "-q", "--no-install-recommends", "--reinstall", "install",
                    *names])
    planned = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    assert planned, plan
    assert not [p for p in planned if p.startswith(("linux-image", "linux-headers", "initramfs"))]


# The kernel's cache

@pytest.fixture
def cache(tmp_path):
    """A cache with two kernels in it, and an apt whose downloads never end."""
    for release in ["6.12.1-old", "6.12.2-new"]:
        (tmp_path / "sluice" / f"kernel-{release}").mkdir(parents=True)
        (tmp_path / "sluice" / f"kernel-{release}" / "complete").touch()
    (tmp_path / "bin").mkdir()
    for name, body in [("apt-get", "exec sleep 60"), ("apt-cache", "")]:
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def kernel_environment(cache, release):
    return {"XDG_CACHE_HOME": str(cache), "PATH": f"{cache}/bin:{os.environ['PATH']}",
            "KERNEL": release}


def kernel(cache, command, release):
    return call(["scripts/kernel", command], **kernel_environment(cache, release))


def test_kernel_is_chosen_by_its_release(cache):
    old = str(cache / "sluice" / "kernel-6.12.1-old")
    assert kernel(cache, "release", "6.12.1-old") == (0, "6.12.1-old\n")
    assert kernel(cache, "fetch", "6.12.1-old") == (0, old + "\n")
    assert kernel(cache, "headers", "6.12.1-old") == (0, old + "/headers\n")
    assert kernel(cache, "release", "") == (0, "6.12.2-new\n")


def test_directory_of_a_killed_download_is_removed(cache):
    def unpacking():
        return list((cache / "sluice").glob("unpack.*/debs"))

    env = {**os.environ, **kernel_environment(cache, "6.12.3-absent")}
    with subprocess.Popen([os.path.join(PROJECT, "scripts", "kernel"), "fetch"], env=env,
                          stderr=subprocess.DEVNULL, start_new_session=True) as download:
        try:
            deadline = time.monotonic() + 10
            while not unpacking() and time.monotonic() < deadline:
                time.sleep(0.05)
            kernel(cache, "fetch", "6.12.1-old")
            assert len(unpacking()) == 1, "a living download has lost its directory"
        finally:
            os.killpg(download.pid, signal.SIGKILL)
    assert unpacking()
    kernel(cache, "fetch", "6.12.1-old")
    assert not unpacking()


# KVM

@pytest.mark.parametrize("works, answer", [(True, "kvm"), (False, "tcg")])
def test_kvm_is_used_only_after_a_probe_boot(monkeypatch, tmp_path, works, answer):
    probes = []

    def probe(kernel):
        probes.append(kernel)
        return works

    monkeypatch.setattr(guest, "probe_kvm", probe)
    monkeypatch.setattr(guest, "cache_dir", lambda: str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert [guest.accelerator("/k/kernel-a"), guest.accelerator("/k/kernel-a")] == [answer] * 2
    assert probes == ["/k/kernel-a"]
    guest.accelerator("/k/kernel-b")
    assert probes == ["/k/kernel-a", "/k/kernel-b"]


def test_no_kvm_device_means_software_emulation(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert guest.accelerator("/k/kernel-a") == "tcg"
