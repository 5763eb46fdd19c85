# SPDX-License-Identifier: GPL-2.0-only
"""The main job: sluice.ko drives emulated e1000s in a guest, seen end to end.

Every step does the real thing and says in one line what it saw.  The exit status is 0 only when
all steps have worked and the guest's kernel has not complained.
"""
import contextlib
import functools
import hashlib
import http.server
import json
import os
import sys
import tempfile
import threading
import time

import bpf
from guest import Guest, GuestError, Nic
from ledger import ledger

DOWNLOAD_BYTES = 16 << 20
PINGS = 5
UPLINK, LEFT, RIGHT = range(3)


class StepError(Exception):
    """A step did not show what it has to show."""


class Summary:
    """Runs the steps and keeps their lines for the end."""

    def __init__(self):
        self.lines = []
        self.failed = 0

    def step(self, name, function, *args):
        started = time.monotonic()
        try:
            verdict, detail = "ok", function(*args)
        except (GuestError, StepError, AssertionError, bpf.BuildError) as error:
            verdict, detail = "FAILED", str(error)
            self.failed += 1
        seconds = time.monotonic() - started
        first, *rest = (detail or "").splitlines() or [""]
        line = f"{verdict:6} {seconds:5.1f} s  {name:10} {first}"
        self.lines.append(line)
        print("\n".join([line, *("    " + text for text in rest)]), flush=True)


def require(condition, text):
    if not condition:
        raise StepError(text)


def counter(g, i, name):
    stats = g.ethtool_stats(i)
    require(name in stats, f"ethtool -S of {g.ifname(i)} has no {name}")
    return stats[name]


def load(g):
    g.insmod()
    g.wait_interfaces()
    return "sluice.ko drives " + ", ".join(
        f"{g.ifname(i)} ({nic.model.name} at {g.pci(i)})" for i, nic in enumerate(g.nics))


def wait_carrier(g, i):
    dev = g.ifname(i)
    g.sh(f"for n in $(seq 100); do [ $(cat /sys/class/net/{dev}/carrier) = 1 ] && exit 0;"
         "sleep 0.1; done; echo no carrier after 10 s; exit 1")


def uplink(g):
    """Address as QEMU's user-mode network expects it; 10.0.2.2 is the host's loopback there."""
    dev = g.ifname(UPLINK)
    g.sh(f"ip link set {dev} up && ip addr add 10.0.2.15/24 dev {dev} &&"
         "ip route add default via 10.0.2.2")
    wait_carrier(g, UPLINK)
    return f"{dev} up with carrier, 10.0.2.15/24"


@contextlib.contextmanager
def http_server(directory):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=directory)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def download(g):
    """TCP from an HTTP server on the host, compared by checksum."""
    data = os.urandom(DOWNLOAD_BYTES)
    with tempfile.TemporaryDirectory(prefix="sluice-") as directory:
        with open(os.path.join(directory, "data"), "wb") as f:
            f.write(data)
        with http_server(directory) as port:
            started = time.monotonic()
            # the guest's own busybox: its Python takes seconds to start under emulation
            fetch = f"set -o pipefail; wget -q -O - http://10.0.2.2:{port}/data | sha256sum"
            got = g.sh(fetch, timeout=60, bare=True).stdout.split()[0]
            seconds = time.monotonic() - started
    want = hashlib.sha256(data).hexdigest()
    require(got == want, f"sha256 {got}, not {want}")
    size = DOWNLOAD_BYTES >> 20
    return f"{size} MiB by TCP in {seconds:.1f} s ({size / seconds:.0f} MiB/s), sha256 equal"


def wire(g):
    """The second pair of NICs: one end goes to a namespace, or the traffic would be loopback."""
    left, right = g.ifname(LEFT), g.ifname(RIGHT)
    g.sh(f"ip netns add far && ip link set {right} netns far &&"
         f"ip -n far addr add 10.1.0.2/24 dev {right} && ip -n far link set {right} up &&"
         f"ip addr add 10.1.0.1/24 dev {left} && ip link set {left} up")
    wait_carrier(g, LEFT)
    return f"{left} 10.1.0.1 connected to {right} 10.1.0.2 in namespace far"


def ping_replies(g):
    """How many of PINGS echo requests from the far end are answered."""
    text = g.sh(f"ip netns exec far ping -c {PINGS} -i 0.2 -W 1 10.1.0.1", check=False).stdout
    fields = [line for line in text.splitlines() if "received" in line]
    require(fields, f"ping did not run: {text}")
    return int(fields[0].split(",")[1].split()[0])


