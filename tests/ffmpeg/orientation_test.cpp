#include "stream_infer/ffmpeg/orientation.hpp"

#include "ffmpeg/display_matrix.hpp"
#include "ffmpeg/reference.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace stream_infer;
using ffmpeg::Orientation;
using test::Bytes;
using test::Matrix;
using test::matrix;

namespace {

constexpr std::int32_t one = test::matrix_one;

/// Byte `channel` of pixel (x, y), different for each.
std::uint8_t mark(int x, int y, int channel) { return static_cast<std::uint8_t>(x * 31 + y * 7 + channel); }

Image marked(ImageSpec spec) {
  Image image{spec};
  for (int y = 0; y < spec.height; ++y)
    for (int x = 0; x < spec.width; ++x)
      for (int c = 0; c < channels(spec.format); ++c)
        image.span().row(y)[static_cast<std::size_t>(x * channels(spec.format) + c)] = mark(x, y, c);
  return image;
}

}  // namespace

TEST_CASE("An upright picture is left alone", "[ffmpeg][orientation]") {
  CHECK(Orientation::from(nullptr).upright());
  CHECK(Orientation::from(matrix(one, 0, 0, one).data()).upright());
  CHECK(Orientation{}.upright());
}

TEST_CASE("A display matrix says where each pixel goes", "[ffmpeg][orientation]") {
  const auto format =
      GENERATE(PixelFormat::bgr24, PixelFormat::rgb24, PixelFormat::bgra32, PixelFormat::rgba32, PixelFormat::gray8);
  const auto [width, height] = GENERATE(table<int, int>({{5, 3}, {1, 4}, {64, 17}}));
  for (const Matrix& m : test::all_orientations) {
    const Orientation orientation = Orientation::from(m.data());
    const Image from = marked({width, height, format});
    Image to{orientation.transpose ? ImageSpec{height, width, format} : ImageSpec{width, height, format}};
    orientation.apply(from.view(), to.span());

    const auto sign = [](std::int32_t v) { return v < 0 ? -1 : v > 0 ? 1 : 0; };
    const int a = sign(m[0]), b = sign(m[1]), c = sign(m[3]), d = sign(m[4]);
    int wrong = 0;
    for (int q = 0; q < height; ++q) {
      for (int p = 0; p < width; ++p) {
        // The matrix as it is written, moved so that the picture begins at (0, 0).
        const int x = a * p + c * q + (a + c < 0 ? to.spec().width - 1 : 0);
        const int y = b * p + d * q + (b + d < 0 ? to.spec().height - 1 : 0);
        for (int channel = 0; channel < channels(format); ++channel)
          if (to.span().row(y)[static_cast<std::size_t>(x * channels(format) + channel)] != mark(p, q, channel))
            ++wrong;
      }
    }
    INFO(a << ' ' << b << ' ' << c << ' ' << d << ' ' << width << 'x' << height);
    CHECK(wrong == 0);
  }
}

TEST_CASE("A matrix may be scaled, and off by a little", "[ffmpeg][orientation]") {
  const Orientation quarter = Orientation::from(matrix(0, one, -one, 0).data());
  const auto same = [&](const Matrix& m) {
    const Orientation other = Orientation::from(m.data());
    return other.transpose == quarter.transpose && other.flip_x == quarter.flip_x && other.flip_y == quarter.flip_y;
  };
  CHECK(same(matrix(0, 2 * one, -2 * one, 0)));
  CHECK(same(matrix(0, one / 2, -one, 0)));
  CHECK(same(matrix(-600, one, -one, 600)));  // half a degree
  CHECK(Orientation::from(matrix(600, -600, 600, one).data()).upright());
}

TEST_CASE("Other angles, and matrices without sense, are left alone", "[ffmpeg][orientation]") {
  CHECK(Orientation::from(matrix(46341, 46341, -46341, 46341).data()).upright());  // 45 degrees
  CHECK(Orientation::from(matrix(0, 0, 0, 0).data()).upright());
  CHECK(Orientation::from(matrix(one, one, one, one).data()).upright());
  CHECK(Orientation::from(matrix(INT32_MIN, 0, 0, INT32_MIN).data()).flip_x);  // nothing overflows
}

TEST_CASE("Pictures are turned as the ffmpeg program turns them", "[ffmpeg][orientation]") {
  // PNG keeps every pixel, in RGB: chroma planes cannot hide a difference.
  const std::string clip =
      test::make_media("-f lavfi -i testsrc2=size=38x22:rate=5:duration=1 -c:v png -pix_fmt rgb24", "rgb.mov");
  const test::TemporaryFolder folder;
  const std::size_t which = GENERATE(range(std::size_t{0}, std::size_t{8}));
  Bytes file = test::read_file(clip);
  test::set_matrix(file, test::all_orientations[which]);
  const std::string turned = folder.file("turned.mov", file);
  test::run_ffmpeg("-autorotate 1 -i '" + turned + "' -f rawvideo -pix_fmt bgr24 '" + (folder / "out.raw") + "'");
  const Bytes expected = test::read_file(folder / "out.raw");

  FFmpegProducer producer;
  FFmpegReader reader = producer.open(turned, {});
  const int width = which < 4 ? 38 : 22, height = which < 4 ? 22 : 38;
  CHECK(reader.info().width == width);
  CHECK(reader.info().height == height);
  Bytes played;
  for (Frame frame; reader.read(frame) == ReadStatus::frame;) {
    REQUIRE(frame.width() == width);
    REQUIRE(frame.height() == height);
    for (int y = 0; y < height; ++y)
      played.insert(played.end(), frame.image().row(y).begin(), frame.image().row(y).end());
  }
  CHECK(played.size() == std::size_t{5} * 38 * 22 * 3);
  CHECK(played == expected);
}

TEST_CASE("A turn is undone, unless it is not wanted", "[ffmpeg][orientation]") {
  test::FaultRow row_32{32, "display matrices of 90, 180 and 270 degrees", "upright by default"};
  const std::string clip =
      test::make_media("-f lavfi -i testsrc2=size=38x22:rate=5:duration=1 -c:v png -pix_fmt rgb24", "rgb.mov");
  const bool on_its_side = GENERATE(true, false);
  Bytes file = test::read_file(clip);
  test::set_matrix(file, on_its_side ? matrix(0, one, -one, 0) : matrix(-one, 0, 0, -one));
  const test::TemporaryFolder folder;
  const std::string turned = folder.file("turned.mov", file);

  const std::vector<test::Print> upright = test::prints_of(turned);
  const std::vector<test::Print> lying = test::prints_of(turned, {.rotate = false});
  REQUIRE(upright.size() == 5);
  CHECK(lying == test::prints_of(clip));
  CHECK(upright.front().width == (on_its_side ? 22 : 38));
  CHECK(upright.front().pixels != lying.front().pixels);
  CHECK(FFmpegProducer{}.get_info(turned).width == upright.front().width);
  CHECK(FFmpegProducer{{.rotate = false}}.get_info(turned).width == 38);

  // The size asked for is that of the upright picture.
  const std::vector<test::Print> sized = test::prints_of(turned, {.width = 19});
  CHECK(sized.front().width == 19);
  CHECK(sized.front().height == (on_its_side ? 33 : 11));
  row_32.happened("upright, as the ffmpeg program turns them");
}
