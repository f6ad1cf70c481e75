#include "stream_infer/opencv/cascade_detector.hpp"

#include "opencv/pictures.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"

#include <array>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("A cascade finds what OpenCV itself finds with it", "[opencv][cascade]") {
  const std::string path = "/usr/share/opencv4/haarcascades/haarcascade_frontalface_alt2.xml";
  if (!std::filesystem::exists(path)) {
    WARN("skipped: needs opencv-data");
    return;
  }
  si::FramePool<> pool;
  std::size_t found = 0;
  for (const int height : {120, 240, 300}) {
    const std::vector<si::Frame> window{
        test::face(pool, {.width = 320, .height = height, .format = si::PixelFormat::gray8})};
    si::CascadeDetector faces{path, {.label = "face", .scale = 1.05, .neighbours = 0}};
    const si::Detections detections = faces.run(window);
    cv::CascadeClassifier cascade{path};
    std::vector<cv::Rect> boxes;
    std::vector<int> levels;
    std::vector<double> weights;
    cascade.detectMultiScale(si::as_mat(window[0]), boxes, levels, weights, 1.05, 0, 0, {}, {}, true);
    REQUIRE(detections.size() == boxes.size());
    found += boxes.size();
    std::multiset<std::array<float, 3>> ours, theirs;  // they come in any order
    for (const si::Detection& one : detections) {
      ours.insert({one.box.x, one.box.y, one.box.width});
      CHECK(one.label == "face");
    }
    for (const cv::Rect& box : boxes)
      theirs.insert({static_cast<float>(box.x), static_cast<float>(box.y), static_cast<float>(box.width)});
    CHECK(ours == theirs);
  }
  CHECK(found > 0);
}

TEST_CASE("A cascade that is not there, or none, is an error at once", "[opencv][cascade]") {
  const test::TemporaryFolder folder;
  for (const std::string& path : {folder / "none.xml", folder.file("a.xml", test::Bytes(100, 'x'))}) {
    const si::Error error = test::error_of([&] { si::CascadeDetector{path}; });
    CHECK(error.source() == path);
    CHECK_THAT(error.what(), ContainsSubstring("no cascade that OpenCV can read"));
  }
  CHECK_THAT(test::error_of([&] {
               si::CascadeDetector{"a.xml", {.scale = 1}};
             }).what(),
             ContainsSubstring("CascadeOptions"));
}
