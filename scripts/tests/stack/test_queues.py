# SPDX-License-Identifier: GPL-2.0-only
"""rx-softnet, qd-mq where a NIC has several queues: virtio-net, the host's end a tap."""
import json
import re

import pytest

import tap_namespace
from counters import Growth
from datagrams import PROGRAM
from drivers import assert_ledgers
from guest import Guest, Nic
from topology import bring_up

QUEUES, MANY, PORT = 2, 300, 7000
HOST, OURS = "10.64.0.1", "10.64.0.2"

pytestmark = [
    pytest.mark.skipif(Nic.default_model.can("8254x"), reason="an 8254x has one queue"),
    pytest.mark.skipif(bool(tap_namespace.why_not()), reason=str(tap_namespace.why_not()))]


def acquaint(guest, nic):
    """Both ends know each other for good: nobody asks while frames are counted."""
    mac = json.loads(guest.namespace.sh(f"ip -j link show dev {nic.tap()}"))[0]["address"]
    guest.sh(f"ip neigh replace {HOST} lladdr {mac} dev {guest.ifname(0)}")
    guest.namespace.sh(f"ip neigh replace {OURS} lladdr {nic.mac} dev {nic.tap()}")


@pytest.fixture(scope="module")
def guest():
    nic = Nic(options="mq=on,vectors=6", wire=("tap", QUEUES))
    with Guest(nics=[nic]) as running:
        running.sh("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
        running.namespace.sh(f"ip link set {nic.tap()} up; ip addr add {HOST}/24 dev {nic.tap()}")
        bring_up(running, 0, f"{OURS}/24")
        acquaint(running, nic)
        running.sh(f"ping -i 0.2 -c 1 -w 20 {HOST}")
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


def accepted(guest):
    """Frames by the queue that took them."""
    stats = guest.ethtool_stats(0)
    return {queue: stats[f"tx{queue}_accepted"] for queue in range(QUEUES)}


def send_from(guest, cpu):
    """MANY datagrams of as many flows by one CPU."""
    flows = " ".join(f"{port}:{MANY // 10}" for port in range(6001, 6011))
    guest.sh(f"taskset -c {cpu} {PROGRAM} send {HOST} {PORT} {flows}")


@pytest.mark.parametrize("cpu", range(QUEUES))
def test_rx_softnet_xps(guest, cpu):
    """rx-softnet: xps_cpus says which queue a CPU sends by, also when it is crosswise."""
    name = guest.ifname(0)
    for queue in range(QUEUES):
        guest.sh(f"echo {1 << (1 - queue)} > /sys/class/net/{name}/queues/tx-{queue}/xps_cpus")
    grown = Growth(lambda: accepted(guest))
    send_from(guest, cpu)
    now = grown()
    assert MANY <= now[1 - cpu] < MANY + 20 and now[cpu] < 20


def sent_by_class(guest, kind):
    """Packets of each of mq's children of one kind."""
    text = guest.sh(f"tc -s qdisc show dev {guest.ifname(0)}").stdout
    return [int(number) for number in
            re.findall(rf"qdisc {kind} .*parent \S+:\d.*\n Sent \d+ bytes (\d+) pkt", text)]


@pytest.mark.parametrize("kind", ["fq_codel", "pfifo_fast", "fq"])
def test_qd_mq(guest, kind):
    """qd-mq: a qdisc for each queue, which counts what its queue sends."""
    name = guest.ifname(0)
    guest.sh(f"sysctl -qw net.core.default_qdisc={kind} && "
             f"tc qdisc replace dev {name} root pfifo && tc qdisc replace dev {name} root mq")
    assert "qdisc mq" in guest.sh(f"tc qdisc show dev {name}").stdout
    before, grown = sent_by_class(guest, kind), Growth(lambda: accepted(guest))
    assert len(before) == QUEUES
    for cpu in range(QUEUES):
        send_from(guest, cpu)
    after = sent_by_class(guest, kind)
    sent = [b - a for a, b in zip(before, after)]
    assert sent == list(grown().values())
    assert min(sent) >= MANY
