#!/usr/bin/env python3
"""judge.py CSV [PNG]: whether memory, descriptors and threads of a soak stay flat. Plots them where matplotlib is installed.

After the first fifth, in which caches fill, the samples are put together in 20 blocks (neighbours are alike, blocks less
so), and a line is laid through the blocks' means. A slope is told from none if none is outside its 95 % interval; then it
is too much if it also comes to more than 1 % of what was there over the time that was looked at.
"""

import csv
import statistics
import sys

T_95 = 2.101  # Student's, for 18 degrees of freedom


def slope_of(times, values):
    """(slope, half of its 95 % interval), each a second"""
    blocks = 20
    cut = [len(times) * i // blocks for i in range(blocks + 1)]
    x = [statistics.fmean(times[a:b]) for a, b in zip(cut, cut[1:])]
    y = [statistics.fmean(values[a:b]) for a, b in zip(cut, cut[1:])]
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    spread = sum((one - mean_x) ** 2 for one in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / spread
    rest = sum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y))
    return slope, T_95 * (rest / (blocks - 2) / spread) ** 0.5


def main():
    with open(sys.argv[1], newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    late = rows[len(rows) // 5:]
    if len(late) < 40:
        sys.exit("too short to judge: give it at least a minute")
    times = [row["seconds"] for row in late]
    length = times[-1] - times[0]
    flat = True
    print(f"{'':12} {'at first':>10} {'at last':>10} {'an hour more makes':>22}")
    for name, unit in (("memory_kib", "KiB"), ("descriptors", ""), ("threads", "")):
        values = [row[name] for row in late]
        slope, half = slope_of(times, values)
        grows = slope - half > 0 and slope * length > 0.01 * statistics.fmean(values)
        flat = flat and not grows
        print(f"{name:12} {values[0]:10.0f} {values[-1]:10.0f} {3600 * slope:+12.1f} ± {3600 * half:.1f} {unit} "
              f"{'GROWS' if grows else 'flat'}{'' if slope - half > 0 or slope + half < 0 else ', not told from 0'}")
    print(f"{rows[-1]['frames']:.0f} frames, {rows[-1]['losses']:.0f} losses in {rows[-1]['seconds']:.0f} s")
    if len(sys.argv) > 2:
        plot(rows, sys.argv[2])
    sys.exit(0 if flat else 1)


def plot(rows, path):
    try:
        import matplotlib
    except ImportError:
        print("no plot: python3-matplotlib is not installed")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(4, 1, sharex=True, figsize=(8, 8))
    for axis, name, scale in zip(axes, ("memory_kib", "descriptors", "threads", "losses"), (1024, 1, 1, 1)):
        axis.plot([row["seconds"] for row in rows], [row[name] / scale for row in rows], linewidth=0.8)
        axis.set_ylabel("memory (MiB)" if name == "memory_kib" else name)
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
