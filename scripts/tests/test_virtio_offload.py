# SPDX-License-Identifier: GPL-2.0-only
"""What virtio does for the stack where the host's end is a TCP/IP stack of its own: checksums and
segments left to whoever needs them, in both directions, and several queues.

The other end is a tap in a namespace of the host's.  What arrives is compared byte by byte, by a
digest, and the counters say who has cut and who has summed.
"""
import hashlib

import pytest

import tap_namespace
from counters import Growth, wait_for
from drivers import assert_ledgers
from guest import Guest, Nic
from topology import bring_up

pytestmark = pytest.mark.skipif(bool(tap_namespace.why_not()), reason=str(tap_namespace.why_not()))

FORMATS = {"virtio": ("virtio", ""), "virtio-packed": ("virtio-packed", ""),
           "virtio with hashes": ("virtio", ",rss=on,hash=on"),
           "virtio without a command": ("virtio", ",ctrl_guest_offloads=off")}
PORT = 6400
BYTES = 2 << 20
# A segment's payload, and half of what the host's stack would send uncut.
MSS, UNCUT = 1448, 16 << 10
SOURCE = ("import hashlib, os, socket, sys; data = os.urandom({bytes}); "
          "s = socket.create_connection(('{address}', {port})); s.sendall(data); "
          "s.shutdown(1); print(hashlib.sha256(data).hexdigest())")
SINK = ("import hashlib, socket; l = socket.create_server(('{address}', {port}), "
        "family=socket.AF_INET6 if ':' in '{address}' else socket.AF_INET); "
        "print('ready', flush=True); s = l.accept()[0]; h = hashlib.sha256(); "
        "[h.update(d) for d in iter(lambda: s.recv(65536), b'')]; print(h.hexdigest())")


@pytest.fixture(scope="module")
def guest():
    """A NIC of two queue pairs in each ring format, and with the longer header of HASH_REPORT, and
    their taps with addresses."""
    nics = [Nic(model=model, options="mq=on,vectors=6" + more, wire=("tap", 2))
            for model, more in FORMATS.values()]
    with Guest(nics=nics) as running:
        running.sh("sysctl -qw net.ipv6.conf.default.accept_dad=0")
        running.namespace.sh("sysctl -qw net.ipv6.conf.default.accept_dad=0")
        for i, nic in enumerate(nics):
            tap = nic.tap()
            running.namespace.sh(
                f"ip link set {tap} up; ip addr add {host(i, 4)}/24 dev {tap}; "
                f"ip addr add {host(i, 6)}/64 dev {tap} nodad")
            bring_up(running, i, f"10.64.{i}.2/24", f"fd64:{i}::2/64")
        yield running


@pytest.fixture(autouse=True)
def balanced(guest):
    yield
    assert_ledgers(guest)


@pytest.fixture(params=range(len(FORMATS)), ids=list(FORMATS))
def i(request):
    return request.param


def host(i, version):
    """The namespace's address on a NIC's tap."""
    return f"10.64.{i}.1" if version == 4 else f"fd64:{i}::1"


def mine(i, version):
    """The guest's."""
    return f"10.64.{i}.2" if version == 4 else f"fd64:{i}::2"


def script(text, **values):
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return f'python3 -c "{text}"'


def send(guest, i, version):
    """Random bytes to the host over TCP; they arrive as they were sent."""
    address = host(i, version)
    sink = guest.namespace.spawn(script(SINK, address=address, port=PORT))
    assert sink.stdout.readline() == "ready\n"
    sent = guest.sh(script(SOURCE, address=address, port=PORT, bytes=BYTES), timeout=60).stdout
    assert len(sent.strip()) == hashlib.sha256().digest_size * 2
    assert sink.communicate(timeout=60)[0] == sent


def receive(guest, i, version):
    """Random bytes from the host over TCP; they arrive as they were sent."""
    address = mine(i, version)
    sink = guest.spawn(script(SINK, address=address, port=PORT))
    listening = f"ss -Hltn 'sport = {PORT}'"
    wait_for(lambda: guest.sh(listening).stdout, bool, 20, "a listening socket")
    source = guest.namespace.spawn(script(SOURCE, address=address, port=PORT, bytes=BYTES))
    assert sink.wait(60).stdout == "ready\n" + source.communicate(timeout=60)[0]