def ping(g):
    # the emulated receiver pauses for a second after it is set up
    g.sh("ip netns exec far ping -c 1 -W 5 10.1.0.1")
    replies = ping_replies(g)
    require(replies == PINGS, f"{replies} of {PINGS} echo requests answered")
    return f"{replies} of {PINGS} echo requests answered"


def ethtool(g):
    """The queries of ethtool that a user starts with; shown in full."""
    dev = g.ifname(UPLINK)
    driver = g.sh(f"ethtool -i {dev}").stdout
    require("driver: sluice\n" in driver, f"ethtool -i: {driver}")
    output = [driver]
    for option in "gckS":
        output.append(g.sh(f"ethtool -{option} {dev}").stdout)
    require(counter(g, UPLINK, "rx0_passed") > 0 and counter(g, UPLINK, "tx0_completed") > 0,
            "ethtool -S has not counted the download")
    return f"-i -g -c -k -S answered for {dev} (shown in full)\n" + "".join(output)


def native_mode(g, dev):
    info = json.loads(g.sh(f"ip -j -d link show dev {dev}").stdout)[0]
    return info.get("xdp", {}).get("mode") == 1


def xdp_attach(g):
    program = bpf.build() / "xdp_drop_count.bpf.o"
    dev = g.ifname(LEFT)
    g.sh(f"ip link set dev {dev} xdpdrv obj {program} sec xdp")
    require(native_mode(g, dev), f"{dev} does not show a native XDP program")
    return f"{program.name} native on {dev}"


def map_counts(g):
    entries = json.loads(g.sh("bpftool -j map dump name frame_count").stdout)
    return [entry["formatted"]["value"] for entry in entries]


def xdp_drop(g):
    before = counter(g, LEFT, "rx0_xdp_drop")
    replies = ping_replies(g)
    require(replies == 0, f"{replies} echo requests answered although XDP drops ICMP")
    seen, dropped = map_counts(g)
    counted = counter(g, LEFT, "rx0_xdp_drop") - before
    require(dropped == counted == PINGS,
            f"{PINGS} sent, but the map counts {dropped} and rx0_xdp_drop {counted}")
    return f"{PINGS} echo requests dropped: map {dropped} (of {seen} seen), rx0_xdp_drop {counted}"


def xdp_detach(g):
    dev = g.ifname(LEFT)
    g.sh(f"ip link set dev {dev} xdpdrv off")
    require(not native_mode(g, dev), f"{dev} still shows a native XDP program")
    return "detached; " + ping(g)


def balance(g):
    rows = []
    for i, netns in ((UPLINK, None), (LEFT, None), (RIGHT, "far")):
        stats = ledger(g, i, netns)
        rows.append(f"{g.ifname(i)} rx {stats['rx0_frames']} tx {stats['tx0_accepted']}")
    return "every frame accounted for: " + ", ".join(rows)


def unload(g):
    g.sh("ip netns del far; rmmod sluice")
    left = g.sh("ls /sys/class/net").stdout.split()
    require(left == ["lo"], f"interfaces left after rmmod: {left}")
    return "interfaces gone"


STEPS = {"insmod": load, "uplink": uplink, "download": download, "wire": wire, "ping": ping,
         "ethtool": ethtool, "xdp attach": xdp_attach, "xdp drop": xdp_drop,
         "xdp detach": xdp_detach, "ledger": balance, "rmmod": unload}


def run_steps(summary):
    guest = Guest(nics=[Nic(wire="user"), Nic(wire=("pair", 0)), Nic(wire=("pair", 0))],
                  driver=None)

    def boot():
        guest.boot()
        release = guest.sh("uname -r").stdout.strip()
        return f"{release} in QEMU ({guest.accel}), console log {guest.log.path}"

    summary.step("boot", boot)
    if summary.failed:
        return
    for name, function in STEPS.items():
        summary.step(name, function, guest)

    def quiet():
        guest.close()
        return "no complaint of the guest's kernel"

    summary.step("console", quiet)


def main():
    started = time.monotonic()
    summary = Summary()
    run_steps(summary)
    print("\nSummary")
    print("\n".join(summary.lines))
    seconds = time.monotonic() - started
    verdict = f"{summary.failed} FAILED" if summary.failed else "all ok"
    print(f"{len(summary.lines)} steps, {verdict}, {seconds:.0f} s")
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
