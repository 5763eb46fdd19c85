# SPDX-License-Identifier: GPL-2.0-only
"""The documents say what the code says: counters, hooks, include order, ids and file names.

No guest and no root is needed.
"""
import io
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted((ROOT / "Documentation").glob("*.rst"))
sys.path.insert(0, str(ROOT / "scripts" / "checks"))

import includes  # noqa: E402

# A term of a definition list that is a name in literals: ``name`` alone on its line.
TERM = re.compile(r"^``([\w.]+)``$", re.MULTILINE)
LITERAL = re.compile(r"``([^`\n]+)``")
COUNTER = re.compile(r"\b(?:rxN|txN|dev)_\w+")
PATH = re.compile(r"^(?:include|src|scripts|Documentation)/[\w./-]*$")
# Names that look like a device counter and are none.
NO_COUNTERS = {"dev_count", "dev_lock", "dev_err_probe", "dev_hard_start_xmit"}
PLACEHOLDER = "xyz"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def name_table(source, table):
    """The strings of one of the tables of counter names in src/stats.c."""
    match = re.search(rf"\b{table}\[\] = \{{(.*?)^\}};", source, re.MULTILINE | re.DOTALL)
    assert match, f"src/stats.c has no table {table}"
    names = re.findall(r'= "(\w+)"', match[1])
    assert names, f"{table} of src/stats.c is empty"
    return names


def ethtool_counters():
    """Every name that ethtool -S shows, with N for the number of the queue."""
    source = read("src/stats.c")
    names = ["rxN_" + name for name in name_table(source, "sluice_rx_names")]
    names += ["txN_" + name for name in name_table(source, "sluice_tx_names")]
    names += name_table(source, "sluice_dev_names")
    single = re.findall(r'ethtool_(?:puts|sprintf)\(data, "([\w%]+)"', source)
    names += [name.replace("%u", "N") for name in single if "%s" not in name]
    assert "irqs" in names and "txN_in_flight" in names
    return names


def members(struct):
    """The members of a struct of function pointers and constants in backend.h."""
    match = re.search(rf"^struct {struct} \{{(.*?)^\}};", read("include/sluice/backend.h"),
                      re.MULTILINE | re.DOTALL)
    assert match, f"backend.h has no struct {struct}"
    # void (*name)(arguments)  or  type name
    names = [re.search(r"\(\*(\w+)\)\(|(\w+)$", declaration.strip())
             for declaration in match[1].split(";") if declaration.strip()]
    return [name[1] or name[2] for name in names]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_document_renders(path):
    """Plain reStructuredText that docutils has nothing to say about, with its licence."""
    try:
        from docutils.core import publish_string
    except ImportError:
        pytest.fail("no docutils: install the package python3-docutils", pytrace=False)
    text = path.read_text(encoding="utf-8")
    complaints = io.StringIO()
    publish_string(text, source_path=str(path), writer_name="null", settings_overrides={
        "report_level": 1, "halt_level": 5, "warning_stream": complaints,
        "file_insertion_enabled": False, "raw_enabled": False})
    assert not complaints.getvalue()
    assert text.startswith(".. SPDX-License-Identifier: GPL-2.0-only\n")


def test_there_are_documents():
    """A directory without documents has shown nothing above."""
    assert {path.name for path in DOCUMENTS} >= {"architecture.rst", "backend.rst",
                                                 "counters.rst"}


def test_each_counter_is_explained_once():
    """counters.rst has one entry for every name of ethtool -S, and none for another one."""
    entries = TERM.findall(read("Documentation/counters.rst"))
    assert sorted(entries) == sorted(ethtool_counters())


def test_documents_name_only_counters_that_exist():
    """A counter that was renamed or removed must not live on in a sentence."""
    known = set(ethtool_counters()) | NO_COUNTERS
    unknown = {f"{path.name}: {word}" for path in DOCUMENTS
               for word in COUNTER.findall(path.read_text(encoding="utf-8"))
               if word not in known}
    assert not unknown


