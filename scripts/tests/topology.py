# SPDX-License-Identifier: GPL-2.0-only
"""Addresses, network namespaces and carrier of the guest's interfaces."""
from counters import wait_for
from guest import in_netns

# The tests' end of a host wire, as the guest's neighbour table knows it.
HOST_MAC = "02:00:00:00:00:01"
HOST_V4, GUEST_V4 = "10.1.0.2", "10.1.0.1"
HOST_V6, GUEST_V6 = "fd01::2", "fd01::1"
NEAR_V4, PEER_V4 = "10.2.0.1", "10.2.0.2"
NEAR_V6, PEER_V6 = "fd02::1", "fd02::2"
PEER = "peer"


def attribute(guest, ifname, name, netns=None):
    """One sysfs attribute of an interface, empty when it cannot be read."""
    path = f"/sys/class/net/{ifname}/{name}"
    return guest.sh(f"{in_netns(netns)}cat {path} 2>/dev/null", check=False).stdout.strip()


def wait_carrier(guest, ifname, on=True, netns=None):
    """Wait for the link that the stack reports; negotiation takes half a second."""
    wait_for(lambda: attribute(guest, ifname, "carrier", netns), lambda seen: seen == str(int(on)),
             20, f"carrier {int(on)} on {ifname}")


def bring_up(guest, i, *addresses, netns=None):
    """Interface up, with addresses and carrier."""
    ifname = guest.ifname(i)
    inside = in_netns(netns)
    guest.sh(f"{inside}ip link set {ifname} up")
    for address in addresses:
        nodad = "nodad" if ":" in address else ""
        guest.sh(f"{inside}ip addr replace {address} dev {ifname} {nodad}")
    wait_carrier(guest, ifname, netns=netns)
    return ifname


def host_wire_up(guest, i=0):
    """The interface whose other end the test holds; the neighbours are told, nobody asks."""
    ifname = bring_up(guest, i, f"{GUEST_V4}/24", f"{GUEST_V6}/64")
    for host in (HOST_V4, HOST_V6):
        guest.sh(f"ip neigh replace {host} lladdr {HOST_MAC} dev {ifname}")
    return ifname


def pair_up(guest, near=1, far=2):
    """Two wired interfaces, the far one in a namespace of its own so that traffic must cross."""
    far_name = guest.ifname(far)
    guest.sh(f"ip netns add {PEER} && ip netns exec {PEER} ip link set lo up && "
             f"ip link set {far_name} netns {PEER}")
    bring_up(guest, near, f"{NEAR_V4}/24", f"{NEAR_V6}/64")
    bring_up(guest, far, f"{PEER_V4}/24", f"{PEER_V6}/64", netns=PEER)
    return guest.ifname(near), far_name
