# SPDX-License-Identifier: GPL-2.0-only
"""The runner itself: a test bed that overlooks a hang or a complaint would pass every driver.

The guest has no driver of ours loaded; the wire is tried with the in-tree e1000.
"""
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest

import models
from console import Console
from frames import (ETH_P_ARP, Flow, IPPROTO_ICMP, arp, icmp_echo, parse, pattern, read_pcap,
                    udp_frame)
from guest import Guest, GuestError, Nic, connect
from ledger import RX_ENDS, TX_ENDS, TX_STARTS, assert_balanced

PEER_MAC = "02:00:00:00:00:01"
GUEST_IP, PEER_IP = "10.1.0.1", "10.1.0.2"


@pytest.fixture(scope="module")
def bed():
    nics = [Nic(wire="dgram", pcap=True), Nic(wire=("pair", 0)), Nic(wire=("pair", 0))]
    with Guest(nics=nics, driver="in-tree") as g:
        dev = g.ifname(0)
        g.sh("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1;"
             f"ip addr add {GUEST_IP}/24 dev {dev}; ip link set {dev} up")
        yield g


# Connections

def test_socket_that_nobody_listens_to_yet_is_waited_for(tmp_path):
    path = str(tmp_path / "socket")
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    make = [threading.Timer(0.2, server.bind, [path]), threading.Timer(0.5, server.listen)]
    for step in make:
        step.start()
    with server, connect(path, lambda: True):
        assert not any(step.is_alive() for step in make)


@pytest.mark.parametrize("made", [False, True], ids=["nothing there", "nobody listens"])
def test_socket_of_who_has_ended_is_not_waited_for(tmp_path, made):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        if made:
            server.bind(path)
        with pytest.raises(OSError):
            connect(path, lambda: False)


# Commands

def test_command_answers_with_output_and_status(bed):
    assert bed.sh("echo out; echo err >&2; exit 3", check=False) == ("out\nerr\n", 3)
    with pytest.raises(GuestError, match="exit status 3: exit 3"):
        bed.sh("exit 3")


def test_large_output_arrives_whole(bed):
    lines = bed.sh("seq 200000").stdout.split()
    assert lines == [str(n) for n in range(1, 200001)]


def test_put_carries_any_bytes(bed):
    data = os.urandom(150000)
    bed.put("/tmp/data", data)
    digest = hashlib.sha256(data).hexdigest()
    assert bed.sh("sha256sum /tmp/data").stdout.split()[0] == digest


def test_commands_run_side_by_side(bed):
    jobs = [bed.spawn(f"sleep 1; echo {n}") for n in range(8)]
    started = time.monotonic()
    assert [job.wait().stdout for job in jobs] == [f"{n}\n" for n in range(8)]
    assert time.monotonic() - started < 6


def test_hung_command_is_ended(bed):
    with pytest.raises(GuestError, match="(?s)no end after 1 s: .*before.*console log: "):
        bed.sh("echo before; sleep 1000", timeout=1)
    assert bed.sh("pgrep -x sleep", check=False).stdout == ""


def test_job_is_stopped(bed):
    job = bed.spawn("echo started; exec sleep 1000")
    assert job.stop().status == 128 + 15
    assert bed.sh("pgrep -x sleep", check=False).stdout == ""


def test_guest_cannot_change_the_host(bed):
    marker = f"/root/sluice-{os.getpid()}"
    bed.sh(f"echo changed >{marker}; rm /bin/ls")
    assert not os.path.exists(marker) and os.path.exists("/bin/ls")


# Wires

def test_wire_carries_frames_both_ways(bed):
    wire, mac = bed.wire(0), bed.nics[0].mac
    wire.send(arp(1, PEER_MAC, PEER_IP, GUEST_IP))
    answer = next_packet(wire, lambda p: p.ethertype == ETH_P_ARP and p.dst_mac == PEER_MAC)
    assert answer.src_mac == mac
    flow = Flow(mac, PEER_MAC, PEER_IP, GUEST_IP)
    wire.send(icmp_echo(flow, payload=pattern(100)))
    reply = next_packet(wire, lambda p: p.protocol == IPPROTO_ICMP)
    assert (reply.ip_checksum_ok, reply.checksum_ok) == (True, True)
    assert reply.payload[8:] == pattern(100)


def next_packet(wire, wanted, timeout=5):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        frame = wire.recv(0.5)
        if frame and wanted(parse(frame)):
            return parse(frame)
    raise AssertionError("the packet has not come")


def udp_in_errors(bed):
    header, values = [line.split() for line in bed.sh("cat /proc/net/snmp").stdout.splitlines()
                      if line.startswith("Udp:")]
    counters = dict(zip(header, values))
    return int(counters["InCsumErrors"]), int(counters["NoPorts"])


