# SPDX-License-Identifier: GPL-2.0-only
"""To which station of the picture a loss belongs."""
import re

from packet_path import probes

# The first pattern that fits "REASON function" decides; the kernel gives no reason for many.
SOCKET = r"(NO_SOCKET|SOCKET_|TCP_|UDP_|ICMP_|PROTO_MEM|PACKET_SOCK)|\w+ _*(tcp|udp|raw|icmp|sk|" \
    r"sock|packet|tpacket|ping)"
DRIVER = r"\w+ sluice_"
ROWS = {
    "received": [("xdp", r"XDP |\w+ (\w+_generic_xdp|do_xdp_generic)"),
                 ("gro", "CPU_BACKLOG "), ("tc", "TC_"), ("socket", SOCKET), ("ip", "")],
    "sent": [("ring", DRIVER),
             ("qdisc", r"(QDISC_|FQ_|TC_)|\w+ ((\w+_)?(qdisc|enqueue|dequeue)|drop_func|"
                       r"rtnl_kfree_skbs|(fq|codel|pfifo|sfq|red|tbf|htb|netem)_)"),
             ("driver", r"\w+ (__dev_queue|dev_hard|validate|__dev_direct|sch_direct)"),
             ("socket", SOCKET), ("ip", "")],
}

# Of sluice's counters, summed over queues; XDP_DROP is what the program is for, and yet the packet
# is gone.
COUNTERS = {
    ("received", "wire"): ["dev_missed", "dev_crc_err", "dev_align_err", "dev_rx_err",
                           "dev_length_err", "dev_carrier_err", "dev_undersize", "dev_fragments",
                           "dev_oversize", "dev_jabber"],
    ("received", "ring"): ["rx_hw_err", "rx_length_err", "rx_chain_err", "rx_hdr_err",
                           "rx_alloc_fail", "rx_skb_fail", "rx_reset_drop"],
    ("received", "xdp"): ["rx_xdp_drop", "rx_xdp_aborted", "rx_xdp_invalid", "rx_xdp_tx_full",
                          "rx_xdp_redirect_err", "rx_xdp_no_frags", "rx_xdp_partial"],
    ("sent", "ring"): ["tx_dma_err", "tx_offload_err", "tx_pad_err", "tx_reset_drop",
                       "tx_xdp_full"],
    ("sent", "wire"): ["dev_late_coll", "dev_excess_coll", "dev_no_carrier"],
}
# Of any driver: the stack adds drops of its own, so these can be among the others again.
LINK = {
    ("received", "wire"): ["rx_missed_errors", "rx_length_errors", "rx_crc_errors",
                           "rx_frame_errors", "rx_fifo_errors"],
    ("received", "ring"): ["rx_dropped"],
    ("sent", "ring"): ["tx_dropped"],
    ("sent", "wire"): ["tx_carrier_errors", "tx_aborted_errors", "tx_window_errors"],
}

# The numbers of netfilter: its families for IP, and the hooks of these.
IP_FAMILIES = (2, 10)
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
POSTROUTING = HOOKS.index("postrouting")


def row(way, reason, function):
    """The station on this way at which the stack has given up a packet."""
    return next(name for name, pattern in ROWS[way] if re.match(pattern, f"{reason} {function}"))


# What was received is known by a mark that the stack leaves behind its backlog.
BACKLOG = "CPU_BACKLOG"


# Is asked which hook does not let a packet through, which somebody below it frees; and what a
# program has answered to a queue is behind the hooks.
HOOK = "nf_hook_slow"
REINJECT = r"nf\w*_reinject"


def of_stack(lost, ours=False, hooked=True):
    """{(way, row, reason, where): packets} of the packets that were freed.

    But hooks, if they are watched, know better than the reason which of them it was, and where the
    driver is ours its counters have the names of those that it has freed. What was received another
    driver frees.
    """
    found = {}
    for (received, reason, function), count in lost.items():
        in_hook = hooked and reason == "NETFILTER_DROP" and not re.match(REINJECT, function)
        by_driver = ours and not received and re.match(DRIVER, f"{reason} {function}")
        if not in_hook and not by_driver:
            way = ("sent", "received")[received or reason == BACKLOG]
            name = way, row(way, reason, function), reason, function
            found[name] = found.get(name, 0) + count
    return found


def station(received, family, number):
    """Of a hook; what is not IP hangs on the device, and what has come in is on no hook of its own
    when it goes out again."""
    if family not in IP_FAMILIES:
        return ("qdisc", "tc")[received]
    return "ip" if received and number == POSTROUTING else HOOKS[number]


def by_hook(hooks):
    """{(way, station, answer): packets} of the hooks."""
    found = {}
    for (received, family, number, answer), count in hooks.items():
        name = ("sent", "received")[received], station(received, family, number), answer
        found[name] = found.get(name, 0) + count
    return found


def of_hooks(hooks):
    """The same of what the hooks have not let through."""
    return {(way, at, "NETFILTER_DROP", HOOK): count
            for (way, at, answer), count in by_hook(hooks).items() if answer == probes.LOST}


def of_driver(own, standard):
    """The same of the driver's counters, or of what ip says where they are another driver's."""
    table, values, source = (COUNTERS, own, "ethtool -S") if own else (LINK, standard, "ip -s link")
    return {(way, station, re.sub("^[rt]x_", "", name), source): values[name]
            for (way, station), names in table.items() for name in names if name in values}
