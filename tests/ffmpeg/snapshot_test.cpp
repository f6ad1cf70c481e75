#include "stream_infer/ffmpeg/snapshot.hpp"

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using Catch::Matchers::ContainsSubstring;

namespace {

si::Image painted(const si::ImageSpec& spec) {
  si::Image image{spec};
  const int bytes = si::channels(spec.format);
  for (int y = 0; y < spec.height; ++y)
    for (int x = 0; x < spec.width; ++x)
      for (int c = 0; c < bytes; ++c)
        image.span().row(y)[static_cast<std::size_t>(x * bytes + c)] =
            static_cast<std::uint8_t>(c == 3 ? 255 : (x * 2 + y + 60 * c) % 256);
  return image;
}

/// What FFmpeg's own decoder sees in the file.
si::Image decoded(const std::string& path, si::PixelFormat format) {
  si::FFmpegProducer producer{{.format = format}};
  auto reader = producer.open(path, {});
  si::Frame frame;
  REQUIRE(reader.read(frame) == si::ReadStatus::frame);
  return si::Image{frame.image()};
}

double psnr(si::ImageView a, si::ImageView b) {
  REQUIRE(a.spec() == b.spec());
  double squares = 0;
  std::size_t count = 0;
  for (int y = 0; y < a.height; ++y)
    for (std::size_t i = 0; i < a.row(y).size(); ++i, ++count) squares += std::pow(a.row(y)[i] - b.row(y)[i], 2);
  return squares == 0 ? 1000 : 10 * std::log10(255.0 * 255.0 * static_cast<double>(count) / squares);
}

}  // namespace

TEST_CASE("A PNG has the very pixels, a JPEG nearly", "[ffmpeg][snapshot]") {
  const test::TemporaryFolder folder;
  for (const si::PixelFormat format : {si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::bgra32,
                                       si::PixelFormat::rgba32, si::PixelFormat::gray8})
    for (const int width : {1, 37, 320}) {
      CAPTURE(si::to_string(format), width);
      const si::Image image = painted({.width = width, .height = 41, .format = format});
      const std::vector<std::uint8_t> png = si::snapshot(image.view(), {.format = si::SnapshotFormat::png});
      CHECK(std::string(png.begin() + 1, png.begin() + 4) == "PNG");
      CHECK(psnr(decoded(folder.file("a.png", png), format).view(), image.view()) == 1000);
      const std::vector<std::uint8_t> jpeg = si::snapshot(image.view());
      CHECK(jpeg[0] == 0xff);
      CHECK(jpeg[1] == 0xd8);
      if (width > 8) CHECK(psnr(decoded(folder.file("a.jpg", jpeg), format).view(), image.view()) > 24);
    }
}

TEST_CASE("A better JPEG is larger, and nearer", "[ffmpeg][snapshot]") {
  const test::TemporaryFolder folder;
  const si::Image image = painted({.width = 320, .height = 180, .format = si::PixelFormat::gray8});
  std::size_t size = 0;
  double quality = 0;
  for (const int wanted : {1, 50, 100}) {
    const std::vector<std::uint8_t> jpeg = si::snapshot(image.view(), {.quality = wanted});
    const double now = psnr(decoded(folder.file("a.jpg", jpeg), si::PixelFormat::gray8).view(), image.view());
    CHECK(jpeg.size() > size);
    CHECK(now > quality);
    size = jpeg.size();
    quality = now;
  }
  CHECK(quality > 38);
}

TEST_CASE("What cannot be a snapshot is an error", "[ffmpeg][snapshot]") {
  CHECK_THAT(test::error_of([] { static_cast<void>(si::snapshot(si::ImageView{})); }).what(),
             ContainsSubstring("no pixels"));
  CHECK_THAT(test::error_of([] { static_cast<void>(si::snapshot(si::Frame{})); }).what(),
             ContainsSubstring("no pixels"));
  const si::Image image = painted({.width = 8, .height = 8});
  for (const int quality : {0, 101})
    CHECK_THAT(test::error_of([&] { static_cast<void>(si::snapshot(image.view(), {.quality = quality})); }).what(),
               ContainsSubstring("SnapshotOptions::quality"));
}
