#include "stream_infer/ffmpeg/nal_units.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using stream_infer::ffmpeg::detail::Bytes;
using stream_infer::ffmpeg::detail::keep_units;
using stream_infer::ffmpeg::detail::NalUnits;

namespace {

using Buffer = std::vector<std::uint8_t>;

std::vector<Buffer> units_of(const Buffer& packet, std::size_t length_size, bool* broken = nullptr) {
  NalUnits units{Bytes{packet.data(), packet.size()}, length_size};
  std::vector<Buffer> all;
  for (Bytes unit = units.next(); !unit.empty(); unit = units.next())
    all.emplace_back(unit.data(), unit.data() + unit.size());
  if (broken != nullptr) *broken = units.broken();
  return all;
}

}  // namespace

TEST_CASE("Units are divided by start codes of three or four bytes", "[ffmpeg][nal]") {
  CHECK(units_of({0, 0, 1, 7, 8, 0, 0, 0, 1, 9, 0, 0, 1, 5}, 0) == std::vector<Buffer>{{7, 8, 0}, {9}, {5}});
  CHECK(units_of({9, 9, 0, 0, 1, 7}, 0) == std::vector<Buffer>{{7}});  // what is before the first is of no unit
  CHECK(units_of({0, 0, 1, 0, 0, 1, 7}, 0) == std::vector<Buffer>{{7}});
  CHECK(units_of({1, 2, 3}, 0).empty());
  CHECK(units_of({0, 0, 1}, 0).empty());
  CHECK(units_of({}, 0).empty());
}

TEST_CASE("Units are divided by their lengths", "[ffmpeg][nal]") {
  CHECK(units_of({0, 0, 0, 2, 7, 8, 0, 0, 0, 1, 9}, 4) == std::vector<Buffer>{{7, 8}, {9}});
  CHECK(units_of({2, 7, 8, 0, 1, 9}, 1) == std::vector<Buffer>{{7, 8}, {9}});  // an empty one is passed over
}

TEST_CASE("Lengths that reach beyond the packet are noticed", "[ffmpeg][nal]") {
  bool broken = false;
  CHECK(units_of({0, 1, 7, 0, 9, 1}, 2, &broken) == std::vector<Buffer>{{7}});
  CHECK(broken);
  CHECK(units_of({0, 1, 7, 0}, 2, &broken).size() == 1);
  CHECK(broken);
  CHECK(units_of({0, 1, 7}, 2, &broken).size() == 1);
  CHECK_FALSE(broken);
}

TEST_CASE("Parameter sets are kept once, the latest last, in the packet's own form", "[ffmpeg][nal]") {
  const auto is_seven = [](Bytes unit) { return unit[0] == 7; };
  for (const std::size_t length_size : {0U, 2U, 4U}) {
    CAPTURE(length_size);
    const auto packet = [&](const std::vector<Buffer>& units) {
      Buffer bytes;
      for (const Buffer& unit : units) {
        const Buffer head = length_size == 0   ? Buffer{0, 0, 1}
                            : length_size == 2 ? Buffer{0, static_cast<std::uint8_t>(unit.size())}
                                               : Buffer{0, 0, 0, static_cast<std::uint8_t>(unit.size())};
        bytes.insert(bytes.end(), head.begin(), head.end());
        bytes.insert(bytes.end(), unit.begin(), unit.end());
      }
      return bytes;
    };
    std::string sets;
    for (const std::vector<Buffer>& units :
         std::vector<std::vector<Buffer>>{{{7, 1}, {5, 5}}, {{7, 1}}, {{6}, {7, 2}, {7, 1}}}) {
      const Buffer bytes = packet(units);
      CHECK(keep_units(Bytes{bytes.data(), bytes.size()}, length_size, is_seven, sets));
    }
    CHECK(Buffer(sets.begin(), sets.end()) == packet({{7, 2}, {7, 1}}));  // in the order of their last coming
  }
}

TEST_CASE("More parameter sets than any stream has are not kept", "[ffmpeg][nal_units]") {
  const auto is_seven = [](Bytes unit) { return unit[0] == 7; };
  const auto keep = [&](std::size_t units, std::size_t size) {
    Buffer bytes;
    for (std::size_t i = 0; i < units; ++i) {
      bytes.insert(bytes.end(),
                   {0, 0, 1, 7, static_cast<std::uint8_t>(1 + i / 250), static_cast<std::uint8_t>(2 + i % 250)});
      bytes.insert(bytes.end(), size, 9);
    }
    std::string sets;
    return keep_units(Bytes{bytes.data(), bytes.size()}, 0, is_seven, sets);
  };
  CHECK(keep(500, 1));
  CHECK_FALSE(keep(600, 1));
  CHECK(keep(20, 3000));
  CHECK_FALSE(keep(30, 3000));
  CHECK_FALSE(keep(100'000, 1));  // and at once
}

TEST_CASE("Messages are found by their kind", "[ffmpeg][nal_units]") {
  using stream_infer::ffmpeg::detail::has_message;
  const auto has = [](const Buffer& bytes, unsigned kind) {
    return has_message(Bytes{bytes.data(), bytes.size()}, kind);
  };
  CHECK(has({19, 1, 0xff, 0x80}, 19));
  CHECK_FALSE(has({5, 1, 19, 0x80}, 19));        // inside another one
  CHECK(has({5, 2, 1, 2, 19, 1, 7, 0x80}, 19));  // behind another one
  CHECK(has({0xff, 4, 1, 7, 19, 0, 0x80}, 19));  // kind 259
  CHECK(has({0xff, 4, 1, 7, 19, 0, 0x80}, 259));
  CHECK(has({5, 3, 0, 0, 3, 1, 19, 1, 7, 0x80}, 19));  // a byte put in against start codes does not count
  CHECK_FALSE(has({}, 19));
  CHECK_FALSE(has({0xff, 0xff}, 19));
  CHECK_FALSE(has({5, 200, 1, 0x80}, 19));  // longer than it is
}
