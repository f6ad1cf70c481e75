"""pyav_loop.py VIDEO SCHEDULE…: PyAV's loop, with its threads on; only frames of the windows are converted.

A SCHEDULE is COUNT,STEP,MILLISECONDS, at 30 frames a second.
"""

import sys

import av

from schedules import needs, parse

schedules = [parse(text) for text in sys.argv[2:]]
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