def total(seen, name):
    """A counter of both queues."""
    way, _, what = name.partition("_")
    return seen[f"{way}0_{what}"] + seen[f"{way}1_{what}"]


def switched(guest, i, words):
    guest.sh(f"ethtool -K {guest.ifname(i)} {words}")


@pytest.mark.parametrize("version", [4, 6])
def test_device_cuts_what_is_sent(guest, i, version):
    """TSO: one frame for many segments; without it, one for each."""
    grown = Growth(lambda: guest.ethtool_stats(i))
    send(guest, i, version)
    seen = grown()
    assert total(seen, "tx_packets") > 4 * total(seen, "tx_accepted")
    switched(guest, i, "tso off")
    grown = Growth(lambda: guest.ethtool_stats(i))
    send(guest, i, version)
    seen = grown()
    assert total(seen, "tx_packets") == total(seen, "tx_accepted") >= BYTES // MSS
    switched(guest, i, "tso on")


@pytest.mark.parametrize("version", [4, 6])
def test_device_leaves_what_it_received_uncut(guest, i, version):
    """GRO_HW: frames of many segments; without it, none is larger than the MTU."""
    grown = Growth(lambda: guest.ethtool_stats(i))
    receive(guest, i, version)
    seen = grown()
    assert total(seen, "rx_bytes") > UNCUT * total(seen, "rx_frames") // 2
    switched(guest, i, "rx-gro-hw off")
    grown = Growth(lambda: guest.ethtool_stats(i))
    receive(guest, i, version)
    seen = grown()
    assert total(seen, "rx_frames") >= BYTES // MSS
    switched(guest, i, "rx-gro-hw on")


@pytest.mark.parametrize("words", ["tx off", "rx off", "tx off rx off"])
@pytest.mark.parametrize("version", [4, 6])
def test_checksums_without_the_device(guest, i, version, words):
    """Whoever sums, the bytes arrive."""
    switched(guest, i, words)
    send(guest, i, version)
    receive(guest, i, version)
    switched(guest, i, words.replace("off", "on"))


def test_both_queues_carry_frames(guest, i):
    """Flows are spread over the queue pairs, each with an interrupt of its own."""
    server = guest.namespace.spawn("iperf3 -s -1")
    grown = Growth(lambda: guest.ethtool_stats(i))
    guest.sh(f"sleep 1; iperf3 -c {host(i, 4)} -P 16 -n 16M", timeout=60)
    server.wait(20)
    seen = grown()
    assert min(seen[f"tx{q}_accepted"] for q in (0, 1)) > 0
    assert min(seen[f"rx{q}_frames"] for q in (0, 1)) > 0


def test_channels_change_under_traffic(guest, i):
    """ethtool -L while frames go both ways: what was lost was lost by name, and little."""
    name = guest.ifname(i)
    pinger = guest.namespace.spawn(f"ping -q -c 2000 -i 0.002 -s 400 {mine(i, 4)}")
    for channels in (1, 2, 1, 2):
        guest.sh(f"ethtool -L {name} combined {channels}")
        queues = guest.sh(f"ls /sys/class/net/{name}/queues").stdout.split()
        assert len(queues) == 2 * channels
    answered = int(pinger.communicate(timeout=60)[0].split(" received")[0].split()[-1])
    assert answered >= 2000 - 4 * 256
    guest.sh(f"ping -c 3 -i 0.1 {host(i, 4)}")


def test_statistics_of_idle_queues_stay(guest, i):
    """A queue that is no longer used keeps its part of the interface's sum."""
    name = guest.ifname(i)
    before = guest.link_stats(i)["tx"]["packets"]
    guest.sh(f"ethtool -L {name} combined 1")
    assert guest.link_stats(i)["tx"]["packets"] >= before
    guest.sh(f"ethtool -L {name} combined 2")


def test_more_channels_than_the_device_has_are_refused(guest, i):
    """By the kernel, which knows the limit from us; nothing changes."""
    name = guest.ifname(i)
    done = guest.sh(f"ethtool -L {name} combined 3 2>&1", check=False)
    assert done.status != 0 and "exceeds maximum" in done.stdout
    guest.sh(f"ping -c 3 -i 0.1 {host(i, 4)}")
