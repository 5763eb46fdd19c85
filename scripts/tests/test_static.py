# SPDX-License-Identifier: GPL-2.0-only
"""The static checks of scripts/checks, and the proof that each of them can fail.

No guest and no root is needed. A missing tool fails the test with the name of its package.
"""
import ast
import re
import subprocess
from pathlib import Path

import pytest

CHECKS = Path(__file__).resolve().parents[1] / "checks"
BAD = CHECKS / "bad"
NAMES = sorted(path.name for path in BAD.iterdir())
SEMANTIC_RULES = sorted((CHECKS.parent / "cocci").glob("*.cocci"))


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


def test_semantic_rules():
    """Nothing is missing on one path of many, as far as the semantic patches know."""
    passes("coccicheck")


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
                                           ("spelling", "codespell"),
                                           ("coccicheck", "coccinelle")])
def test_missing_tool_is_an_error(name, package, tmp_path):
    """Without its tool a check must not pass, and the message names the package to install."""
    status, output = run(name, "--root", BAD / name, env={"PATH": str(tmp_path)})
    assert status == 2
    assert f"install the package {package}" in output


def reports_of(rule):
    """What a semantic patch can say, up to the remedy, as patterns."""
    script = re.compile(r"^@script:python.*?^@@\n(.*?)(?=^@|^//|\Z)", re.MULTILINE | re.DOTALL)
    for match in script.finditer(rule.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(match[1])):
            if isinstance(node, ast.Call) and node.func.attr == "print_report":
                message = node.args[1].left if isinstance(node.args[1], ast.BinOp) else node.args[1]
                words = message.value.split("; ")[0].split("%s")
                yield rf"\[{rule.stem}\] " + ".+".join(map(re.escape, words))


def flagged_functions(rule):
    """The functions in a rule's examples, and whether the rule is expected to flag them."""
    expected = (BAD / "coccicheck" / "expected").read_text(encoding="utf-8")
    for path in (BAD / "coccicheck").rglob(f"{rule.stem}*.[ch]"):
        place = re.escape(str(path.relative_to(BAD / "coccicheck")))
        lines = [int(line) for line in re.findall(rf"^{place}:(\d+): \[{rule.stem}\]", expected,
                                                  re.MULTILINE)]
        starts = [(number, match[1]) for number, line in
                  enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
                  if (match := re.match(r"static .*?(\w+)\(", line))]
        for (start, name), (end, _) in zip(starts, starts[1:] + [(1 << 30, "")]):
            yield name, any(start <= line < end for line in lines)


@pytest.mark.parametrize("rule", SEMANTIC_RULES, ids=lambda rule: rule.stem)
def test_each_report_of_a_semantic_rule_is_expected(rule):
    """A pattern that has never matched may be one that cannot."""
    expected = (BAD / "coccicheck" / "expected").read_text(encoding="utf-8")
    patterns = list(reports_of(rule))
    assert patterns
    assert not [pattern for pattern in patterns if not re.search(pattern, expected)]


@pytest.mark.parametrize("rule", SEMANTIC_RULES, ids=lambda rule: rule.stem)
def test_semantic_rule_knows_good_from_bad(rule):
    """Its examples are bad_ functions, all of which it flags, and good_ ones, of which it none."""
    functions = list(flagged_functions(rule))
    assert {name.split("_")[0] for name, _ in functions} >= {"bad", "good"}
    assert not [name for name, flagged in functions if flagged == name.startswith("good")]


@pytest.mark.parametrize("path, part, limit", [("src/big.c", "core", "CORE_LIMIT"),
                                               ("src/hw/big_dp.c", "big", "BACKEND_LIMIT")])
def test_part_over_the_limit_is_flagged(tmp_path, path, part, limit):
    """The limits on core and backends; an example of 10,000 lines is made here, not kept."""
    most = re.search(rf"^{limit} = (\d+)$", (CHECKS / "size.py").read_text(), re.M)[1]
    big = tmp_path / path
    big.parent.mkdir(parents=True)
    big.write_text("int one(void)\n{\n\treturn 1;\n}\n" + "\n" * 10000, encoding="utf-8")
    status, output = run("size", "--root", tmp_path)
    assert status == 1
    assert f"{part} lines is 10004, the limit is {most};" in output
