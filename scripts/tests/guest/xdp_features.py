#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Asks the kernel what XDP an interface offers (generic netlink family "netdev").

xdp_features.py show IF       prints "XDP-FEATURES RX-METADATA-FEATURES", two hexadecimal numbers
xdp_features.py watch IF FILE goes on printing the features at each change notification to FILE,
                              which exists as soon as it listens
"""
import socket
import sys

from netlink_family import Family, number, u32

NETDEV_CMD_DEV_GET, NETDEV_CMD_DEV_CHANGE_NTF = 1, 4
NETDEV_A_DEV_IFINDEX, NETDEV_A_DEV_XDP_FEATURES, NETDEV_A_DEV_RX_METADATA = 1, 3, 5


def device(netdev, ifindex):
    return netdev.request(NETDEV_CMD_DEV_GET, u32(NETDEV_A_DEV_IFINDEX, ifindex))


def describe(found):
    return (f"{number(found[NETDEV_A_DEV_XDP_FEATURES]):#x} "
            f"{number(found[NETDEV_A_DEV_RX_METADATA]):#x}")


def watch(netdev, ifindex, path):
    netdev.subscribe("mgmt")
    with open(path, "w", encoding="ascii") as file:
        for command, found in netdev.received():
            if command == NETDEV_CMD_DEV_CHANGE_NTF and \
                    number(found[NETDEV_A_DEV_IFINDEX]) == ifindex:
                print(describe(found), file=file, flush=True)


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("show", "watch"):
        sys.exit(__doc__)
    netdev, ifindex = Family("netdev"), socket.if_nametoindex(sys.argv[2])
    if sys.argv[1] == "show":
        print(describe(device(netdev, ifindex)))
    else:
        watch(netdev, ifindex, sys.argv[3])


if __name__ == "__main__":
    main()
