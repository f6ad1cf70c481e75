"""pyav_loop.py VIDEO SCHEDULE…: PyAV's loop, with its threads on; only frames of the windows are converted.

A SCHEDULE is COUNT,STEP,MILLISECONDS, at 30 frames a second.
"""

import sys

import av


def is_due(schedule, number):
    count, step, milliseconds = schedule
    if milliseconds < 34:
        return True
    return (number + 1) * 1000 // 30 // milliseconds > number * 1000 // 30 // milliseconds


def needs(schedules, number):
    return any(is_due(s, number + i * s[1]) for s in schedules for i in range(s[0]))


schedules = [tuple(int(part) for part in text.split(",")) for text in sys.argv[2:]]
container = av.open(sys.argv[1])
stream = container.streams.video[0]
stream.thread_type = "AUTO"
total = looked_at = 0
for number, frame in enumerate(container.decode(stream)):
    if needs(schedules, number):
        image = frame.reformat(width=640, height=360, format="bgr24")
        total += memoryview(image.planes[0])[0]
        looked_at += 1
print(looked_at, "frames, sum", total)
