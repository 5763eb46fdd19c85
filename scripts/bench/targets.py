# SPDX-License-Identifier: GPL-2.0-only
"""What sluice is to reach, in medians of one run.

A quantity without a target is measured all the same.  Register accesses of virtio are counted on
the emulator's own device, its packet rates on one beside it that does not limit the driver.
"""
from ratios import DPDK, Target

VHOST = "virtio over vhost-user"
STOCK, NOT_CLEARED = "stock", "init_on_alloc=0"

EITHER = {
    "register accesses per packet, UDP send, tx-aggr 4 ms": Target("own", "<=", 0.1),
    "pps, UDP socket send, tx-aggr 4 ms, of its floor": Target("own", ">=", 0.9),
    "TCP bit/s to the guest, 1 stream": Target("ratio", ">=", 1),
    "TCP bit/s to the guest, 8 streams": Target("ratio", ">=", 1),
    "TCP bit/s from the guest, 1 stream": Target("ratio", ">=", 1),
    "TCP bit/s from the guest, 8 streams": Target("ratio", ">=", 1),
    "99th percentile of request + response, us": Target("ratio", "<=", 1),
    "pages allocated per 10^6 received packets": Target("own", "<", 1000),
}
OVER_VHOST = {
    "pps, pktgen burst 1": Target("ratio", ">=", 1.3),
    "pps, pktgen burst 32": Target("ratio", ">=", 1.3),
    "pps, XDP_TX": Target("ratio", ">=", 2),
    "pps, UDP socket send, tx-aggr 4 ms, of its floor": Target("own", ">=", 0.9),
}
TARGETS = {
    ("e1000", STOCK): {
        **EITHER,
        "register accesses, lone received packet": Target("own", "<=", 2),
        "register accesses, request + response": Target("own", "<=", 3),
        "register accesses per packet, RX flood": Target("own", "<=", 0.05),
        "pps, pktgen burst 1": Target("ratio", ">=", 1.2),
        "pps, pktgen burst 32": Target("ratio", ">=", 1.1),
        "guest instructions per packet, XDP_DROP": Target("ratio", "<=", 0.25),
        "guest instructions per packet, RX to the stack": Target("ratio", "<=", 0.8),
        "guest instructions per packet, TX from the stack": Target("ratio", "<=", 0.8),
    },
    ("virtio", STOCK): {
        **EITHER,
        "register accesses, lone received packet": Target("own", "<=", 0),
        "register accesses, request + response": Target("own", "<=", 1),
        "register accesses per poll, RX flood": Target("own", "<=", 1),
        "guest instructions per packet, XDP_DROP": Target("ratio", "<=", 0.35),
        "guest instructions per packet, RX to the stack": Target("ratio", "<=", 0.7),
        "guest instructions per packet, TX from the stack": Target("ratio", "<=", 0.7),
        "ms of a reset for a program": Target("own", "<=", 50),
    },
    (VHOST, STOCK): {
        **OVER_VHOST,
        "pps, XDP_DROP": Target("ratio", ">=", 12),
        "pps, RX to the stack": Target("ratio", ">=", 3),
    },
    (VHOST, NOT_CLEARED): {
        **OVER_VHOST,
        "pps, XDP_DROP": Target("ratio", ">=", 2),
        "pps, RX to the stack": Target("ratio", ">=", 1.3),
    },
}
# On e1000 what DPDK's driver takes is the emulator's ceiling; a tenth is the machine's.
AGAINST_DPDK = {
    ("e1000", STOCK): {
        "pps, RX to the stack, 1 flow": Target("ratio", ">=", 0.9),
        "pps, XDP_DROP, 1 flow": Target("ratio", ">=", 0.9),
    },
    (VHOST, STOCK): {"pps, XDP_DROP": Target("ratio", ">=", 0.7)},
    (VHOST, NOT_CLEARED): {"pps, XDP_DROP": Target("ratio", ">=", 0.7)},
}


def target(row):
    """The target of a row of ratios.rows(), None if it has none."""
    wanted = AGAINST_DPDK if row.other == DPDK else TARGETS
    return wanted.get((row.nic, row.conditions), {}).get(row.quantity)
