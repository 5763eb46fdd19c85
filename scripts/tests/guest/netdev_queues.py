#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints as JSON what the kernel knows of an interface's queues (generic netlink family "netdev").

netdev_queues.py IF    the keys are queues, napis, queue_stats and device_stats, a list each
"""
import json
import socket
import sys

from netlink_family import Family, number, u32

QUEUE_GET, NAPI_GET, QSTATS_GET = 10, 11, 12
QUEUE_IFINDEX, NAPI_IFINDEX, QSTATS_IFINDEX, QSTATS_SCOPE = 2, 1, 1, 4
SCOPE_QUEUE = 1
QUEUE_NAMES = {1: "id", 3: "type", 4: "napi-id"}
NAPI_NAMES = {2: "id", 3: "irq"}
QSTATS_NAMES = {2: "type", 3: "id", 8: "rx-packets", 9: "rx-bytes", 10: "tx-packets",
                11: "tx-bytes", 12: "rx-alloc-fail", 33: "tx-stop", 34: "tx-wake"}


def objects(netdev, command, payload, names):
    """Each object as a dictionary of those attributes that have a name."""
    return [{names[kind]: number(data) for kind, data in found.items() if kind in names}
            for found in netdev.dump(command, payload)]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    netdev, ifindex = Family("netdev"), socket.if_nametoindex(sys.argv[1])
    device = u32(QSTATS_IFINDEX, ifindex)
    print(json.dumps({
        "queues": objects(netdev, QUEUE_GET, u32(QUEUE_IFINDEX, ifindex), QUEUE_NAMES),
        "napis": objects(netdev, NAPI_GET, u32(NAPI_IFINDEX, ifindex), NAPI_NAMES),
        "queue_stats": objects(netdev, QSTATS_GET, device + u32(QSTATS_SCOPE, SCOPE_QUEUE),
                               QSTATS_NAMES),
        "device_stats": objects(netdev, QSTATS_GET, device, QSTATS_NAMES)}))


if __name__ == "__main__":
    main()
