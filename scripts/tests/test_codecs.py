# SPDX-License-Identifier: GPL-2.0-only
"""Unit tables over the descriptor codecs, run in the guest's kernel by a test module.

The emulator never reports a received checksum, so these tables are what covers those bits.
"""
import re

import pytest

import kernel_modules
from guest import Guest

RESULT = re.compile(r"codec (ok|FAILED): (.*)")
TABLES = {"rxd": 30, "txd lower": 14, "txd upper": 14, "txd": 64, "ctx offsets": 28,
          "ctx command": 28, "rxd bytes": 6, "txd bytes": 2, "ctx bytes": 1}


@pytest.fixture(scope="module")
def results():
    """What the module said about each case, and how insmod ended; one boot for all tables."""
    with Guest(driver=None) as guest:
        module = kernel_modules.install(guest, "codec_tables")
        loaded = guest.sh(f"dmesg -C; insmod {module}; echo insmod $?; dmesg", check=False).stdout
    return loaded


def cases(results, table):
    """[(verdict, name)] of one table."""
    found = [(match[1], match[2].partition(": ")) for match in RESULT.finditer(results)]
    return [(verdict, name) for verdict, (first, _, name) in found if first == table]


@pytest.mark.parametrize("table", TABLES)
def test_codec_table_holds(results, table):
    """RX status and error bits, TX flags, context fields, byte order: every case of the table."""
    seen = cases(results, table)
    assert [name for verdict, name in seen if verdict != "ok"] == [], results
    assert len(seen) >= TABLES[table]


def test_module_accepts_only_when_every_case_holds(results):
    """insmod ends well and the module's own total names no failure."""
    total = re.search(r"codec total: (\d+) cases, (\d+) failed", results)
    assert (int(total[1]) >= sum(TABLES.values()), int(total[2])) == (True, 0)
    assert "insmod 0" in results
