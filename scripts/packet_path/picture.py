# SPDX-License-Identifier: GPL-2.0-only
"""One interval as a picture for the terminal: sockets above, the wire below."""

CLEAR = "\033[H\033[2J"
LABEL, COLUMN = 11, 36


class Rates:
    """Packets per second of each station of one report, as text."""

    def __init__(self, report):
        self.report = report

    def of(self, way, station):
        """A dash where nothing can be seen."""
        packets = self.report[way][station]
        if packets is None:
            return "-"
        rate = packets / self.report["seconds"]
        return f"{rate:.0f}" if rate >= 10 or rate == 0 else f"{rate:.1f}"

    def row(self, way, *stations):
        return "  ".join(f"{name} {self.of(way, name)}" for name in stations)


def rows(report):
    """(name, its stations, text on the way up, text on the way down), from socket to wire."""
    rate, now = Rates(report), report["now"]
    return [
        ("socket", {"socket"}, rate.row("received", "tcp", "udp", "icmp"),
         rate.row("sent", "tcp", "udp", "other")),
        ("netfilter", {"input", "output"}, rate.row("received", "input"),
         rate.row("sent", "output")),
        ("IP", {"ip"}, rate.row("received", "local", "forwarded"), rate.row("sent", "out")),
        ("netfilter", {"prerouting", "forward", "postrouting"},
         rate.row("received", "prerouting", "forward"), rate.row("sent", "postrouting")),
        ("tc", {"tc", "qdisc"}, f"ingress {rate.of('received', 'tc')}",
         f"{qdisc(now)} {rate.of('sent', 'qdisc')}"),
        ("GRO", {"gro", "driver"}, rate.of("received", "gro"), rate.row("sent", "driver")),
        ("XDP", {"xdp"}, xdp(report, rate), byte_limits(now)),
        ("ring", {"ring"}, rate.of("received", "ring"), f"{rate.of('sent', 'ring')}{flying(now)}"),
        ("wire", {"wire"}, rate.of("received", "wire"), rate.of("sent", "wire")),
    ]


def qdisc(now):
    if not now["qdisc"]:
        return "no qdisc"
    return f"{now['qdisc']} ({now['backlog']} wait)"


def xdp(report, rate):
    program = report["now"]["program"]
    if not program:
        return f"{rate.of('received', 'xdp')}  no program"
    verdicts = [f"{name.removeprefix('xdp_')} {packets / report['seconds']:.0f}"
                for name, packets in report["verdicts"].items()]
    return " ".join([f"program {program} ", *verdicts])


def byte_limits(now):
    if "limit" not in now["bql"]:
        return "no BQL"
    return f"BQL {now['bql']['inflight']} of {now['bql']['limit']} bytes"


def flying(now):
    return "" if now["in_flight"] is None else f"  ({now['in_flight']} in flight)"


def lost(report, stations):
    """A line for each loss at some stations."""
    for loss in report["losses"]:
        if loss["station"] in stations:
            side = "" if loss["way"] == "received" else " " * COLUMN
            yield f"{'':{LABEL}}{side}lost {loss['packets']}: {loss['reason']} ({loss['where']})"


def title(report):
    state = "up" if "UP" in report["now"]["flags"] else "down"
    return f"{report['interface']}: {report['driver'] or 'no device'}, {state}, " \
        f"mtu {report['now']['mtu']}; packets per second, of {report['seconds']:.1f} s"


def draw(report):
    lines = [title(report), "", f"{'':{LABEL}}{'received ^':{COLUMN}}sent v"]
    for name, stations, up, down in rows(report):
        lines.append(f"{name:{LABEL}}{up:{COLUMN}}{down}".rstrip())
        lines += lost(report, stations)
    lines += ["", *(f"not seen: {sentence}" for sentence in report["unseen"])]
    return "\n".join([*lines, f"ledger {report['ledger']['text']}"])
