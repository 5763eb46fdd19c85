# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the native XDP tests: one boot for a module, two NICs with the test on both wires."""
import pytest

from guest import Guest, Nic
from xdp import Port, restore


@pytest.fixture(scope="module")
def xdp_guest():
    """A guest with two NICs, the test holding the wires of both."""
    with Guest(nics=[Nic(), Nic()]) as guest:
        yield guest


@pytest.fixture(scope="module")
def module_ports(xdp_guest):
    """The two NICs, up and quiet, for a module's tests to share."""
    return [Port(xdp_guest, 0), Port(xdp_guest, 1)]


@pytest.fixture
def ports(module_ports):
    """The two NICs; afterwards without a program and with balanced counters."""
    yield module_ports
    restore(module_ports)
