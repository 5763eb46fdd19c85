# SPDX-License-Identifier: GPL-2.0-only
"""scripts/mutate: its list fits the sources, and it names what survives.

Whether the driver's mutations are caught takes hours and is asked by make mutate.
"""
import pathlib
import re
import subprocess
import sys

import pytest

import mutations
from kernels import PROJECT, SCRIPTS
from mutations import MutationError

MUTATIONS = mutations.read()
TESTS = SCRIPTS / "tests"
CASE = re.compile(r"\bKUNIT_CASE(?:_\w+)?\((\w+)")
SUITE = re.compile(r'\.name\s*= "(sluice_\w+)"')

# A mutation that a semantic rule sees, and one that nobody can see without running it.
EXAMPLE = """\
static void example(struct netdev_queue *nq)
{
\t__netif_tx_lock(nq, 0);
\texample_send(nq, 1);
\t__netif_tx_unlock(nq);
}
"""
CAUGHT = """\
[unlock] src/example.c
what: the lock is kept
 \texample_send(nq, 1);
-\t__netif_tx_unlock(nq);
"""
SURVIVOR = """\
[quantity] src/example.c
what: twice as many are sent
-\texample_send(nq, 1);
+\texample_send(nq, 2);
"""


# The list

def test_every_mutation_fits_the_sources():
    """Its old lines are there, once; who changes them corrects the list."""
    for mutation in MUTATIONS:
        text = pathlib.Path(PROJECT, mutation.path).read_text(encoding="utf-8")
        assert mutation.applied(text) != text


def test_there_are_enough_with_names_of_their_own():
    assert len(MUTATIONS) >= 40
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_every_part_of_the_driver_is_broken():
    """Each file with code that runs; tracepoints, tables and dumps are for the eye."""
    wanted = {str(path.relative_to(PROJECT)) for pattern in ("src/*.c", "src/hw/*.c")
              for path in pathlib.Path(PROJECT).glob(pattern) if not path.name.endswith(".mod.c")}
    wanted -= {"src/trace.c", "src/hw/e1000_debug.c"}
    wanted |= {f"include/sluice/{name}.h" for name in ("ring", "tx", "rx", "xdp", "datapath")}
    assert wanted - {mutation.path for mutation in MUTATIONS} == set()


def kunit_tests():
    """Every suite, and every test as KUnit's filter names it."""
    for path in pathlib.Path(PROJECT, "kunit").glob("*_test.c"):
        text = path.read_text(encoding="utf-8")
        suite, = SUITE.findall(text)
        yield suite
        yield from (f"{suite}.{case}" for case in CASE.findall(text))


def exists(test):
    """Whether pytest finds what a mutation names, file.py or file.py::function."""
    name, _, function = test.partition("::")
    path = TESTS / name
    return path.is_file() and f"\ndef {function}" in path.read_text(encoding="utf-8")


def test_expected_places_exist():
    known = {"", *kunit_tests()}
    assert [m.kunit for m in MUTATIONS if m.kunit not in known] == []
    assert [test for m in MUTATIONS for test in m.guest
            if not test.startswith("--nic=") and not exists(test)] == []


@pytest.mark.parametrize("text, message", [
    pytest.param("unlock src/example.c\n", "not the head of a mutation", id="head"),
    pytest.param("[unlock] src/example.c\nwhy: none\n-a\n", "neither what, kunit, guest nor",
                 id="field"),
    pytest.param("[unlock] src/example.c\nwhat: no\n same\n", "has to say what it breaks",
                 id="no change"),
    pytest.param("[unlock] src/example.c\n-a\n+b\n", "has to say what it breaks", id="no reason"),
])
def test_list_that_says_nothing_is_refused(tmp_path, text, message):
    (tmp_path / "list").write_text(text)
    with pytest.raises(MutationError, match=message):
        mutations.read(tmp_path / "list")


@pytest.mark.parametrize("text, times", [
    pytest.param("a = 1;\nb = 1;\n", 0, id="none"),
    pytest.param("a = 2;\na = 2;\n", 2, id="two"),
    pytest.param("aa = 2;\n", 1, id="end of a line"),
])
def test_lines_that_are_not_there_once_are_refused(text, times):
    """Also if they are but the end of a line."""
    mutation = mutations.Mutation("name", "src/example.c", "what", "", (), "a = 2;\n", "a = 3;\n")
    with pytest.raises(MutationError, match=f"its old lines are {times} times in src/example.c"):
        mutation.applied(text)


# The program, with the one layer that is quick

def mutate(tmp_path, listed, source=EXAMPLE):
    """Status and output of scripts/mutate on a driver of one function."""
    (tmp_path / "root/src").mkdir(parents=True)
    (tmp_path / "root/src/example.c").write_text(source)
    (tmp_path / "list").write_text(listed)
    done = subprocess.run([sys.executable, "-B", SCRIPTS / "mutate", "--layer=static",
                           "--root", tmp_path / "root", "--work", tmp_path / "work",
                           "--mutations", tmp_path / "list"], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (tmp_path / "root/src/example.c").read_text() == source, "it has changed the tree"
    return done.returncode, done.stdout


def test_survivor_is_reported(tmp_path):
    status, output = mutate(tmp_path, CAUGHT + "\n" + SURVIVOR)
    assert re.search(r"^ +\d+ s  unlock +static: tx_lock$", output, re.M), output
    assert re.search(r"^ +\d+ s  quantity +SURVIVED$", output, re.M), output
    assert "``quantity``  **survived**" in output
    assert output.endswith("\n1 caught, 1 survived\n")
    assert status == 1


def test_all_caught_is_success(tmp_path):
    status, output = mutate(tmp_path, CAUGHT)
    assert output.endswith("\n1 caught, 0 survived\n"), output
    assert status == 0


def test_sources_that_fail_unbroken_show_nothing(tmp_path):
    """Else every mutation would seem to be caught."""
    broken = EXAMPLE.replace("}\n", "\t__netif_tx_unlock(nq);\n}\n")
    status, output = mutate(tmp_path, SURVIVOR, broken)
    assert "static fails without any mutation: tx_lock" in output
    assert status == 2


def test_list_that_does_not_fit_is_an_error(tmp_path):
    status, output = mutate(tmp_path, SURVIVOR.replace("nq, 1", "nq, 7"))
    assert "quantity: its old lines are 0 times in src/example.c" in output
    assert status == 2
