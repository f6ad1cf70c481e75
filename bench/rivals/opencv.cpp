// opencv read|grab VIDEO SCHEDULE…: the loop that people write with cv::VideoCapture. `read` converts every frame, `grab`
// only those of the windows. A SCHEDULE is COUNT,STEP,MILLISECONDS, at 30 frames a second.
#include "schedules.hpp"

#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const bool read_all = std::strcmp(argv[1], "read") == 0;
  const Schedules schedules{argc - 3, argv + 3};
  cv::VideoCapture capture{argv[2], cv::CAP_FFMPEG};
  if (!capture.isOpened()) return 1;
  cv::Mat frame, small;
  long sum = 0, looked_at = 0;
  for (long number = 0; read_all ? capture.read(frame) : capture.grab(); ++number) {
    if (!schedules.need(number)) continue;
    if (!read_all && !capture.retrieve(frame)) return 1;
    cv::resize(frame, small, {640, 360}, 0, 0, cv::INTER_AREA);
    sum += small.at<cv::Vec3b>(0, 0)[0];
    ++looked_at;
  }
  std::printf("%ld frames, sum %ld\n", looked_at, sum);
  return 0;
}
