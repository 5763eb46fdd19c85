# SPDX-License-Identifier: GPL-2.0-only
"""scripts/kernel-build: what makes a cache entry, what leaves none, and what is said on the way.

Minutes of compiling are stood in for by a small tree with the same targets; test_sanitizers.py
tries the kernels themselves. The module's build for a kernel is tried on the real sources.
"""
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tarfile
import time

import pytest

import kernels
from kernels import PROJECT, SCRIPTS

VERSION = "6.12.999-1"
# bzImage waits for the file "go", so that a test can look or interrupt while it is being built.
MAKEFILE = """\
.RECIPEPREFIX = >
allnoconfig:
> grep -v CONFIG_UNMET $(KCONFIG_ALLCONFIG) >.config
bzImage:
> @echo "  CC      init/main.o"
> @until test -e $(GO); do sleep 0.05; done
> @grep -q image $(GO)
> @mkdir -p arch/x86/boot && cp $(GO) arch/x86/boot/bzImage
modules:
modules_install:
> mkdir -p $(INSTALL_MOD_PATH)/lib/modules/6.12.999-kasan
run-command:
> mkdir -p $(lastword $(KBUILD_RUN_COMMAND)) && touch $(lastword $(KBUILD_RUN_COMMAND))/Makefile
"""


class Cache:
    """A cache with a stand-in for the kernel's source in it, and a copy of our scripts."""

    def __init__(self, path):
        self.path = path / "sluice"
        self.go = path / "go"
        self.scripts = path / "scripts"
        self.path.mkdir()
        shutil.copytree(SCRIPTS / "kconfig", self.scripts / "kconfig")
        for name in ("kernel", "kernel-build", "cache.bash"):
            shutil.copy(SCRIPTS / name, self.scripts)
        self._pack(path / "Makefile")
        self._apt(path / "bin")
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(path), "GO": str(self.go),
                            "PATH": f"{path}/bin:{os.environ['PATH']}"}

    def _pack(self, makefile):
        makefile.write_text(MAKEFILE)
        with tarfile.open(self.path / f"source-{VERSION}.tar.xz", "w:xz") as archive:
            archive.add(makefile, "linux-source-6.12/Makefile")

    def _apt(self, directory):
        directory.mkdir()
        for name, body in [("apt-get", "exit 1"),
                           ("apt-cache", f"test $1 = show || echo '  Candidate: {VERSION}'")]:
            (directory / name).write_text(f"#!/bin/sh\n{body}\n")
            (directory / name).chmod(0o755)

    def start(self, *arguments):
        # bash cannot trap a signal that was ignored before it started, as in a background job
        return subprocess.Popen(["env", "--default-signal=INT",
                                 self.scripts / "kernel-build", *arguments], text=True,
                                env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, start_new_session=True)

    def run(self, *arguments):
        """Status, what was printed, what was said."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def wait_for_compiler(self):
        deadline = time.monotonic() + 30
        while not [log for log in self.path.glob("unpack.*/log") if "  CC" in log.read_text()]:
            assert time.monotonic() < deadline, "the build has not come to compiling"
            time.sleep(0.05)

    def entries(self):
        """What there is beside the source and locks."""
        return sorted(path.name for path in self.path.iterdir()
                      if path.is_dir() and not path.name.startswith("source-"))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def release(cache):
    cache.go.write_text("image")


def test_build_leaves_what_a_guest_and_a_module_need(cache):
    release(cache)
    status, out, err = cache.run("kasan")
    assert status == 0, err
    directory = pathlib.Path(out.strip())
    assert re.fullmatch(rf"kasan-{VERSION}-[0-9a-f]{{10}}", directory.name)
    assert cache.entries() == [directory.name]
    assert sorted(p.name for p in directory.iterdir()) == ["complete", "config", "headers",
                                                           "modules", "vmlinuz"]
    assert "CONFIG_KASAN=y\n" in (directory / "config").read_text()
    assert (directory / "modules" / "6.12.999-kasan" / "build" / "Makefile").exists()
    assert "built in" in err and "takes" in err


def test_second_run_builds_nothing(cache):
    release(cache)
    first = cache.run("kasan")[1]
    cache.go.unlink()
    assert cache.run("kasan") == (0, first, "")
    assert cache.run("--dir", "kasan")[:2] == (0, first)


def test_dir_never_builds(cache):
    assert cache.run("--dir", "kasan") == (1, "", "")
    assert cache.entries() == []


@pytest.mark.parametrize("fragment", ["guest", "sanitizers", "kasan"])
def test_changed_fragment_is_another_kernel(cache, fragment):
    release(cache)
    first = cache.run("kasan")[1]
    with open(cache.scripts / "kconfig" / f"{fragment}.config", "a", encoding="utf-8") as f:
        f.write("CONFIG_MORE=y\n")
    assert cache.run("--dir", "kasan")[0] == 1
    second = cache.run("kasan")[1]
    assert first != second and len(cache.entries()) == 2


def test_kernels_differ_in_what_watches(cache):
    release(cache)
    configs = {name: (pathlib.Path(cache.run(name)[1].strip()) / "config").read_text()
               for name in kernels.BUILT}
    for name, config in configs.items():
        watchers = {f"CONFIG_{w}=y" for w in ("KASAN", "KCSAN", "GCOV_KERNEL")}
        wanted = {"kasan": "CONFIG_KASAN=y", "kcsan": "CONFIG_KCSAN=y",
                  "gcov": "CONFIG_GCOV_KERNEL=y"}[name]
        assert watchers & set(config.splitlines()) == {wanted}
        assert ("CONFIG_PROVE_LOCKING=y" in config) == (name != "gcov")


def test_every_line_that_did_not_take_is_named(cache):
    """Before anything is compiled; what took is not named."""
    with open(cache.scripts / "kconfig" / "kasan.config", "a", encoding="utf-8") as f:
        f.write("CONFIG_UNMET_ONE=y\nCONFIG_TAKEN=y\nCONFIG_UNMET_TWO=m\n")
    status, out, err = cache.run("kasan")
    assert (status, out) == (1, "")
    assert "did not take: CONFIG_UNMET_ONE=y (now: not there)" in err
    assert "did not take: CONFIG_UNMET_TWO=m" in err
    assert err.count("did not take") == 2 and "TAKEN" not in err
    assert "scripts/kconfig" in err
    assert cache.entries() == []


def test_failed_build_shows_its_log_and_leaves_nothing(cache):
    cache.go.write_text("something else")
    status, out, err = cache.run("kasan")
    assert (status, out) == (1, "")
    assert "  CC      init/main.o" in err and "the build failed" in err
    assert cache.entries() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_build_leaves_nothing(cache, number):
    with cache.start("kasan") as process:
        cache.wait_for_compiler()
        os.kill(process.pid, number)
        _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "interrupted" in err
    assert cache.entries() == []


def test_killed_build_is_cleared_away_by_the_next(cache):
    with cache.start("kasan") as process:
        cache.wait_for_compiler()
        # what it has started must not live on either
        for group in process_groups(process.pid):
            os.killpg(group, signal.SIGKILL)
    assert [name[:6] for name in cache.entries()] == ["unpack"]
    release(cache)
    status, out, err = cache.run("kasan")
    assert status == 0, err
    assert cache.entries() == [os.path.basename(out.strip())]


def process_groups(session):
    """Process groups of a session, its leader's last."""
    text = subprocess.run(["ps", "-s", str(session), "-o", "pgid="], stdout=subprocess.PIPE,
                          check=True, text=True).stdout
    return sorted({int(word) for word in text.split()}, reverse=True)


