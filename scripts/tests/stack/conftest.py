# SPDX-License-Identifier: GPL-2.0-only
"""One guest for each file of the suite, and the ledgers of its NICs after each test."""
import sys

import pytest

import ledger
from counters import wait_for
from drivers import DRIVER, IS_SLUICE
from guest import Guest
from hosts import Bed, nics
from taps import PROGRAMS

# The tests know what the guest's programs send.
sys.path.insert(0, str(PROGRAMS))


@pytest.fixture(scope="module")
def bed(request):
    """The hosts of the suite; a file's CAPTURED are the NICs that the emulator captures."""
    with Guest(nics=nics(getattr(request.module, "CAPTURED", ())), driver=DRIVER) as guest:
        yield Bed(guest)


@pytest.fixture(autouse=True)
def balanced(bed):
    """Both ledger equations of each NIC; one that is still busy gets the time to settle."""
    yield
    if IS_SLUICE:
        wait_for(bed.all_stats, all_balanced, 20, "balanced ledgers")


def all_balanced(stats):
    """Whether no frame is missing; pytest shows the counters if one stays so."""
    try:
        for counters in stats:
            ledger.assert_balanced(counters)
    except AssertionError:
        return False
    return True
