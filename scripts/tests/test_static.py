# SPDX-License-Identifier: GPL-2.0-only
"""The static checks of scripts/checks, and the proof that each of them can fail.

No guest and no root is needed. A missing tool fails the test with the name of its package.
"""
import subprocess
from pathlib import Path

import pytest

CHECKS = Path(__file__).resolve().parents[1] / "checks"
BAD = CHECKS / "bad"
NAMES = sorted(path.name for path in BAD.iterdir())


def run(name, *arguments, **options):
    """Run a check as a developer would, and return its exit status and output."""
    result = subprocess.run([CHECKS / f"{name}.py", *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False, **options)
    return result.returncode, result.stdout


def passes(name, *arguments):
    """Fail with the check's own messages when it finds anything in the driver."""
    status, output = run(name, *arguments)
    if status != 0:
        pytest.fail(output, pytrace=False)
    print(output)


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """One copy of the driver that the checks of built code share."""
    return tmp_path_factory.mktemp("static") / "build"


def test_w1_build_is_silent(build):
    """W=1 gives no warning, and every source file is built."""
    passes("w1_build", "--build", build)


def test_sparse_is_silent(build):
    """Sparse finds no missing endian conversion or address space."""
    passes("sparse", "--build", build)


def test_datapath_has_no_indirect_call(build):
    """The compiler has folded the descriptor format into every datapath function."""
    passes("indirect_calls", "--build", build)


def test_include_direction():
    """Engine, core and backends see only what they may see."""
    passes("includes")


def test_function_and_driver_size():
    """Functions fit a screen, and the driver an afternoon."""
    passes("size")


def test_no_forbidden_construct():
    """No conditional in a .c file, module parameter, BUG_ON, unfinished work and the like."""
    passes("forbidden")


def test_checkpatch_strict():
    """The kernel's style, strictly."""
    passes("checkpatch")


def test_kernel_doc_is_complete():
    """Every definition of the engine is documented, with context and return value."""
    passes("kernel_doc")


def test_scripts_are_lint_free():
    """Shell and Python hold to their linters."""
    passes("script_lint")


def test_spelling():
    """No common misspelling."""
    passes("spelling")


def test_every_check_has_a_bad_example():
    """A check without one has never been seen to fail."""
    executables = {path.stem for path in CHECKS.glob("*.py") if path.stat().st_mode & 0o111}
    assert executables == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_check_flags_its_bad_example(name):
    """Exactly the expected findings: each line of 'expected' starts one line of the output."""
    status, output = run(name, "--root", BAD / name)
    expected = (BAD / name / "expected").read_text(encoding="utf-8").splitlines()
    places = {line.split(" ")[0] for line in expected}
    found = [line for line in output.splitlines() if line.split(" ")[0] in places]
    for line in expected:
        place, text = line.split(" ", 1)
        hits = [hit for hit in found if hit.startswith(place) and text in hit]
        assert hits, f"{name} does not say: {line}\n{output}"
        found.remove(hits[0])
    assert status == 1, output
    assert f" {len(expected)} findings" in output, f"unexpected findings:\n{output}"


@pytest.mark.parametrize("name", NAMES)
def test_check_of_nothing_fails(name, tmp_path):
    """A check that found nothing to look at has not shown anything."""
    status, output = run(name, "--root", tmp_path)
    assert status != 0
    assert "nothing" in output


@pytest.mark.parametrize("name, package", [("script_lint", "shellcheck"), ("sparse", "sparse"),
                                           ("spelling", "codespell")])
def test_missing_tool_is_an_error(name, package, tmp_path):
    """Without its tool a check must not pass, and the message names the package to install."""
    status, output = run(name, "--root", BAD / name, env={"PATH": str(tmp_path)})
    assert status == 2
    assert f"install the package {package}" in output


def test_driver_over_the_limit_is_flagged(tmp_path):
    """The limit on the whole driver; an example of 6,000 lines is made here, not kept."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "big.c").write_text("int one(void)\n{\n\treturn 1;\n}\n" + "\n" * 6100,
                                            encoding="utf-8")
    status, output = run("size", "--root", tmp_path)
    assert status == 1
    assert "driver lines is 6104, the limit is 6100" in output