def test_checksums_right_and_wrong_are_what_the_kernel_thinks(bed):
    flow = Flow(bed.nics[0].mac, PEER_MAC, PEER_IP, GUEST_IP)
    with_errors, without = udp_in_errors(bed)
    for n in range(10):
        bed.wire(0).send(udp_frame(flow, pattern(200 + n)))
        bed.wire(0).send(udp_frame(flow, pattern(200 + n), bad_checksum=True))
    time.sleep(1)
    assert udp_in_errors(bed) == (with_errors + 10, without + 10)


def test_no_frame_is_lost_towards_the_guest(bed):
    flow = Flow(bed.nics[0].mac, PEER_MAC, PEER_IP, GUEST_IP)
    before = bed.link_stats(0)["rx"]["packets"]
    frame = udp_frame(flow, pattern(64))
    assert bed.wire(0).send_many(frame for _ in range(5000)) == 5000
    time.sleep(1)
    assert bed.link_stats(0)["rx"]["packets"] - before == 5000
    captured = [f for _, f in read_pcap(bed.nics[0].pcap) if f == frame]
    assert len(captured) == 5000


def test_pair_connects_two_nics(bed):
    near, far = bed.ifname(1), bed.ifname(2)
    bed.sh(f"ip netns add far; ip link set {far} netns far;"
           f"ip -n far addr add 10.2.0.2/24 dev {far}; ip -n far link set {far} up;"
           f"ip addr add 10.2.0.1/24 dev {near}; ip link set {near} up")
    assert " 0% packet loss" in bed.sh("ping -c 2 -W 5 10.2.0.2").stdout
    assert bed.link_stats(2, netns="far")["rx"]["packets"] >= 2
    bed.sh("ip netns del far")


# The kernel's complaints

def test_complaint_fails_the_check_once(bed):
    bed.sh("echo '<4>BUG: made up by the test' >/dev/kmsg; sleep 0.3")
    with pytest.raises(AssertionError, match="BUG: made up by the test"):
        bed.check_console()
    bed.check_console()


def test_expected_complaint_is_ignored(bed):
    bed.expect_console("made up and expected")
    bed.sh("echo '<4>BUG: made up and expected' >/dev/kmsg; sleep 0.3")
    bed.check_console()


def test_expectation_covers_the_whole_warning_and_no_more(tmp_path):
    log = tmp_path / "log"
    block = ["------------[ cut here ]------------", "WARNING: CPU: 0 at a.c:1", "Call Trace:",
             "---[ end trace 0 ]---"]
    log.write_text("\n".join([*block, "quiet", *block[:1], "WARNING: CPU: 0 at b.c:2",
                              *block[3:]]))
    console = Console(str(log))
    console.expect("a.c:1")
    assert "b.c:2" in console.complaint()


def test_panic_ends_the_guest_and_keeps_the_log():
    g = Guest(driver=None).boot()
    g.expect_console("sysrq triggered crash|Kernel panic")
    try:
        with pytest.raises(GuestError, match="(?s)the guest has gone.*Kernel panic"):
            g.sh("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 20")
    finally:
        g.power_off()
    assert "Kernel panic" in open(g.log.path, encoding="utf-8").read()


def test_guest_that_stops_answering_is_reported_and_ended():
    g = Guest(driver=None).boot()
    try:
        g.sh("echo '<3>said before the stop' >/dev/kmsg; sleep 0.3")
        g.qmp("stop")
        with pytest.raises(GuestError, match="(?s)no end after 2 s: true.*console log: ") as error:
            g.sh("true", timeout=2)
        assert g.log.path in str(error.value)
        assert g.process.poll() is None
    finally:
        g.power_off()
    assert g.process.poll() is not None and not os.path.exists(f"/proc/{g.process.pid}")
    assert g not in Guest.running
    assert "said before the stop" in open(g.log.path, encoding="utf-8").read()


class Dying(Guest):
    """The kernel finds no first program in some boots, and dies."""

    deaths = 0

    def _command_line(self):
        self.deaths -= 1
        return super()._command_line() + (" rdinit=/none root=/none" if self.deaths >= 0 else "")


def test_death_before_the_first_program_costs_a_boot_and_not_the_test():
    g = Dying(driver=None)
    g.deaths = 1
    with pytest.warns(UserWarning, match="died before its first program") as warned, g:
        assert g.sh("echo alive").stdout == "alive\n"
    # beside it there may be what Python says of files of an earlier test
    first, = [str(warning.message).rpartition(": ")[2] for warning in warned
              if "died before" in str(warning.message)]
    assert "Kernel panic" in open(first, encoding="utf-8").read()
    assert first != g.log.path


