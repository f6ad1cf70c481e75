#!/usr/bin/env python3
"""compare_all.py BUILD [--runs N] [--clips A,B…] [--schedules A,B…]: ours beside its rivals, as whole processes.

All contestants take their turn in each round, so that a machine that gets slower does so for all; those that do the same
whatever the schedule do it once a round. Written to BUILD: sparse.md and sparse.csv, with medians of wall time, CPU time and peak memory and, of each round,
the ratio to FFmpeg's bare decode; and, where matplotlib is installed, sparse.png. What sparse.csv holds of other clips and
schedules is kept, so that all can be measured in parts. Contestants that are not installed are left out.
"""

import argparse
import csv
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "rivals"))
import schedules  # noqa: E402

# name: (size, seconds, encoder's arguments); 30 frames a second
CLIPS = {
    "1080p-h264": ("1920x1080", 120, "-c:v libx264 -g 250"),
    "1080p-h264-no-b": ("1920x1080", 60, "-c:v libx264 -g 250 -bf 0"),
    "1080p-hevc": ("1920x1080", 60, "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=250:bframes=3"),
    "1080p-vp9": ("1920x1080", 60, "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -row-mt 1 -g 250 -b:v 4M"),
    "360p-h264": ("640x360", 120, "-c:v libx264 -g 250"),
}

# name: COUNT,STEP,MILLISECONDS for each algorithm
SCHEDULES = {
    "every frame": ["1,1,0"],
    "10 a second": ["1,1,100"],
    "1 a second": ["1,1,1000"],
    "5, step 6, once a minute": ["5,6,60000"],
    "both of these": ["1,1,1000", "5,6,60000"],
}


def make_clip(build, name):
    path = os.path.join(build, name + ".mp4")
    if not os.path.exists(path):
        size, seconds, encoder = CLIPS[name]
        part = os.path.join(build, "part-" + name + ".mp4")
        source = f"testsrc2=size={size}:rate=30,noise=alls=6:allf=t"
        command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source, "-t", str(seconds)]
        subprocess.run(command + ["-pix_fmt", "yuv420p"] + encoder.split() + [part], check=True)
        os.rename(part, path)
    return path


def select_filter(texts):
    """FFmpeg's own way to look at some frames only."""
    if any(schedules.is_due(schedules.parse(text), 0) for text in texts):
        return "scale=640:360:flags=area,format=bgr24"  # every frame
    terms = []
    for count, step, milliseconds in map(schedules.parse, texts):
        period, rest = divmod(milliseconds * 30, 1000)  # frames; a due is at the last one of each
        if rest != 0:
            sys.exit(f"{milliseconds} ms: the interval of a schedule must be a whole number of frames")
        terms += [f"eq(mod(n\\,{period})\\,{period - 1 - i * step})" for i in range(count)]
    return f"select={'+'.join(terms)},scale=640:360:flags=area,format=bgr24"


def contestants(build, clip, texts):
    """[(name, command)]"""
    binary = os.path.join(build, "bench")
    found = [
        ("stream_infer", [os.path.join(binary, "sampled"), clip, *texts]),
        ("ffmpeg, bare decode", ["ffmpeg", "-nostdin", "-v", "error", "-i", clip, "-f", "null", "-"]),
    ]
    filtered = ["-vf", select_filter(texts), "-vsync", "passthrough", "-f", "null", "-"]
    found.append(("ffmpeg, select and scale", ["ffmpeg", "-nostdin", "-v", "error", "-i", clip, *filtered]))
    opencv = os.path.join(binary, "rival_opencv")
    if os.path.exists(opencv):
        found.append(("OpenCV, read", [opencv, "read", clip, *texts]))
        found.append(("OpenCV, grab and retrieve", [opencv, "grab", clip, *texts]))
    gstreamer = os.path.join(binary, "rival_gstreamer")
    if os.path.exists(gstreamer):
        found.append(("GStreamer, appsink", [gstreamer, clip]))
    here = os.path.dirname(os.path.abspath(__file__))
    if subprocess.run([sys.executable, "-c", "import av"], stderr=subprocess.DEVNULL).returncode == 0:
        found.append(("PyAV", [sys.executable, os.path.join(here, "rivals", "pyav_loop.py"), clip, *texts]))
    return found


