#include "stream_infer/ffmpeg/bytes.hpp"

#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

using stream_infer::ffmpeg::detail::Bytes;
using stream_infer::ffmpeg::detail::bytes_of;

TEST_CASE("Parts of bytes never reach beyond them", "[ffmpeg][bytes]") {
  const std::array<std::uint8_t, 5> array{1, 2, 3, 4, 5};
  const Bytes all{array.data(), array.size()};
  for (std::size_t at = 0; at < 8; ++at) {
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{9}, SIZE_MAX}) {
      CAPTURE(at, count);
      const Bytes part = all.from(at).first(count);
      const std::size_t there = at < 5 ? 5 - at : 0;
      REQUIRE(part.size() == (count < there ? count : there));
      for (std::size_t i = 0; i < part.size(); ++i) CHECK(part[i] == at + i + 1);
      if (!part.empty()) CHECK(part.back() == at + part.size());
    }
  }
  CHECK(all.from(SIZE_MAX).empty());
}

TEST_CASE("Of nothing, and of sizes that make no sense, there are no bytes", "[ffmpeg][bytes]") {
  const std::uint8_t byte = 7;
  CHECK(Bytes{}.empty());
  CHECK(Bytes{}.from(3).first(3).empty());
  CHECK(bytes_of(nullptr, 4).empty());
  CHECK(bytes_of(&byte, -1).empty());
  CHECK(bytes_of(&byte, 1)[0] == 7);
}