def test_guest_that_dies_in_each_boot_is_reported():
    g = Dying(driver=None)
    g.deaths = 2
    with pytest.warns(UserWarning), \
            pytest.raises(GuestError, match="(?s)died before its first program.*Kernel panic"):
        g.boot()
    assert g.process.poll() is not None and g not in Guest.running


# The ledger

def balanced_counters():
    names = [f"rx0_{name}" for name in ["frames", *RX_ENDS]]
    names += [f"tx0_{name}" for name in [*TX_STARTS, *TX_ENDS]]
    return {**dict.fromkeys(names, 0), "rx0_frames": 7, "rx0_passed": 4, "rx0_xdp_drop": 3,
            "tx0_accepted": 5, "tx0_xdp_accepted": 2, "tx0_completed": 6, "tx0_reset_drop": 1}


def test_ledger_accepts_what_adds_up():
    assert_balanced(balanced_counters())


@pytest.mark.parametrize("name", ["rx0_frames", "rx0_hw_err", "tx0_accepted", "tx0_in_flight"])
def test_ledger_refuses_one_frame_too_many(name):
    counters = balanced_counters()
    counters[name] += 1
    with pytest.raises(AssertionError, match="ledger"):
        assert_balanced(counters)


def test_ledger_refuses_a_missing_counter():
    counters = balanced_counters()
    del counters["rx0_alloc_fail"]
    with pytest.raises(AssertionError, match="does not show rx0_alloc_fail"):
        assert_balanced(counters)


# The report

@pytest.mark.parametrize("body, line, status", [
    ("def test_a(): pass", "1 passed, 0 failed", 0),
    ("def test_a(): assert 0", "0 passed, 1 failed", 1),
    ("import pytest\n@pytest.fixture\ndef f(): 1/0\ndef test_a(f): pass\ndef test_b(): pass",
     "1 passed, 1 failed", 1),
    ("import pytest\n@pytest.fixture\ndef f():\n yield\n 1/0\ndef test_a(f): pass",
     "0 passed, 1 failed", 1),
    ("import pytest\ndef test_a(): pytest.skip('why')", "0 passed, 0 failed", 1),
    ("", "0 passed, 0 failed", 5),
    ("import nonsense_that_is_not_there", "0 passed, 1 failed", 1),
])
def test_report_ends_in_one_true_line(tmp_path, body, line, status):
    done = report_of(tmp_path, body)
    assert (done.stdout.splitlines()[-1], done.returncode) == (line, status)


def test_report_gives_the_reason_of_each_skip(tmp_path):
    done = report_of(tmp_path, "import pytest\n"
                     "def test_a(): pytest.skip('no such NIC')\n"
                     "@pytest.mark.skipif(True, reason='needs a moon')\ndef test_b(): pass\n"
                     "def test_c(): pass\n")
    skips = [line for line in done.stdout.splitlines() if line.startswith("skipped ")]
    # each has its progress line, then its reason at the end
    for test, reason in [("test_a", "no such NIC"), ("test_b", "needs a moon")]:
        assert [line for line in skips
                if re.fullmatch(rf"skipped \S+::{test}: .*{reason}", line)], done.stdout
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed"
    assert done.stdout.splitlines()[-2].startswith("2 skipped, ")


def test_report_counts_the_sessions_before_it(tmp_path):
    tally = f"--tally={tmp_path / 'tally'}"
    said = [report_of(tmp_path, body, tally) for body in
            ("def test_a(): pass", "", "def test_a(): pass\ndef test_b(): assert 0")]
    # no test on the second kernel is no failure, if there was one on the first
    assert [(done.stdout.splitlines()[-1], done.returncode) for done in said] == [
        ("1 passed, 0 failed", 0), ("1 passed, 0 failed", 0), ("2 passed, 1 failed", 1)]


FAULT = "def test_a(): assert 0, 'Oops: int3'\ndef test_b(): {b}"


@pytest.mark.parametrize("b, first, second, total", [
    ("pass", 0, "def test_a(): pass", ("2 passed, 0 failed", 0)),
    ("pass", 0, "def test_a(): assert 0, 'Oops: int3'", ("1 passed, 1 failed", 1)),
    ("assert 0", 1, "def test_a(): pass", ("1 passed, 1 failed", 0)),
])
def test_what_the_emulator_failed_is_counted_when_it_has_run_again(tmp_path, b, first, second,
                                                                   total):
    tally = tmp_path / "tally"
    done = report_of(tmp_path, FAULT.format(b=b), f"--tally={tally}")
    assert re.search(r"^once more, .*: test_sample.py::test_a$", done.stdout, re.M)
    assert done.returncode == first
    assert json.loads(tally.read_text())["again"] == ["test_sample.py::test_a"]
    done = report_of(tmp_path, second, f"--tally={tally}")
    assert (done.stdout.splitlines()[-1], done.returncode) == total
    assert json.loads(tally.read_text())["again"] == []


