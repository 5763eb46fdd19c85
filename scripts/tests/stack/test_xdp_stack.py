# SPDX-License-Identifier: GPL-2.0-only
"""xdp-*: before the skb, after it, not in the device, and on to elsewhere."""

import pytest

from tracepoints import counted_calls, counted_events
from xdp import To, Verdict, check_ledger, received, sums

pytest_plugins = ["xdp_fixtures"]

# How often each verdict is ordered; the same in both modes.
ORDERED = {Verdict.ABORTED: 20, Verdict.DROP: 110, Verdict.PASS: 40, Verdict.TX: 60}
SIZES = [60, 61, 300, 1000, 1514]
MANY = 200


@pytest.fixture(autouse=True)
def balanced(ports):
    """These NICs are not those of the bed."""
    yield
    for port in ports:
        check_ledger(port)


def orders(port):
    """All that is ordered, one verdict after the other, as long as may be."""
    return [port.order(SIZES[n % len(SIZES)], verdict, seq=n)
            for verdict, count in ORDERED.items() for n in range(count)]


def obeyed(port, mode):
    """What became of the orders: the program's counts, skbs made and given to the stack, frames
    passed, frames sent back."""
    port.attach("obey_linear", mode=mode)
    port.counts(reset=True)
    with counted_calls(port.guest, "napi_build_skb") as built, \
            counted_events(port.guest, "net:netif_receive_skb", "len",
                           f'name=="{port.name}"') as given, port.sink() as sunk:
        port.wire.send_many(orders(port))
        counts = port.wait_count(sum(ORDERED.values()))
        passed = [s.frame for s in sunk(ORDERED[Verdict.PASS])]
        skbs = built.total(), given.total()
    back = received(port.wire, ORDERED[Verdict.TX])
    port.detach(mode)
    return {verdict: counts[verdict.name] for verdict in ORDERED}, skbs, passed, back


@pytest.mark.parametrize("mode", ["native", "generic"])
def test_xdp(ports, mode):
    """xdp-native, xdp-generic: the same counts; only native makes no skb of what does not pass."""
    port = ports[0]
    counts, skbs, passed, back = obeyed(port, mode)
    sent = orders(port)
    assert counts == ORDERED
    assert skbs == 2 * ({"native": ORDERED[Verdict.PASS], "generic": sum(ORDERED.values())}[mode],)
    of = {verdict: [f for f in sent if f[18] == verdict] for verdict in ORDERED}
    assert (passed, back) == (of[Verdict.PASS], of[Verdict.TX])


def test_xdp_offload(ports):
    """xdp-offload: refused in the driver's words; the program in native mode runs on."""
    port = ports[0]
    port.attach("obey_linear")
    before = port.attached()
    refused = port.attach("obey_linear", mode="offload", check=False)
    assert refused.status != 0
    assert "the NIC cannot run programs itself; attach in native mode (xdpdrv)" in refused.stdout
    assert port.attached() == before
    port.wire.send_many([port.order(100, Verdict.TX, seq=n) for n in range(MANY)])
    assert len(received(port.wire, MANY)) == MANY


def redirects(port, to):
    return [port.order(SIZES[n % len(SIZES)], Verdict.REDIRECT, to=to, seq=n) for n in range(MANY)]


def grown(before, after):
    """The received frames and their ends."""
    names = ("rx0_frames", "rx0_xdp_redirect", "rx0_passed", "rx0_xdp_redirect_err")
    return tuple(after[name] - before[name] for name in names)


def test_xdp_redirect_to_a_nic(ports):
    """xdp-redirect: as many frames leave the other NIC as came, byte by byte."""
    near, far = ports
    near.attach("obey_linear")
    near.redirect_to(To.DEV_1, far.name)
    before, sent = near.stats(), redirects(near, To.DEV_1)
    near.wire.send_many(sent[:100])
    assert received(far.wire, 100) == sent[:100]
    near.wire.send_many(sent[100:])
    assert received(far.wire, MANY - 100) == sent[100:]
    assert grown(before, near.stats()) == (MANY, MANY, 0, 0)


def test_xdp_redirect_to_a_cpu(ports):
    """xdp-redirect: another CPU makes the skbs; the stack gets every frame."""
    port = ports[0]
    port.attach("obey_linear")
    port.sh("BIN/xdpctl cpumap IF 1 2048")
    before, sent = port.stats(), redirects(port, To.CPU)
    with port.sink() as sunk:
        port.wire.send_many(sent)
        assert [s.frame for s in sunk(MANY)] == sent
    assert grown(before, port.stats()) == (MANY, MANY, 0, 0)


def test_xdp_redirect_to_a_socket(ports):
    """xdp-redirect: an AF_XDP socket gets every frame, with every byte."""
    port = ports[0]
    port.attach("obey_linear")
    received_there = port.af_xdp("copy 3")
    before, sent = port.stats(), redirects(port, To.XSK)[:100]
    port.wire.send_many(sent)
    assert received_there() == sums(sent)
    assert grown(before, port.stats()) == (100, 100, 0, 0)