def test_second_build_waits_for_the_first(cache):
    with cache.start("kasan") as first:
        cache.wait_for_compiler()
        with cache.start("kasan") as second:
            assert "waiting for another run" in second.stderr.readline()
            assert len(list(cache.path.glob("unpack.*"))) == 1
            release(cache)
            outputs = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert outputs[0] == outputs[1] != ""
    assert (first.returncode, second.returncode) == (0, 0)


def test_progress_is_shown_while_it_builds(cache):
    script = cache.scripts / "kernel-build"
    script.write_text(script.read_text().replace("INTERVAL=15", "INTERVAL=1"))
    with cache.start("kasan") as process:
        for line in process.stderr:
            if re.search(r"\b[1-9]\d* s, 1 objects of about \d+", line):
                break
        else:
            pytest.fail("no line of progress")
        release(cache)
        process.communicate(timeout=60)


@pytest.mark.parametrize("arguments", [[], ["vanilla"], ["kasan", "kcsan"]])
def test_wrong_use_is_answered_by_the_usage(cache, arguments):
    status, out, err = cache.run(*arguments)
    assert status == 2 and not out
    assert "usage: scripts/kernel-build" in err


# The module for a kernel

@pytest.fixture
def other_kernel(tmp_path, monkeypatch):
    """The distribution's kernel under another name, and an empty cache for modules."""
    directory = tmp_path / "kasan-other"
    directory.mkdir()
    (directory / "headers").symlink_to(os.path.join(kernels.distribution_kernel(), "headers"))
    monkeypatch.setattr(kernels, "cache_dir", lambda: str(tmp_path / "cache"))
    kernels.module.cache_clear()
    yield str(directory)
    kernels.module.cache_clear()


