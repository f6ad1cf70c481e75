#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/opencv/hog_people.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/media.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;

TEST_CASE("In a real video people are found where OpenCV itself finds them", "[opencv][hog]") {
  const std::optional<std::string> path = test::real_clip_path("car-detection.mp4");
  if (!path) return;
  si::FFmpegProducer producer{{.width = 640}};
  si::FrameTracker tracker;
  si::Player player{producer, tracker, *path};
  si::HogPeople people{{.hit_threshold = -0.3}};  // it shows few people, and small ones
  cv::HOGDescriptor hog;
  hog.setSVMDetector(cv::HOGDescriptor::getDefaultPeopleDetector());
  std::size_t found = 0;
  for (const auto& [frame, number] : player.play()) {
    if (frame.index() % 15 != 0) continue;
    CAPTURE(frame.index());
    const si::Detections detections = people.run(std::span{&frame, 1});
    const si::ImageView image = frame.image();
    cv::Mat copy(image.height, image.width, CV_8UC3);
    for (int y = 0; y < image.height; ++y) std::ranges::copy(image.row(y), copy.ptr(y));
    std::vector<cv::Rect> boxes;
    std::vector<double> distances;
    hog.detectMultiScale(copy, boxes, distances, -0.3, {8, 8}, {}, 1.05, 0);
    CHECK(detections.empty() == boxes.empty());
    found += detections.size();
    for (const si::Detection& one : detections) {
      std::size_t same = 0;
      for (std::size_t i = 0; i < boxes.size(); ++i) {
        const cv::Rect2f box{boxes[i]};
        if (si::clipped({box.x, box.y, box.width, box.height}, image.width, image.height) == one.box &&
            one.score == Approx(1 / (1 + std::exp(-distances[i]))))
          ++same;
      }
      CHECK(same > 0);
    }
  }
  CHECK(found > 0);
}
