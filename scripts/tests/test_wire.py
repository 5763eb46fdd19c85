# SPDX-License-Identifier: GPL-2.0-only
"""The test's end of a wire whose other end is not a NIC.  What a NIC does is in test_runner.py."""
import socket

import pytest

import wire
from wire import Wire, WireError


@pytest.fixture
def peer(tmp_path):
    """Who should take the frames."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "peer"))
        yield sock


def test_peer_that_takes_nothing_is_an_error(peer, tmp_path, monkeypatch):
    """A driver that has stopped receiving fails its test, which would else never end."""
    monkeypatch.setattr(wire, "SEND_LIMIT", 1)
    end = Wire(str(tmp_path / "host"), peer.getsockname())
    with pytest.raises(WireError, match="has not taken a frame of 1500 bytes within 1 s"):
        end.send_many([bytes(1500)] * 100000)
    end.close()


def test_peer_that_is_gone_is_an_error(tmp_path):
    end = Wire(str(tmp_path / "host"), str(tmp_path / "nobody"))
    with pytest.raises(WireError, match="cannot send 60 bytes to the guest"):
        end.send(bytes(60))
    end.close()


def test_stalled_wire_takes_one_frame_at_most_and_all_of_them_afterwards(peer, tmp_path):
    end = Wire(str(tmp_path / "host"), peer.getsockname())
    with end.stalled():
        for number in range(10):
            peer.sendto(bytes([number]), end.host_path)
        # the one that it was waiting for already
        early = end.recv_many(2, timeout=0.3)
        assert len(early) <= 1
    assert early + end.recv_many(10 - len(early)) == [bytes([number]) for number in range(10)]
    end.close()