def run(command):
    """(wall seconds, CPU seconds, MiB at the peak)"""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {said.decode(errors='replace')[-500:]}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(build, clip, names, runs):
    """{(clip, schedule): rows} of all the schedules that are named."""
    path = make_clip(build, clip)
    found = {schedule: contestants(build, path, SCHEDULES[schedule]) for schedule in names}
    costs = {tuple(command): [] for of_schedule in found.values() for _, command in of_schedule}
    with open(path, "rb") as file:
        while file.read(1 << 20):  # nobody is to be the first to read it
            pass
    for _ in range(runs):
        for command, cost in costs.items():
            cost.append(run(command))
    table = {}
    for schedule, of_schedule in found.items():
        base = costs[tuple(dict(of_schedule)["ffmpeg, bare decode"])]
        for name, command in of_schedule:
            cost = costs[tuple(command)]
            wall, cpu, memory = (statistics.median(one[i] for one in cost) for i in range(3))
            wall_ratio, cpu_ratio = (
                statistics.median(ours[i] / theirs[i] for ours, theirs in zip(cost, base)) for i in range(2)
            )
            row = [clip, schedule, name, wall, cpu, memory, wall_ratio, cpu_ratio, runs]
            table.setdefault((clip, schedule), []).append(row)
            print(f"{clip:16} {schedule:26} {name:26} {wall:7.2f} s {cpu:7.2f} s {memory:6.0f} MiB  "
                  f"{wall_ratio:5.2f} {cpu_ratio:5.2f}", flush=True)
    return table


COLUMNS = "clip schedule contestant wall_s cpu_s memory_mib wall_ratio cpu_ratio runs".split()


def read_table(build):
    """What was measured before: {(clip, schedule): rows}."""
    table = {}
    path = os.path.join(build, "sparse.csv")
    if os.path.exists(path):
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                if row.keys() == set(COLUMNS):
                    numbers = [float(row[column]) for column in COLUMNS[3:8]]
                    values = [row["clip"], row["schedule"], row["contestant"], *numbers, int(row["runs"])]
                    table.setdefault((row["clip"], row["schedule"]), []).append(values)
    return table


def in_order(table):
    return [row for clip in CLIPS for schedule in SCHEDULES for row in table.get((clip, schedule), [])]


def write_table(build, rows):
    with open(os.path.join(build, "sparse.csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(row[:3] + [f"{number:.3f}" for number in row[3:8]] + row[8:] for row in rows)
    with open(os.path.join(build, "sparse.md"), "w") as file:
        file.write("Made by `bench/run.sh RUNS sparse`. Ratios are to FFmpeg's bare decode, in the same round.\n\n")
        file.write("| clip | looked at | by | wall | CPU | memory | wall, ratio | CPU, ratio | runs |\n"
                   "|---|---|---|---|---|---|---|---|---|\n")
        for clip, schedule, name, wall, cpu, memory, wall_ratio, cpu_ratio, runs in rows:
            file.write(f"| {clip} | {schedule} | {name} | {wall:.2f} s | {cpu:.2f} s | {memory:.0f} MiB "
                       f"| {wall_ratio:.2f} | {cpu_ratio:.2f} | {runs} |\n")


def plot(build, rows):
    try:
        import matplotlib
    except ImportError:
        print("no plot: matplotlib is not installed")
        return
    matplotlib.use("agg")
    from matplotlib import pyplot

    clip = rows[0][0]
    seconds = {"every frame": 1 / 30, "10 a second": 0.1, "1 a second": 1, "5, step 6, once a minute": 60}
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for name in dict.fromkeys(row[2] for row in rows):
        points = [(seconds[row[1]], row[7]) for row in rows if row[0] == clip and row[2] == name and row[1] in seconds]
        if points:
            ours = name == "stream_infer"
            axes.plot(*zip(*sorted(points)), marker="o", label=name, linewidth=3 if ours else 1.2, zorder=3 if ours else 2)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("seconds between two looks")
    axes.set_ylabel("CPU, as a multiple of FFmpeg's bare decode")
    axes.set_title(f"What looking now and then costs ({clip})")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(os.path.join(build, "sparse.png"), dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clips", default=",".join(CLIPS))
    parser.add_argument("--schedules", default=";".join(SCHEDULES), help="divided by ';'")
    arguments = parser.parse_args()
    table = read_table(arguments.build)
    for clip in arguments.clips.split(","):
        table.update(measure(arguments.build, clip, arguments.schedules.split(";"), arguments.runs))
        write_table(arguments.build, in_order(table))
    plot(arguments.build, in_order(table))


if __name__ == "__main__":
    main()
