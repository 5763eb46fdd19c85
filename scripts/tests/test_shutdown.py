# SPDX-License-Identifier: GPL-2.0-only
"""Shutdown: power-off and reboot under traffic end in seconds, with the NIC's bus mastering off."""
import os
import re
import subprocess

import pytest

from floods import BothWays
from guest import Guest, Nic
from xdp import Port

BOUND = 20
COMMAND, MASTER = 4, 4
# As the emulator traces it: "pci_cfg_write e1000 04:0 @0x4 <- 0x103", the bus before it since 7.0
CONFIGURATION_WRITE = re.compile(r"pci_cfg_write (\S+) .*@0x([0-9a-f]+) <- 0x([0-9a-f]+)")


def command_writes(path):
    """What was written to the NIC's command register, in order."""
    with open(path, encoding="utf-8") as trace:
        found = [m.groups() for m in CONFIGURATION_WRITE.finditer(trace.read())]
    return [int(value, 16) for name, offset, value in found
            if name == Nic.default_model.device and int(offset, 16) == COMMAND]


@pytest.mark.parametrize("how", ["poweroff", "reboot"])
def test_shutdown_under_traffic_leaves_no_dma(tmp_path, how):
    """The machine goes down in a flood both ways: in time, in silence, bus mastering off."""
    trace = os.path.join(tmp_path, "trace")
    guest = Guest(nics=[Nic()], extra_args=["-D", trace, "-trace", "pci_cfg_write"])
    guest.boot()
    try:
        Port(guest, 0)
        floods = BothWays(guest, 0).__enter__()
        floods.wait_flowing()
        assert command_writes(trace)[-1] & MASTER
        guest.spawn(f"{how} -f", bare=True)
        guest.process.wait(BOUND)
        assert command_writes(trace)[-1] & MASTER == 0
        floods.host.running = False
        guest.check_console()
    except subprocess.TimeoutExpired:
        pytest.fail(f"no {how} after {BOUND} s\n{guest.log.tail(40)}")
    finally:
        guest.power_off()
