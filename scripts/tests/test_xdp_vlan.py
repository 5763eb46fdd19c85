# SPDX-License-Identifier: GPL-2.0-only
"""Native XDP and the VLAN tag that the device takes out of a frame."""
import pytest

from guest import Nic
from xdp import SHORTEST_ON_WIRE, To, Verdict, received

pytest_plugins = ["xdp_fixtures"]

VID = 5
TCI = 3 << 13 | VID
SIZES = [68, 128, 1518]
by_whom = pytest.mark.parametrize("rxvlan", [
    pytest.param("on", marks=pytest.mark.needs("tags")), "off"])


@pytest.fixture
def tagged(ports):
    """The first NIC with a VLAN interface, so that the device lets the tag's frames in."""
    port = ports[0]
    port.sh(f"modprobe 8021q; ip link add link IF name vlan{VID} type vlan id {VID}; "
            f"echo 1 >/proc/sys/net/ipv6/conf/vlan{VID}/disable_ipv6; ip link set vlan{VID} up")
    yield port
    port.sh(f"ip link del vlan{VID}")
    strip(port, "on")


def strip(port, rxvlan):
    """Whether the device takes tags out, if it can."""
    if Nic.default_model.can("tags"):
        port.sh(f"ethtool -K IF rxvlan {rxvlan}")


def tagged_frames(port, verdict):
    return [port.order(size, verdict, seq=i, tag=TCI, to=To.DEV_1)
            for i, size in enumerate(SIZES)]


def without_tag(frame):
    return frame[:12] + frame[16:]


def short_padded(frame):
    return frame + bytes(max(0, SHORTEST_ON_WIRE - len(frame)))


@pytest.mark.needs("tags")
def test_tag_is_metadata(tagged):
    """xmo_rx_vlan_tag: a device-bound program reads protocol and TCI, or -ENODATA without a tag."""
    tagged.attach("tag_read", bound=True)
    untagged = [tagged.order(size, Verdict.DROP) for size in (60, 100)]
    tagged.wire.send_many(tagged_frames(tagged, Verdict.DROP) + untagged)
    counts = tagged.wait_count(len(SIZES) + len(untagged))
    assert (counts["TAG"], counts["TAG_TCI"]) == (len(SIZES), TCI * len(SIZES))
    assert (counts["NO_TAG"], counts["TAG_ERR"]) == (len(untagged), 0)


def test_tag_in_band_is_no_metadata(tagged):
    """With rxvlan off the tag stays in the frame, and the driver reports none beside it."""
    strip(tagged, "off")
    tagged.attach("tag_read", bound=True)
    tagged.wire.send_many(tagged_frames(tagged, Verdict.DROP))
    counts = tagged.wait_count(len(SIZES))
    assert (counts["TAG"], counts["NO_TAG"]) == (0, len(SIZES))


@by_whom
def test_tag_survives_pass(tagged, rxvlan):
    """A passed frame arrives on its VLAN interface, whoever took the tag out."""
    strip(tagged, rxvlan)
    tagged.attach("obey_linear")
    frames = tagged_frames(tagged, Verdict.PASS)
    tagged.sh(f"BIN/framesink vlan{VID} /tmp/sink-vlan")
    try:
        tagged.wire.send_many(frames)
        tagged.wait_count(len(frames))
        sunk = tagged.read_sink("/tmp/sink-vlan", len(frames))
    finally:
        tagged.sh("pkill framesink")
    assert [s.frame for s in sunk] == [without_tag(frame) for frame in frames]


@pytest.mark.parametrize("verdict", [Verdict.TX, Verdict.REDIRECT], ids=lambda v: v.name)
@by_whom
def test_tag_on_the_way_out(tagged, ports, verdict, rxvlan):
    """TX and REDIRECT send the frame without a stripped tag; with rxvlan off the tag travels."""
    strip(tagged, rxvlan)
    tagged.attach("obey_linear")
    tagged.redirect_to(To.DEV_1, ports[1].name)
    frames = tagged_frames(tagged, verdict)
    tagged.wire.send_many(frames)
    out = tagged.wire if verdict is Verdict.TX else ports[1].wire
    expected = frames if rxvlan == "off" else [short_padded(without_tag(f)) for f in frames]
    assert received(out, len(frames)) == expected