def packed_kernel(directory, tool, content):
    """The directory of a kernel that is as an image for x86, as far as QEMU's user needs it."""
    payload = subprocess.run([tool, "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout
    header = bytearray(3 * 512)
    header[0x1f1] = 1
    header[0x248:0x250] = struct.pack("<II", 512, len(payload) + 4)
    (directory / "vmlinuz").write_bytes(bytes(header) + payload + struct.pack("<I", len(content)))
    return str(directory)


def test_kernel_is_booted_unpacked(tmp_path):
    """It is unpacked once."""
    content = b"ELF" + kernels.XEN_ENTRY + bytes(100)
    image = pathlib.Path(kernels.image(packed_kernel(tmp_path, "zstd", content)))
    assert image.read_bytes() == content
    (tmp_path / "vmlinuz").unlink()
    kernels.image.cache_clear()
    assert kernels.image(str(tmp_path)) == str(image)


@pytest.mark.parametrize("tool, content", [("gzip", kernels.XEN_ENTRY), ("zstd", b"no entry")],
                         ids=["packed by gzip", "without an entry"])
def test_kernel_that_qemu_cannot_enter_unpacked_is_booted_as_it_is(tmp_path, tool, content):
    assert kernels.image(packed_kernel(tmp_path, tool, content)) == str(tmp_path / "vmlinuz")
    assert [path.name for path in tmp_path.iterdir()] == ["vmlinuz"]


def test_distribution_kernel_has_the_module_of_the_tree():
    assert kernels.module(kernels.distribution_kernel()) == os.path.join(PROJECT, "sluice.ko")


def test_module_for_another_kernel_leaves_the_tree_alone(other_kernel):
    ours = pathlib.Path(PROJECT, "sluice.ko")
    before = ours.stat().st_mtime_ns if ours.exists() else None
    built = pathlib.Path(kernels.module(other_kernel))
    assert built.exists() and not built.is_relative_to(PROJECT)
    assert (ours.stat().st_mtime_ns if ours.exists() else None) == before


def test_module_is_built_anew_when_a_source_changes(other_kernel, tmp_path, monkeypatch):
    tree = tmp_path / "tree"
    for name in kernels.source_files(PROJECT):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.join(PROJECT, name), tree / name)
    monkeypatch.setattr(kernels, "PROJECT", str(tree))
    built = pathlib.Path(kernels.module(other_kernel))
    first = built.stat().st_mtime_ns
    kernels.module.cache_clear()
    kernels.module(other_kernel)
    assert built.stat().st_mtime_ns == first, "built anew though nothing has changed"
    with open(tree / "src" / "stats.c", "a", encoding="utf-8") as f:
        f.write("MODULE_INFO(changed, \"yes\");\n")
    kernels.module.cache_clear()
    kernels.module(other_kernel)
    assert b"changed=yes" in built.read_bytes()
    (tree / "src" / "stats.c").write_text("#error made up by the test\n")
    kernels.module.cache_clear()
    with pytest.raises(kernels.BuildError, match="made up by the test"):
        kernels.module(other_kernel)
