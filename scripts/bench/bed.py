# SPDX-License-Identifier: GPL-2.0-only
"""One guest with both drivers, which take turns.

Either the same NICs go from one to the other and back, by driver_override, as by scripts/sluice,
which keeps addresses and routes too and therefore takes longer; or each driver keeps NICs of its
own, alike but for their addresses, and what is measured of one is measured of the other a second
later.
"""
import contextlib
import os
import shutil
import socket
import tempfile
import time

import bpf
import frames
from guest import Guest, Nic
from programs import program
from ratios import SLUICE
from vhost_user import Process

HOST_MAC = "02:00:00:00:00:01"
GUEST_ADDRESS, HOST_ADDRESS = "10.{}.0.1", "10.{}.0.2"
PORT = 2000
# of a UDP source port's low byte, in a frame without options or tags
FLOW_BYTE = 14 + 20 + 1
SHORT = 60
# Frames that may share a doorbell, and microseconds that they may wait: the defaults, and long
# enough for so many to come on a machine that takes 80 us to send one.
SHARING, SHARING_USECS, SHARING_LONGER = 32, 200, 4000
CARRIER_SECONDS, ARRIVAL_SECONDS = 20, 10
UNBIND = """
for address in {addresses}; do
    device=/sys/bus/pci/devices/$address
    [ ! -e $device/driver ] || echo $address >$device/driver/unbind
done
"""
BIND = """
for address in {addresses}; do
    device=/sys/bus/pci/devices/$address
    [ ! -e $device/driver ] || echo $address >$device/driver/unbind
    echo {driver} >$device/driver_override
    echo $address >/sys/bus/pci/drivers/{driver}/bind
done
"""
UP = """set -e
ip link set {name} mtu {mtu} up
ip addr replace {own}/24 dev {name}
ip neigh replace {other} lladdr {mac} nud permanent dev {name}
for attempt in $(seq {attempts}); do
    grep -q 1 /sys/class/net/{name}/carrier && exit
    sleep 0.1
done
exit 1
"""


class Bed:
    """The guest, as a context manager; each NIC i is 10.i.0.1 and its other end 10.i.0.2."""

    def __init__(self, nics, cmdline="", **options):
        self.guest = Guest(nics=nics, driver=None, cmdline=f"ipv6.disable=1 {cmdline}", **options)
        self.guest.emulated_cpu = "max"     # as everybody has it
        self.model = nics[0].model
        self.mtu = 1500
        # whose turn it is, which NICs it has, and their interfaces
        self.driver, self.places, self.names = None, [], []
        self.hands, self.all_names = {}, []

    def __enter__(self):
        self.guest.__enter__()
        # sluice takes the NICs that are free; whoever has one already keeps it
        self.guest.sh(f"insmod {self.guest.module()}; modprobe -a {self.model.module}")
        return self

    def __exit__(self, *error):
        return self.guest.__exit__(*error)

    def sh(self, command, timeout=60):
        return self.guest.sh(command, timeout=timeout).stdout

    def give(self, driver):
        """All NICs to a driver of ratios.DRIVERS, up and with their addresses."""
        self.deal({driver: range(len(self.guest.nics))})
        self.turn(driver)

    def deal(self, hands):
        """{driver: the NICs that it has from now on}, up and with their addresses.

        What another driver of user space shall have is the in-tree driver's until it is taken.
        """
        for driver, places in hands.items():
            name = "sluice" if driver == SLUICE else self.model.owner or self.model.module
            self.guest.sh(BIND.format(addresses=self.addresses(places), driver=name), bare=True)
        self.guest.wait_interfaces()
        self.hands, self.all_names = hands, self.guest.ifnames()
        for driver in hands:
            self.turn(driver)
            for i in range(len(self.names)):
                self.up(i)

    def turn(self, driver):
        """The NICs of a driver are those that are measured."""
        self.driver, self.places = driver, self.hands[driver]
        self.names = [self.all_names[place] for place in self.places]

    def take(self):
        """All NICs from the driver that has them."""
        self.guest.sh(UNBIND.format(addresses=self.addresses(self.places)), bare=True)

    def addresses(self, places):
        return " ".join(self.guest.pci(place) for place in places)

    def host(self, i=0):
        """The address at the other end."""
        return HOST_ADDRESS.format(self.places[i])

    def up(self, i):
        self.sh(UP.format(name=self.names[i], own=GUEST_ADDRESS.format(self.places[i]),
                          mac=HOST_MAC, other=self.host(i), mtu=self.mtu,
                          attempts=10 * CARRIER_SECONDS))

    def received(self, i=0):
        """Frames that the NIC has received, whatever became of them."""
        return int(self.sh(f"cat /sys/class/net/{self.names[i]}/statistics/rx_packets"))

    def wait_received(self, total, i=0):
        """Until the NIC has received so many, and not one more."""
        end = time.monotonic() + ARRIVAL_SECONDS
        while (got := self.received(i)) < total and time.monotonic() < end:
            time.sleep(0.1)
        if got != total:
            raise RuntimeError(f"{self.driver} has received {got} frames, not {total}")

    def share_doorbells(self, usecs=SHARING_USECS):
        """Frames wait so long for others, where the driver has that."""
        if self.driver == SLUICE:
            self.sh(f"/usr/bin/python3 -B {bpf.GUEST}/tx_aggr.py {self.names[0]} "
                    f"frames={SHARING} usecs={usecs}")

    @contextlib.contextmanager
    def longer_sharing(self):
        self.share_doorbells(SHARING_LONGER)
        yield
        self.share_doorbells()

    # XDP

    def xdp_mode(self):
        """Native where the driver can, else generic."""
        return "generic" if self.driver != SLUICE and self.model.module == "e1000" else "native"

    def attach(self, program_name, i=0):
        self.xdpctl(f"attach {self.names[i]} {bpf.build()}/bare.bpf.o {program_name} "
                    f"{self.xdp_mode()}")

    def detach(self, i=0):
        self.xdpctl(f"detach {self.names[i]} {self.xdp_mode()}")
        self.sh(f"rm -rf /sys/fs/bpf/{self.names[i]}")

    def xdpctl(self, words):
        self.sh(f"{bpf.build()}/xdpctl {words}")

    # Sockets

    def udp_loop(self, words):
        return self.sh(f"{program('udp_loop')} {words}")

    def hold_port(self):
        """A socket for what the other end sends; stop() it."""
        return self.guest.spawn(f"{program('udp_loop')} hold {PORT}")


