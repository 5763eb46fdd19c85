# SPDX-License-Identifier: GPL-2.0-only
"""Which driver the guest loads.

SLUICE_DRIVER=in-tree runs the tests against the distribution's e1000 instead: where that passes
and Sluice fails, the driver is wrong and not the test.
"""
import os

import pytest

import ledger

DRIVER = os.environ.get("SLUICE_DRIVER", "sluice")
IS_SLUICE = DRIVER == "sluice"

sluice_only = pytest.mark.skipif(not IS_SLUICE, reason="the in-tree driver does not promise this")


def assert_ledgers(guest, netns_of=None):
    """Both ledger equations of every NIC; a NIC that is still busy gets the time to settle."""
    if not IS_SLUICE:
        return
    for i in range(len(guest.nics)):
        netns = (netns_of or {}).get(i)
        try:
            ledger.assert_balanced(guest.ethtool_stats(i, netns))
        except AssertionError:
            ledger.ledger(guest, i, netns=netns)
