# SPDX-License-Identifier: GPL-2.0-only
"""Accesses to an e1000's registers, counted by the emulator's own trace of the device."""
import collections

import pytest

from device_trace import DeviceTrace

REGION = 0x20000


class RegisterTrace(DeviceTrace):
    """The same by the offset of the register."""

    def during(self, work, regions="e1000-mmio"):
        found = collections.Counter()
        for (_, address), count in super().during(work, regions).items():
            found[address % REGION] += count
        return found


@pytest.fixture(scope="module")
def register_trace(tmp_path_factory):
    return RegisterTrace(str(tmp_path_factory.mktemp("trace") / "accesses"))