def test_ledger_equations_match_the_tests():
    """The two equations of counters.rst are those that every guest test ends with."""
    import ledger
    text = read("Documentation/counters.rst")
    block = re.search(r"hold exactly::\n\n(.*?)\n\n\*Quiet\*", text, re.DOTALL)
    rx, tx = block[1].split("\n\n")
    assert re.findall(r"rxN_(\w+)", rx) == ["frames"] + ledger.RX_ENDS
    assert sorted(re.findall(r"txN_(\w+)", tx)) == sorted(ledger.TX_STARTS + ledger.TX_ENDS)


@pytest.mark.parametrize("struct", ["sluice_dp", "sluice_hw_ops", "sluice_board"])
def test_each_hook_is_explained_once(struct):
    """backend.rst has an entry for every member of the structs that a backend fills in."""
    text = read("Documentation/backend.rst")
    section = re.search(rf"^``struct {struct}``\n=+\n(.*?)(?=^[^\n]+\n={{4,}}\n|\Z)", text,
                        re.MULTILINE | re.DOTALL)
    assert section, f"backend.rst has no section on struct {struct}"
    names = members(struct)
    assert names
    assert sorted(TERM.findall(section[1])) == sorted(names)


def test_include_order_is_the_one_that_is_enforced():
    """architecture.rst states the order of scripts/checks/includes.py."""
    existing = [stem for stem in includes.ENGINE_ORDER
                if (ROOT / "include" / "sluice" / f"{stem}.h").exists()]
    assert " < ".join(existing) in read("Documentation/architecture.rst")


def test_named_files_exist():
    """Every path in literals is there, and every source file is in architecture.rst."""
    missing = {f"{path.name}: {name}" for path in DOCUMENTS
               for name in LITERAL.findall(path.read_text(encoding="utf-8"))
               if PATH.match(name) and PLACEHOLDER not in name and not (ROOT / name).exists()}
    assert not missing
    listed = set(LITERAL.findall(read("Documentation/architecture.rst")))
    sources = {str(path.relative_to(ROOT)) for pattern in ("include/sluice/*.h", "src/**/*.[ch]")
               for path in ROOT.glob(pattern) if not path.name.endswith(".mod.c")}
    assert sources and not sources - listed


def test_functions_on_a_packets_way_exist():
    """stack.rst names our functions as they are called; a macro makes some for each format."""
    sources = "".join(path.read_text(encoding="utf-8") for directory in ("include", "src")
                      for path in (ROOT / directory).rglob("*.[ch]"))
    made = {f"sluice_e1000_{end}" for end in re.findall(r"\bsluice_##name##_(\w+)\(", sources)}
    names = re.findall(r"``((?:sluice|e1000|vnet)_\w+)\(\)``", read("Documentation/stack.rst"))
    assert names
    assert not [name for name in names if name not in made and f"{name}(" not in sources]


# README

def test_readme_begins_with_the_two_commands():
    """Who opens the project finds on the first screen how to run and to test it."""
    screen = read("README.md").splitlines()[:25]
    for command in ("make run", "make test"):
        assert [line for line in screen if line.startswith(f"    {command} ")], command


def test_readme_lists_the_ids_that_the_driver_claims():
    """The table of NICs in README and the id table of src/pci.c agree."""
    vendors = {"INTEL": "8086", "REDHAT_QUMRANET": "1af4"}
    claimed = [f"{vendors[vendor]}:{device}" for vendor, device in
               re.findall(r"PCI_VDEVICE\((\w+), 0x([0-9a-f]{4})\)", read("src/pci.c"))]
    listed = re.findall(r"^\|[^|]+\| ([0-9a-f]{4}:[0-9a-f]{4}) \|", read("README.md"),
                        re.MULTILINE)
    assert claimed
    assert sorted(listed) == sorted(claimed)


def test_readme_links_every_document():
    """A document that README does not name is found by nobody."""
    linked = re.findall(r"\]\((Documentation/[^)]+)\)", read("README.md"))
    assert sorted(linked) == [str(path.relative_to(ROOT)) for path in DOCUMENTS]