def frame_to(i, size=SHORT):
    """A UDP frame to NIC i, for the port of hold_port()."""
    flow = frames.Flow(mac(i), HOST_MAC, HOST_ADDRESS.format(i), GUEST_ADDRESS.format(i),
                       dport=PORT)
    frame = bytearray(frames.udp_frame(flow, bytes(size - 42)))
    # no checksum: flows differ in their ports
    frame[40:42] = bytes(2)
    return bytes(frame)


def mac(i):
    return f"52:54:00:51:1c:{i:02x}"


class Peer(Process):
    """The other end of NIC i: frame_peer.c."""

    def __init__(self, i, size=SHORT):
        # the path of a socket cannot be longer than 107 bytes
        self.directory = tempfile.mkdtemp(prefix="sluice-bench-")
        self.guest_path = os.path.join(self.directory, "guest")
        self.own_path = os.path.join(self.directory, "own")
        self.number = i
        self.begin(size)

    def begin(self, size):
        super().__init__([program("frame_peer"), self.own_path, self.guest_path,
                          frame_to(self.number, size).hex(), str(FLOW_BYTE)],
                         os.path.join(self.directory, "log"))

    def restart(self, size=SHORT):
        """With frames of another size; what it has received is forgotten."""
        super().stop()
        self.begin(size)

    def nic(self, model, options=""):
        """The NIC of the guest that it is the other end of."""
        netdev = (f"dgram,local.type=unix,local.path={self.guest_path},"
                  f"remote.type=unix,remote.path={self.own_path}")
        return Nic(model, ("netdev", netdev), mac(self.number), options=options)

    def ask(self, line, timeout=120):
        self.write(line)
        return [int(word) for word in self.read_until(b"\n", timeout).split()[1:]]

    def send(self, count, timeout=120):
        """Nanoseconds until the NIC has taken so many frames."""
        return self.ask(f"send {count}", timeout)[0]

    def send_frame(self, frame):
        """One of another kind."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(frame, self.guest_path)

    def flows(self, count):
        """Of the frames that it sends from now on."""
        self.ask(f"flows {count}")

    def peek(self):
        """Frames from the guest, and nanoseconds from first to last, since received()."""
        return tuple(self.ask("peek"))

    def received(self):
        """The same, and begin again."""
        return tuple(self.ask("received"))

    def stop(self):
        super().stop()
        shutil.rmtree(self.directory)
