#include "stream_infer/ffmpeg/picture_order.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <vector>

using stream_infer::ffmpeg::PictureOrder;

namespace {

struct Picture {
  std::int64_t number;
  std::int64_t timestamp;
  bool restarts = false;
};

/// How many of the pictures fit.
int fitting(const std::vector<Picture>& pictures) {
  PictureOrder order;
  int count = 0;
  for (const Picture& picture : pictures)
    if (order.add(picture.number, picture.timestamp, picture.restarts)) ++count;
  return count;
}

}  // namespace

TEST_CASE("Time stamps fit numbers that put pictures in the same order", "[ffmpeg][picture_order]") {
  CHECK(fitting({{0, 0, true}, {8, 40}, {4, 20}, {2, 10}, {6, 30}, {16, 41}}) == 6);
  CHECK(fitting({{0, 0, true}, {8, 10}, {4, 20}, {2, 30}}) == 2);   // those of decoding
  CHECK(fitting({{0, 0, true}, {2, 10}, {2, 20}}) == 2);            // the same number twice
  CHECK(fitting({{0, 0, true}, {2, 10}, {4, 10}}) == 2);            // the same time stamp
  CHECK(fitting({{-4, 5, true}, {-8, 3}, {-6, 4}, {-2, 6}}) == 4);  // numbers need not begin at 0
}

TEST_CASE("Where numbers begin anew, all time stamps are later than those before", "[ffmpeg][picture_order]") {
  CHECK(fitting({{0, 0, true}, {4, 20}, {2, 10}, {0, 30, true}, {4, 50}, {2, 40}}) == 6);
  CHECK(fitting({{0, 0, true}, {4, 20}, {2, 10}, {0, 15, true}, {4, 50}}) == 3);
  CHECK(fitting({{0, 0, true}, {4, 20}, {2, 10}, {2, 30, true}, {0, 15}}) == 4);  // nor does one that leads lie before
}

TEST_CASE("What does not fit makes those after it useless, up to where numbers begin anew", "[ffmpeg][picture_order]") {
  CHECK(fitting({{0, 0, true}, {2, 20}, {4, 10}, {6, 30}, {8, 40}, {0, 5, true}, {2, 6}}) == 4);
}

TEST_CASE("A picture may be shown long after it was decoded", "[ffmpeg][picture_order]") {
  std::vector<Picture> pictures{{0, 0, true}, {100, 100}};
  for (std::int64_t i = 1; i < 50; ++i) pictures.push_back({i, i});
  pictures.push_back({101, 60});
  CHECK(fitting(pictures) == 51);
}
