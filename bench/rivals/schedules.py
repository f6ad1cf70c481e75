"""Which frames schedules of COUNT,STEP,MILLISECONDS need, at a constant 30 frames a second."""


def parse(text):
    count, step, milliseconds = (int(part) for part in text.split(","))
    return count, step, milliseconds


def is_due(schedule, number):
    _, _, milliseconds = schedule
    if milliseconds < 34:
        return True
    return (number + 1) * 1000 // 30 // milliseconds > number * 1000 // 30 // milliseconds


def needs(schedules, number):
    return any(is_due(s, number + i * s[1]) for s in schedules for i in range(s[0]))
