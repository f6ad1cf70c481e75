#pragma once

#include <cstddef>
#include <cstdio>
#include <vector>

/// Which frames schedules of COUNT,STEP,MILLISECONDS need, at a constant 30 frames a second.
class Schedules {
 public:
  Schedules(int count, char** texts) {
    for (int i = 0; i < count; ++i) {
      Schedule schedule;
      if (std::sscanf(texts[i], "%ld,%ld,%ld", &schedule.count, &schedule.step, &schedule.milliseconds) == 3)
        all_.push_back(schedule);
    }
  }

  [[nodiscard]] bool need(long number) const {
    for (const Schedule& schedule : all_)
      for (long i = 0; i < schedule.count; ++i)
        if (is_due(schedule, number + i * schedule.step)) return true;
    return false;
  }

 private:
  struct Schedule {
    long count = 1;
    long step = 1;
    long milliseconds = 0;
  };

  static bool is_due(const Schedule& schedule, long number) {
    if (schedule.milliseconds < 34) return true;
    return (number + 1) * 1000 / 30 / schedule.milliseconds > number * 1000 / 30 / schedule.milliseconds;
  }

  std::vector<Schedule> all_;
};
