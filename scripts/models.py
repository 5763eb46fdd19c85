# SPDX-License-Identifier: GPL-2.0-only
"""The emulated NICs: what QEMU calls them, who drives them besides us, and how they differ."""
import dataclasses

# What a test may need of a NIC, and what it has to do with.
ABILITIES = {
    "8254x": "registers, PHY and models of the 8254x",
    "offloads": "checksums and segmentation",
    "tags": "VLAN tags inserted and stripped",
    "filters": "addresses and VLANs that do not get in",
    "filter switch": "a filter of VLANs that can be switched off",
    "counters": "frames that the device counts by itself",
    "flow control": "pause frames and interrupt throttling",
    "self test": "ethtool -t",
    "loopback": "frames turned around in the device",
    "shared line": "an interrupt that another NIC may have raised",
    "large rings": "4,096 buffers",
    "every doorbell": "no doorbell is left out",
    "prompt sending": "a frame is on the wire when its doorbell returns",
    "recovery": "a root port's errors, from which it recovers with a link",
    "several queues": "queue pairs, of which it may use one",
    "lossless start": "what waits on the wire is still there when the device starts",
}


@dataclasses.dataclass(frozen=True)
class Model:
    """One kind of NIC.

    module is the kernel's own driver, owner the PCI driver that has the NIC before anybody is
    loaded.  A frame on the wire has at least `shortest` bytes; linear_mtu is the largest MTU of a
    program without frags.  rings are the largest sizes for receiving and sending, registers the BAR
    they are in and its size, regions what the emulator's trace calls it (a regular expression),
    header the bytes in front of a frame that are none of it.  lacks says why the NIC has not an
    ability.
    """

    name: str
    device: str
    options: str = ""
    module: str = "e1000"
    owner: str | None = None
    shortest: int = 60
    longest_mtu: int = 16110
    linear_mtu: int = 2030
    rings: tuple = (4096, 4096)
    registers: tuple = (0, 128 << 10)
    regions: str = "e1000-mmio"
    exact_filters: int = 14
    header: int = 0
    lacks: dict = dataclasses.field(default_factory=dict, hash=False)

    def can(self, ability):
        """Whether it has one of ABILITIES."""
        assert ability in ABILITIES, ability
        return ability not in self.lacks


E1000_LACKS = {"several queues": "an 8254x has one queue each way"}
VIRTIO_LACKS = {
    "8254x": "not an 8254x",
    "offloads": "the emulator's datagram wire takes frames as they are on the wire only",
    "tags": "virtio knows no VLAN tag outside the frame",
    "filter switch": "the filter of VLANs cannot be switched off",
    "counters": "the device counts nothing",
    "flow control": "virtio has none",
    "self test": "there is none for virtio",
    "loopback": "virtio has none",
    "shared line": "MSI-X shares no line",
    "large rings": "the emulator's rings have 256 buffers",
    "every doorbell": "the device says which doorbells it wants",
    "prompt sending": "the device sends when it gets to it",
    "recovery": "the emulator's root port has no link when a PCIe device on it has been reset",
    "lossless start": "the emulator drops the frame that it holds when the device starts",
}
WITH_INTX = {ability: why for ability, why in VIRTIO_LACKS.items() if ability != "shared line"}


def virtio(name, options, lacks=None):
    """A virtio-net of QEMU's."""
    return Model(name, "virtio-net-pci", options=options, module="virtio_net",
                 owner="virtio-pci", shortest=14, longest_mtu=65535, linear_mtu=15790,
                 rings=(256, 256), registers=(4, 16 << 10), exact_filters=63, header=12,
                 regions="virtio-pci-(common|isr|device|notify)-virtio-net",
                 lacks=lacks or VIRTIO_LACKS)


MODELS = {model.name: model for model in [
    Model("e1000", "e1000", lacks=E1000_LACKS),
    Model("e1000-82545em", "e1000-82545em", lacks=E1000_LACKS),
    Model("e1000-82544gc", "e1000-82544gc", lacks=E1000_LACKS),
    virtio("virtio", "packed=off"),
    # The other PCI id: without the legacy registers it is 1af4:1041. With EVENT_IDX QEMU 7.2 asks
    # for a notification at a place of a packed ring that it then goes past by itself, when it has
    # waited for the wire: the driver owes none, and the ring stands still.
    virtio("virtio-packed", "packed=on,event_idx=off,disable-legacy=on"),
    virtio("virtio-intx", "vectors=0", WITH_INTX),
]}
# Those that all tests can be run with.
NAMES = ("e1000", "virtio", "virtio-packed", "virtio-intx")


def first_of_each_driver():
    """The name of one model for each driver of the kernel's."""
    found = {}
    for model in MODELS.values():
        found.setdefault(model.module, model.name)
    return tuple(found.values())


def named(name):
    """A model by its name, or as QEMU makes it by QEMU's."""
    return MODELS.get(name) or next(m for m in MODELS.values() if m.device == name)
