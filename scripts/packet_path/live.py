# SPDX-License-Identifier: GPL-2.0-only
"""scripts/sluice path: what has passed each station, and what was lost there, once a second."""
import json
import os
import sys
import time

from packet_path import counters, losses, picture, probes

# In the order in which a packet comes to them.
STATIONS = {
    "received": ["wire", "ring", "xdp", "gro", "tc", "prerouting", "local", "forwarded", "input",
                 "forward", "tcp", "udp", "icmp"],
    "sent": ["tcp", "udp", "other", "output", "out", "postrouting", "qdisc", "driver", "ring",
             "wire"],
}
# Of those received, what probes see.
PROBED = ("gro", "tc", "local", "forwarded", "tcp", "udp", "icmp")
PROTOCOLS = {6: "tcp", 17: "udp"}
VERDICTS = ("passed", "xdp_drop", "xdp_tx", "xdp_redirect")


def probed(seen, hooks):
    """{(way, station): packets} of what the probes have counted."""
    found = {("received", station): 0 for station in PROBED}
    found |= {("sent", station): 0 for station in ("tcp", "udp", "other", "out", "driver")}
    for (station, protocol), count in seen.items():
        found["received" if station in PROBED else "sent", station] += count
        if protocol:
            found["sent", PROTOCOLS.get(protocol, "other")] += count
    for (way, station, _), count in losses.by_hook(hooks).items():
        if station in losses.HOOKS:
            found[way, station] = found.get((way, station), 0) + count
    return found


def counted(own, standard, qdiscs):
    """The same of the counters of driver, device and qdisc."""
    found = {("received", "wire"): own.get("dev_rx_frames"),
             ("sent", "wire"): own.get("dev_tx_frames"),
             ("sent", "qdisc"): root(qdiscs).get("packets")}
    if not own:
        return found | {("received", "wire"): standard["rx_packets"],
                        ("sent", "wire"): standard["tx_packets"]}
    return found | {("received", "ring"): own["rx_frames"], ("received", "xdp"): own["rx_passed"],
                    ("sent", "ring"): own["tx_accepted"] + own["tx_xdp_accepted"]}


def root(qdiscs):
    """The root qdisc; nothing if packets do not wait."""
    return next((qdisc for qdisc in qdiscs if qdisc.get("root") and qdisc["kind"] != "noqueue"),
                {})


class Sample:
    """All numbers up to one moment, as near to it as they can be read."""

    def __init__(self, interface, watch):
        self.time = time.monotonic()
        seen, hooks = watch.seen()
        self.own, standard = counters.sums(interface.own()), interface.standard()
        self.qdiscs = interface.qdiscs()
        self.passed = counted(self.own, standard, self.qdiscs) | probed(seen, hooks)
        hooked = losses.HOOK not in watch.missing
        self.lost = losses.of_stack(watch.lost(), interface.is_ours, hooked) | \
            losses.of_hooks(hooks)
        self.lost |= losses.of_driver(self.own, standard)


def growth(then, now):
    """What a counter has gained; one that has begun anew, as a new qdisc's, began with nothing."""
    if now is None:
        return None
    then = then or 0
    return now - then if now >= then else now


def lost_between(then, now):
    """Every loss of the time between two samples, as the JSON output has it."""
    grown = {name: growth(then.get(name), value) for name, value in now.items()}
    return [dict(zip(("way", "station", "reason", "where"), name), packets=packets)
            for name, packets in sorted(grown.items()) if packets]


def unseen(interface, watch, now):
    """A sentence for each thing that the picture does not show."""
    for place in watch.missing:
        yield f"{place}: this kernel has no such function"
    if not interface.is_ours:
        yield f"ring, XDP: {interface.driver or 'this interface'} has no counters of sluice's; " \
            "wire and drops are those of ip -s link"
    elif "dev_rx_frames" not in now.own:
        yield "wire: this device counts nothing by itself"
    if hooks := [name for name in losses.HOOKS if not any(name in key for key in now.passed)]:
        yield f"netfilter {', '.join(hooks)}: nothing has come there, or nothing is hooked there"
    for upper in interface.path.glob("upper_*"):
        name = upper.name[len("upper_"):]
        yield f"behind {name}: what it takes has a picture of its own, 'sluice path {name}'"


def report(interface, watch, then, now):
    """One interval, as the JSON output has it."""
    answer = {"interface": interface.name, "driver": interface.driver,
              "seconds": round(now.time - then.time, 3)}
    for way, names in STATIONS.items():
        answer[way] = {name: growth(then.passed.get((way, name)), now.passed.get((way, name)))
                       for name in names}
    answer["verdicts"] = {name: growth(then.own[f"rx_{name}"], now.own[f"rx_{name}"])
                          for name in VERDICTS if now.own}
    qdisc, link = root(now.qdiscs), interface.link()
    answer["now"] = {"flags": link["flags"], "mtu": link["mtu"],
                     "program": link.get("xdp", {}).get("prog", {}).get("id"),
                     "qdisc": qdisc.get("kind"), "backlog": qdisc.get("qlen"),
                     "in_flight": now.own.get("tx_in_flight"), "bql": interface.byte_limits()}
    answer["losses"] = lost_between(then.lost, now.lost)
    answer["unseen"] = list(unseen(interface, watch, now))
    balances, text = interface.judge()
    answer["ledger"] = {"balances": balances, "text": text}
    return answer


def show(answer, options):
    if options.json:
        text = json.dumps(answer)
    else:
        text = picture.draw(answer)
        if not options.once and sys.stdout.isatty():
            text = picture.CLEAR + text
    print(text, flush=True)


def watch_path(interface, watch, options):
    """Until Ctrl-C, or once."""
    then = Sample(interface, watch)
    if options.once:
        print(f"sluice: watching {interface.name} for {options.interval:g} s", file=sys.stderr,
              flush=True)
    while True:
        time.sleep(max(0, then.time + options.interval - time.monotonic()))
        now = Sample(interface, watch)
        show(report(interface, watch, then, now), options)
        if options.once:
            return
        then = now


def path(options):
    """The exit status; Unwatchable if there is nothing to see."""
    try:
        interface = counters.Interface(options.interface)
        probes.check()
        watch_path(interface, probes.Probes(interface.index), options)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # what is left in the buffer is for nobody, and must not be an error in the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as why:
        raise probes.Unwatchable(f"{why.filename or options.interface}: {why.strerror}") from None
    return 0