def test_what_the_emulator_failed_is_a_failure_to_who_runs_one_session(tmp_path):
    done = report_of(tmp_path, FAULT.format(b="pass"))
    assert (done.stdout.splitlines()[-1], done.returncode) == ("1 passed, 1 failed", 1)


@pytest.mark.parametrize("statuses, end", [((0, 0), 0), ((1, 0), 1), ((0, 1), 1)])
def test_session_runs_again_what_the_emulator_failed(tmp_path, monkeypatch, statuses, end):
    tally, runs, script = tmp_path / "tally", [], runner()
    tally.write_text(json.dumps({"passed": 1, "failed": 0, "again": ["test_x.py::test_y[a b]"]}))
    monkeypatch.setattr(script, "run", lambda session, tally: (
        runs.append(session), statuses[len(runs) - 1])[1])
    session = script.Session("kasan", "virtio", ["all"], ["some"])
    assert script.run_to_the_end(session, tally) == end
    assert runs == [session, script.Session("kasan", "virtio",
                                            [script.TESTS / "test_x.py::test_y[a b]"], [])]


def test_report_names_a_kernel_that_is_not_the_distributions(tmp_path):
    done = report_of(tmp_path, "def test_a(): pass", "--kernel=gcov")
    assert re.search(r"^passed .* \[gcov\] \S+::test_a$", done.stdout, re.M)


def test_report_names_a_nic_that_is_not_an_e1000(tmp_path):
    done = report_of(tmp_path, "def test_a(): pass", "--nic=virtio", "--kernel=kasan")
    assert re.search(r"^passed .* \[kasan\] \[virtio\] \S+::test_a$", done.stdout, re.M)


@pytest.mark.parametrize("nic, said", [("e1000", "passed"), ("virtio", "skipped")])
def test_what_a_nic_cannot_is_skipped_with_the_reason(tmp_path, nic, said):
    done = report_of(tmp_path, "import pytest\n@pytest.mark.needs('8254x')\ndef test_a(): pass\n"
                     "def test_b(): pass", f"--nic={nic}")
    assert re.search(rf"^{said} .*::test_a$", done.stdout, re.M)
    assert ("test_a: Skipped: not an 8254x" in done.stdout) == (said == "skipped")


def test_ability_that_does_not_exist_is_an_error(tmp_path):
    done = report_of(tmp_path, "import pytest\n@pytest.mark.needs('wings')\ndef test_a(): pass")
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


@pytest.mark.parametrize("name", models.NAMES)
def test_every_model_says_only_of_abilities_why_it_lacks_them(name):
    assert models.named(name).lacks.keys() <= models.ABILITIES.keys()


# The sessions of make test

HERE = pathlib.Path(__file__).resolve().parent


def runner():
    """scripts/test.py, whose name is a module of Python's too."""
    spec = importlib.util.spec_from_file_location("runner", HERE.parent / "test.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = runner()
SESSIONS = RUNNER.SESSIONS


def collected(session, tally):
    """The files in which pytest finds tests when it is called for a session."""
    done = subprocess.run([*RUNNER.command(session, tally), "-n", "0", "--collect-only"],
                          check=False, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
    return set(re.findall(r"^(\S+\.py): \d+$", done.stdout, re.M))


def test_each_file_is_in_a_session_with_an_e1000(tmp_path):
    """What the first session leaves out the second one has, and a file twice only for the tests
    of it that are named."""
    first, second = (collected(session, tmp_path / "tally")
                     for session in SESSIONS if session.nic == "e1000")
    assert first | second == {str(path.relative_to(HERE)) for path in HERE.glob("**/test_*.py")}
    assert first & second <= {test.partition("::")[0] for test in RUNNER.ALSO_SANITIZED}


def report_of(directory, body, *options):
    """Run a file of tests under the project's conftest.py."""
    here = os.path.dirname(os.path.abspath(__file__))
    (directory / "test_sample.py").write_text(body)
    for name in ("conftest.py", "pytest.ini"):
        text = open(os.path.join(here, name), encoding="utf-8").read()
        # the sample lies elsewhere; the scripts do not
        (directory / name).write_text(text.replace("os.path.abspath(__file__)", repr(here + "/x")))
    return subprocess.run(["/usr/bin/python3", "-B", "-m", "pytest", str(directory), *options],
                          check=False, stdout=subprocess.PIPE, text=True)
