# SPDX-License-Identifier: GPL-2.0-only
"""scripts/line_coverage.py: runs of several guests are added up, and what never ran has a name.

A host's program stands in for the driver: the counters are in the same files.
"""
import pathlib
import shutil
import subprocess

import pytest

import kernels
import line_coverage
from guest import Result

HEADER = """\
static inline int half(int n)
{
    if (n < 0)
        return -half(-n);
    return n / 2;
}
"""
SOURCE = """\
#include <stdlib.h>
#include "../include/half.h"
int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 0;

    if (n > 1000)
        /* a comment does not end a range */
        return n +

            half(n);
    if (n == 7)
        return 3;
    return half(n) == n;
}
"""


@pytest.fixture
def tree(tmp_path):
    """A program built from a header, a counted source and one that is not counted."""
    for name, text in [("include/half.h", HEADER), ("src/main.c", SOURCE),
                       ("kunit/main.c", SOURCE)]:
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        if name.endswith(".c"):
            build(path)
    return tmp_path / "tree"


def build(source):
    binary = source.with_suffix("")
    subprocess.run(["gcc", "--coverage", "-O0", "-c", source, "-o", f"{binary}.o"], check=True)
    subprocess.run(["gcc", "--coverage", f"{binary}.o", "-o", binary], check=True)


def run_in_guest(tree, guest, program, *arguments):
    """Run it, and keep the counters as line_coverage.save() does."""
    counters = (tree / program).with_suffix(".gcda")
    counters.unlink(missing_ok=True)
    subprocess.run([tree / program, *arguments], check=False)
    kept = tree / "coverage" / guest / f"{program}.gcda"
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(counters, kept)
    kept.with_suffix(".gcno").symlink_to(counters.with_suffix(".gcno"))


def said(tree, capsys):
    line_coverage.report(tree / "coverage", str(tree), True)
    return capsys.readouterr().out


def test_what_never_ran_is_named(tree, capsys):
    run_in_guest(tree, "one", "src/main", "0")
    assert said(tree, capsys).splitlines()[1:-1] == [
        line_coverage.row("include/half.h", 4, 3), "    4",
        line_coverage.row("src/main.c", 8, 5), "    9-11 13",
        line_coverage.row("sum", 12, 8)]


def test_guests_and_objects_are_added_up(tree, capsys):
    run_in_guest(tree, "one", "src/main", "7")
    run_in_guest(tree, "two", "src/main", "2000")
    run_in_guest(tree, "two", "kunit/main", "-2")
    (tree / "coverage" / "three").mkdir()
    text = said(tree, capsys)
    # the header's line ran in an object that is not counted itself
    assert line_coverage.row("include/half.h", 4, 4) in text
    assert "kunit" not in text
    assert text.endswith("\n2 guests were read, 1 died before\n")


def test_nothing_measured_is_an_error(tree):
    (tree / "coverage" / "one").mkdir(parents=True)
    with pytest.raises(line_coverage.CoverageError, match="no guest has left counters"):
        line_coverage.report(tree / "coverage", str(tree), False)


def test_sources_that_have_changed_are_an_error(tree):
    run_in_guest(tree, "one", "src/main", "0")
    source = pathlib.Path(tree, "src/main.c")
    source.write_text(SOURCE.replace("n == 7", "n == 7 && argc == 2"))
    build(source)
    with pytest.raises(line_coverage.CoverageError, match="run make coverage again"):
        line_coverage.report(tree / "coverage", str(tree), False)


class DeadGuest:
    """A guest that answers nothing any more."""

    kernel = "/cache/gcov-6.12"
    run_dir = "/logs/123456-dead"

    def sh(self, *_, **__):
        raise line_coverage.GuestError("the guest has gone")


class LivingGuest(DeadGuest):
    run_dir = "/logs/123456-alive"

    def __init__(self, answer):
        self.answer = answer

    def sh(self, *_, **__):
        return Result(self.answer, 0)


@pytest.fixture
def module_tree(tmp_path, monkeypatch):
    """Where the driver was built for the kernel that counts."""
    monkeypatch.setattr(kernels, "built_kernel", lambda _: DeadGuest.kernel)
    monkeypatch.setattr(kernels, "module_directory", lambda _: str(tmp_path / "module"))
    return tmp_path / "module"


def test_counters_are_kept_by_guest_and_object(module_tree, tmp_path):
    line_coverage.save(LivingGuest(f".{module_tree}/src/hw/a.gcda Zm9v\n"), tmp_path / "kept")
    kept = tmp_path / "kept" / "123456-alive" / "src" / "hw" / "a.gcda"
    assert kept.read_bytes() == b"foo"
    assert kept.with_suffix(".gcno").readlink() == module_tree / "src" / "hw" / "a.gcno"


def test_only_a_guest_that_died_is_missed(module_tree, tmp_path):
    line_coverage.save(DeadGuest(), tmp_path)
    line_coverage.save(LivingGuest(""), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["123456-dead"]


def test_a_second_end_of_a_guest_is_none(module_tree, tmp_path):
    line_coverage.save(LivingGuest(f".{module_tree}/src/a.gcda Zm9v\n"), tmp_path / "kept")
    died = DeadGuest()
    died.run_dir = LivingGuest.run_dir
    line_coverage.save(died, tmp_path / "kept")
    assert len(list((tmp_path / "kept").rglob("*.gcda"))) == 1
