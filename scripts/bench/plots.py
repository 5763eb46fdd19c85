# SPDX-License-Identifier: GPL-2.0-only
"""Draws the numbers of a run as SVG, by gnuplot."""
import collections
import re
import subprocess

from ratios import IN_TREE, median, rows

HEAD = """set terminal svg size 760,{height} font "sans-serif,11" background "white"
set output "{path}"
set grid
set key top left
"""
BARS = HEAD + """set title "{title}"
set style data histograms
set style fill solid 0.8 border -1
set xtics rotate by -25
set ylabel "sluice : in-tree"
set yrange [0:*]
set arrow from graph 0,first 1 to graph 1,first 1 nohead lc "black" lw 2
$data << END
{data}
END
plot $data using 2:xtic(1) notitle lc "#3070b0"
"""
LINES = HEAD + """set title "{title}"
set logscale x 2
set xlabel "{unit}"
set ylabel "packets per second"
set yrange [0:*]
$data << END
{data}
END
plot $data using 1:2 with linespoints title "in-tree", \\
     $data using 1:3 with linespoints title "sluice"
"""
# "pps, RX to the stack, 64 descriptors": a point at 64 of the curve over descriptors
GROWTH = re.compile(r"pps, RX.*, (\d+) (descriptors|bytes|NICs)\b")


def gnuplot(script):
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def curves(samples):
    """{(nic, unit): [(x, in-tree, sluice)]} of what grows."""
    found = collections.defaultdict(list)
    for row in rows(samples):
        match = GROWTH.match(row.quantity)
        if match and row.other == IN_TREE and row.ratio():
            found[row.nic, match[2]].append((int(match[1]), median(row.theirs), median(row.ours)))
    return found


def bars(samples):
    """{(nic, conditions): [(quantity, ratio)]} of all other packet rates."""
    found = collections.defaultdict(list)
    for row in rows(samples):
        if row.quantity.startswith("pps") and not GROWTH.match(row.quantity) and row.ratio() \
                and row.other == IN_TREE:
            found[row.nic, row.conditions].append((row.quantity[5:], row.ratio().median))
    return found


def file_name(*words):
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()) + ".svg"


def draw(samples, directory):
    """All plots; their file names."""
    names = []
    for (nic, conditions), lines in bars(samples).items():
        names.append(file_name("ratio", nic, conditions))
        data = "\n".join(f'"{quantity}" {ratio:.3f}' for quantity, ratio in lines)
        gnuplot(BARS.format(path=f"{directory}/{names[-1]}", height=420, data=data,
                            title=f"{nic}, {conditions}: packets per second"))
    for (nic, unit), points in curves(samples).items():
        names.append(file_name("growth", nic, unit))
        data = "\n".join(" ".join(map(str, point)) for point in sorted(points))
        gnuplot(LINES.format(path=f"{directory}/{names[-1]}", height=320, data=data, unit=unit,
                             title=f"{nic}: packets to the stack"))
    return names
