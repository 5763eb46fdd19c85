# SPDX-License-Identifier: GPL-2.0-only
"""The driver's promise that no frame goes missing, as two equations over ethtool -S.

For each queue: frames the device gave = every verdict + every named loss, and
frames accepted = completed + every named loss + in flight.
"""
import re
import time

RX_ENDS = ["passed", "xdp_drop", "xdp_tx", "xdp_redirect", "xdp_aborted", "xdp_invalid",
           "xdp_tx_full", "xdp_redirect_err", "xdp_no_frags", "alloc_fail", "skb_fail",
           "length_err", "chain_err", "hw_err", "hdr_err", "xdp_partial",
           "reset_drop"]
TX_ENDS = ["completed", "dma_err", "offload_err", "pad_err", "reset_drop", "in_flight"]
TX_STARTS = ["accepted", "xdp_accepted"]


def queues(stats, direction):
    """Numbers of the queues that the statistics name."""
    first = {"rx": "frames", "tx": "accepted"}[direction]
    return sorted(int(m[1]) for m in (re.fullmatch(rf"{direction}(\d+)_{first}", name)
                                      for name in stats) if m)


def terms(stats, prefix, names):
    """The named counters of a queue; one that is missing is an error, not a zero."""
    missing = [prefix + name for name in names if prefix + name not in stats]
    assert not missing, f"ethtool -S does not show {', '.join(missing)}"
    return {name: stats[prefix + name] for name in names}


def equations(stats):
    """The name of each equation and its two sides, each with its terms."""
    for q in queues(stats, "rx"):
        prefix = f"rx{q}_"
        yield prefix, terms(stats, prefix, ["frames"]), terms(stats, prefix, RX_ENDS)
    for q in queues(stats, "tx"):
        prefix = f"tx{q}_"
        yield prefix, terms(stats, prefix, TX_STARTS), terms(stats, prefix, TX_ENDS)


def imbalances(stats):
    """A sentence for each equation that does not hold in one reading of ethtool -S."""
    for prefix, left, right in equations(stats):
        if sum(left.values()) != sum(right.values()):
            ends = {name: value for name, value in right.items() if value}
            yield f"{prefix} ledger: {sum(left.values())} in, {sum(right.values())} out; " \
                f"{left} against {ends}"


def assert_balanced(stats):
    """Both equations for every queue of one reading of ethtool -S."""
    assert queues(stats, "rx") and queues(stats, "tx"), \
        f"no queue counters among {sorted(stats)[:10]}"
    assert not (wrong := list(imbalances(stats))), "\n".join(wrong)


def moving(stats):
    """The counters that stand still when there is no traffic."""
    return {name: value for name, value in stats.items()
            if re.fullmatch(r"rx\d+_frames|tx\d+_(accepted|xdp_accepted|completed)", name)}


def in_flight(stats):
    return sum(value for name, value in stats.items() if name.endswith("_in_flight"))


def quiet(read, timeout):
    """The counters (one dictionary per NIC) once they have stood still with nothing in flight."""
    deadline = time.monotonic() + timeout
    now = read()
    while True:
        time.sleep(0.5)
        last, now = now, read()
        if [moving(s) for s in last] == [moving(s) for s in now] and not any(map(in_flight, now)):
            return now
        assert time.monotonic() < deadline, f"not quiet after {timeout} s: " + \
            ", ".join(f"{in_flight(s)} in flight, {moving(s)}" for s in now)


def settle(g, i, timeout=15, netns=None):
    """Wait until the NIC has been quiet for half a second; its counters."""
    return quiet(lambda: [g.ethtool_stats(i, netns)], timeout * g.slowdown)[0]


def ledger(g, i, netns=None):
    """Assert that the NIC's counters balance once it is quiet; returns them."""
    stats = settle(g, i, netns=netns)
    assert_balanced(stats)
    return stats


def ledger_of_all(g):
    """The same for every NIC of the guest."""
    all_stats = quiet(g.all_ethtool_stats, 15 * g.slowdown)
    for stats in all_stats:
        assert_balanced(stats)
    return all_stats
