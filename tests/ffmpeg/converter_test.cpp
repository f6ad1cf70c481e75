#include "stream_infer/ffmpeg/converter.hpp"

#include "stream_infer/ffmpeg/log.hpp"

#include "ffmpeg/reference.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include <libavutil/pixdesc.h>
}

using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using ffmpeg::Converter;
using ffmpeg::Orientation;
using ffmpeg::UniqueFrame;

namespace {

constexpr std::array all_formats{PixelFormat::bgr24, PixelFormat::rgb24, PixelFormat::bgra32, PixelFormat::rgba32,
                                 PixelFormat::gray8};

UniqueFrame make_picture(int width, int height, AVPixelFormat format) {
  ffmpeg::quiet_log_once();
  UniqueFrame frame = ffmpeg::make_frame();
  frame->width = width;
  frame->height = height;
  frame->format = format;
  REQUIRE(av_frame_get_buffer(frame.get(), 0) >= 0);
  return frame;
}

/// Random bytes, a little smoothed, in every plane.
UniqueFrame random_picture(int width, int height, AVPixelFormat format, std::uint64_t seed = 1) {
  UniqueFrame frame = make_picture(width, height, format);
  test::Random random{seed};
  const AVPixFmtDescriptor& layout = *av_pix_fmt_desc_get(format);
  for (int plane = 0; plane < av_pix_fmt_count_planes(format); ++plane) {
    const int rows = plane == 1 || plane == 2 ? AV_CEIL_RSHIFT(height, layout.log2_chroma_h) : height;
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < std::abs(frame->linesize[plane]); ++x)
        frame->data[plane][y * frame->linesize[plane] + x] =
            static_cast<std::uint8_t>(64 + (x * 3 + y * 5) % 96 + random.between(0, 31));
  }
  return frame;
}

/// One colour all over, given as full-range Y'CbCr around 0, written as the format and range say.
UniqueFrame flat_picture(AVPixelFormat format, double y, double cb, double cr, bool full) {
  UniqueFrame frame = make_picture(64, 48, format);
  const AVPixFmtDescriptor& layout = *av_pix_fmt_desc_get(format);
  const int depth = layout.comp[0].depth;
  const double unit = 1 << (depth - 8), largest = (1 << depth) - 1;
  const std::array<double, 3> values =
      full ? std::array{y * largest / 255, 128 * unit + cb * largest / 255, 128 * unit + cr * largest / 255}
           : std::array{(16 + y * 219 / 255) * unit, (128 + cb * 224 / 255) * unit, (128 + cr * 224 / 255) * unit};
  for (int c = 0; c < 3; ++c) {
    const AVComponentDescriptor& component = layout.comp[c];
    const int width = c == 0 ? 64 : AV_CEIL_RSHIFT(64, layout.log2_chroma_w);
    const int height = c == 0 ? 48 : AV_CEIL_RSHIFT(48, layout.log2_chroma_h);
    const auto value = static_cast<std::uint16_t>(std::lround(values[static_cast<std::size_t>(c)]) << component.shift);
    for (int row = 0; row < height; ++row) {
      for (int x = 0; x < width; ++x) {
        std::uint8_t* out = frame->data[component.plane] + row * frame->linesize[component.plane] + x * component.step +
                            component.offset;
        if (depth > 8) {
          std::memcpy(out, &value, sizeof value);
        } else {
          *out = static_cast<std::uint8_t>(value);
        }
      }
    }
  }
  return frame;
}

Image convert(const AVFrame& from, ImageSpec to, const Orientation& orientation = {}) {
  Image image{to};
  Converter converter;
  converter.convert(from, orientation, image.span());
  return image;
}

std::uint64_t print(const Image& image) { return test::hash_of(image.view()); }

/// What swscale makes of a picture that names no colour space, with its defaults and the full colours of RGB.
Image swscale(const AVFrame& from, ImageSpec to, int algorithm) {
  Image image{to};
  const ffmpeg::UniqueScaler scaler{sws_getContext(from.width, from.height, static_cast<AVPixelFormat>(from.format),
                                                   to.width, to.height, ffmpeg::to_av(to.format),
                                                   algorithm | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr)};
  REQUIRE(scaler);
  std::uint8_t* planes[4] = {image.span().data};
  int strides[4] = {static_cast<int>(image.span().stride)};
  REQUIRE(sws_scale(scaler.get(), from.data, from.linesize, 0, from.height, planes, strides) == to.height);
  return image;
}

}  // namespace

TEST_CASE("Pixel formats have their names at FFmpeg", "[ffmpeg][converter]") {
  CHECK(ffmpeg::to_av(PixelFormat::bgr24) == AV_PIX_FMT_BGR24);
  CHECK(ffmpeg::to_av(PixelFormat::rgb24) == AV_PIX_FMT_RGB24);
  CHECK(ffmpeg::to_av(PixelFormat::bgra32) == AV_PIX_FMT_BGRA);
  CHECK(ffmpeg::to_av(PixelFormat::rgba32) == AV_PIX_FMT_RGBA);
  CHECK(ffmpeg::to_av(PixelFormat::gray8) == AV_PIX_FMT_GRAY8);
}

TEST_CASE("Pictures of every kind and size become what swscale makes of them", "[ffmpeg][converter]") {
  const AVPixelFormat from_format = GENERATE(
      AV_PIX_FMT_YUV420P, AV_PIX_FMT_NV12, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV420P10LE,
      AV_PIX_FMT_YUV410P, AV_PIX_FMT_GRAY8, AV_PIX_FMT_GRAY10LE, AV_PIX_FMT_YUYV422, AV_PIX_FMT_BGR24, AV_PIX_FMT_RGB24,
      AV_PIX_FMT_RGBA, AV_PIX_FMT_BGR0, AV_PIX_FMT_GBRP, AV_PIX_FMT_YUVA420P, AV_PIX_FMT_RGB48LE);
  for (const auto& [width, height] : {std::pair{64, 48}, {63, 47}, {17, 1}, {1, 9}}) {
    const UniqueFrame from = random_picture(width, height, from_format);
    for (const PixelFormat format : all_formats) {
      for (const auto& [to_width, to_height] : {std::pair{width, height}, {31, 23}, {129, 95}, {16, 96}, {1, 1}}) {
        const bool smaller = to_width <= width && to_height <= height;
        const int algorithm = to_width == width && to_height == height ? SWS_POINT : smaller ? SWS_AREA : SWS_BICUBIC;
        const ImageSpec to{to_width, to_height, format};
        INFO(av_get_pix_fmt_name(from_format)
             << ' ' << width << 'x' << height << " to " << to_string(format) << ' ' << to_width << 'x' << to_height);
        CHECK(print(convert(*from, to)) == print(swscale(*from, to, algorithm)));
      }
    }
  }
}

TEST_CASE("Nothing outside a picture is seen in the image", "[ffmpeg][converter]") {
  test::FaultRow row_33{33, "odd sizes, under ASan", "exact edges"};
  // Every format of FFmpeg but raw camera mosaics, with the bytes around the picture once all 0 and once all 1.
  int formats = 0;
  for (const AVPixFmtDescriptor* layout = nullptr; (layout = av_pix_fmt_desc_next(layout)) != nullptr;) {
    const AVPixelFormat format = av_pix_fmt_desc_get_id(layout);
    const bool skipped = (layout->flags & (AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER)) != 0;
    if (skipped || sws_isSupportedInput(format) == 0) continue;
    ++formats;
    for (const auto& [width, height] : {std::pair{63, 47}, {33, 2}, {3, 3}, {64, 48}}) {
      std::array<UniqueFrame, 2> pictures;
      for (const int surroundings : {0, 1}) {
        UniqueFrame& picture = pictures[static_cast<std::size_t>(surroundings)];
        picture = make_picture(width, height, format);
        for (AVBufferRef* const buffer : picture->buf)
          if (buffer != nullptr) std::memset(buffer->data, surroundings * 255, buffer->size);
        std::array<int, 4> row_bytes{};
        REQUIRE(av_image_fill_linesizes(row_bytes.data(), format, width) >= 0);
        for (int plane = 0; plane < av_pix_fmt_count_planes(format); ++plane) {
          const int rows = plane == 1 || plane == 2 ? AV_CEIL_RSHIFT(height, layout->log2_chroma_h) : height;
          for (int y = 0; y < rows; ++y)
            for (int x = 0; x < row_bytes[static_cast<std::size_t>(plane)]; ++x)
              picture->data[plane][y * picture->linesize[plane] + x] = static_cast<std::uint8_t>(
                  (x * 37 + y * 11 + plane) & (x % 2 == 1 && layout->comp[0].depth > 8 ? 1 : 255));
        }
        if ((layout->flags & AV_PIX_FMT_FLAG_PAL) != 0)
          for (int i = 0; i < 1024; ++i) picture->data[1][i] = static_cast<std::uint8_t>(i * 7);
      }
      for (const auto& [to_width, to_height] : {std::pair{width, height}, {31, 23}, {16, 96}}) {
        const ImageSpec to{to_width, to_height, PixelFormat::bgra32};
        INFO(layout->name << ' ' << width << 'x' << height << " to " << to_width << 'x' << to_height);
        CHECK(print(convert(*pictures[0], to)) == print(convert(*pictures[1], to)));
      }
    }
  }
  CHECK(formats > 100);
  row_33.happened("nothing beyond an edge was read or seen");
}

TEST_CASE("The channels are where their names say", "[ffmpeg][converter]") {
  const UniqueFrame from = random_picture(33, 21, AV_PIX_FMT_YUV420P);
  const Image bgr = convert(*from, {33, 21, PixelFormat::bgr24});
  const Image rgb = convert(*from, {33, 21, PixelFormat::rgb24});
  const Image bgra = convert(*from, {33, 21, PixelFormat::bgra32});
  const Image rgba = convert(*from, {33, 21, PixelFormat::rgba32});
  int wrong = 0;
  for (int y = 0; y < 21; ++y) {
    for (std::size_t x = 0; x < 33; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        const std::uint8_t value = bgr.view().row(y)[3 * x + c];
        if (rgb.view().row(y)[3 * x + 2 - c] != value) ++wrong;
        if (std::abs(bgra.view().row(y)[4 * x + c] - value) > 2) ++wrong;  // swscale rounds otherwise for 32 bits
        if (rgba.view().row(y)[4 * x + 2 - c] != bgra.view().row(y)[4 * x + c]) ++wrong;
      }
      if (bgra.view().row(y)[4 * x + 3] != 255 || rgba.view().row(y)[4 * x + 3] != 255) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Colours follow the picture's own matrix and range", "[ffmpeg][converter]") {
  test::FaultRow row_35{35, "BT.601, BT.709, BT.2020, 8 and 10 bits, both ranges", "right matrix or a warning"};
  struct Colours {
    AVColorSpace space;
    double red, blue;  // their weights in luma
  };
  const auto colours =
      GENERATE(Colours{AVCOL_SPC_BT709, 0.2126, 0.0722}, Colours{AVCOL_SPC_BT470BG, 0.299, 0.114},
               Colours{AVCOL_SPC_SMPTE170M, 0.299, 0.114}, Colours{AVCOL_SPC_BT2020_NCL, 0.2627, 0.0593},
               Colours{AVCOL_SPC_SMPTE240M, 0.212, 0.087}, Colours{AVCOL_SPC_UNSPECIFIED, 0.299, 0.114});
  const AVColorRange range = GENERATE(AVCOL_RANGE_UNSPECIFIED, AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG);
  for (const AVPixelFormat format :
       {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV422P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_NV12,
        AV_PIX_FMT_YUV420P10LE, AV_PIX_FMT_YUV422P10LE, AV_PIX_FMT_YUV444P12LE, AV_PIX_FMT_P010LE}) {
    if (format == AV_PIX_FMT_YUVJ420P && range == AVCOL_RANGE_MPEG) continue;  // contradicts itself
    const double red = 200, green = 80, blue = 40;
    const double luma = colours.red * red + (1 - colours.red - colours.blue) * green + colours.blue * blue;
    const bool full = range == AVCOL_RANGE_JPEG || format == AV_PIX_FMT_YUVJ420P;
    const UniqueFrame from = flat_picture(format, luma, (blue - luma) / (2 * (1 - colours.blue)),
                                          (red - luma) / (2 * (1 - colours.red)), full);
    from->colorspace = colours.space;
    from->color_range = range;
    for (const auto& [width, height] : {std::pair{64, 48}, {33, 25}, {96, 96}}) {
      INFO(av_get_pix_fmt_name(format) << ' ' << av_color_space_name(colours.space) << ' ' << av_color_range_name(range)
                                       << " to " << width);
      const Image bgr = convert(*from, {width, height, PixelFormat::bgr24});
      const auto pixel = bgr.view().row(7).subspan(30, 3);
      CHECK(std::abs(pixel[0] - blue) <= 3);
      CHECK(std::abs(pixel[1] - green) <= 3);
      CHECK(std::abs(pixel[2] - red) <= 3);
      const Image gray = convert(*from, {width, height, PixelFormat::gray8});
      CHECK(std::abs(gray.view().row(7)[10] - luma) <= 2);
    }
  }
  row_35.happened("the picture's own matrix");
}

TEST_CASE("A colour space or range that FFmpeg has no name for is as none", "[ffmpeg][converter]") {
  // Decoders hand on what a stream says; UndefinedBehaviorSanitizer sees where that is read as an enumeration.
  const UniqueFrame picture = random_picture(48, 32, AV_PIX_FMT_YUV420P);
  const std::uint64_t unnamed = print(convert(*picture, {48, 32, PixelFormat::bgr24}));
  const int space = 134, range = 77;
  std::memcpy(&picture->colorspace, &space, sizeof space);
  std::memcpy(&picture->color_range, &range, sizeof range);
  CHECK(print(convert(*picture, {48, 32, PixelFormat::bgr24})) == unnamed);
}

TEST_CASE("A converter notices when the picture changes its kind", "[ffmpeg][converter]") {
  Converter converter;
  Image image{ImageSpec{40, 30, PixelFormat::bgr24}};
  const auto check = [&](const AVFrame& from) {
    converter.convert(from, {}, image.span());
    CHECK(print(image) == print(convert(from, image.spec())));
  };
  const UniqueFrame small = random_picture(64, 48, AV_PIX_FMT_YUV420P);
  const UniqueFrame large = random_picture(640, 480, AV_PIX_FMT_YUV420P);
  const UniqueFrame other = random_picture(640, 480, AV_PIX_FMT_YUV422P);
  for (int round = 0; round < 2; ++round) {
    for (const AVFrame* from : {small.get(), large.get(), other.get(), small.get()}) check(*from);
    small->color_range = AVCOL_RANGE_JPEG;  // the range alone
    check(*small);
    small->colorspace = AVCOL_SPC_BT709;  // the matrix alone
    check(*small);
    image = Image{ImageSpec{40, 30, PixelFormat::rgb24}};
    check(*small);
    image = Image{ImageSpec{50, 60, PixelFormat::gray8}};
    check(*small);
  }
}

TEST_CASE("The palette of a picture is used", "[ffmpeg][converter]") {
  const UniqueFrame from = make_picture(16, 8, AV_PIX_FMT_PAL8);
  for (std::uint32_t i = 0; i < 256; ++i) {  // native ARGB words
    const std::uint32_t colour = 0xff000000U | i << 16 | (255 - i) << 8 | (i ^ 0x55U);
    std::memcpy(from->data[1] + 4 * i, &colour, sizeof colour);
  }
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 16; ++x) from->data[0][y * from->linesize[0] + x] = static_cast<std::uint8_t>(y * 16 + x);
  const Image image = convert(*from, {16, 8, PixelFormat::bgr24});
  int wrong = 0;
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 16; ++x) {
      const int i = y * 16 + x;
      const auto pixel = image.view().row(y).subspan(static_cast<std::size_t>(3 * x), 3);
      if (pixel[0] != (i ^ 0x55) || pixel[1] != 255 - i || pixel[2] != i) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("Alpha is kept where there is a place for it, and else left out", "[ffmpeg][converter]") {
  test::FaultRow row_34{34, "pictures with alpha", "documented"};
  const UniqueFrame from = make_picture(8, 4, AV_PIX_FMT_RGBA);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 8; ++x) {
      const std::array<std::uint8_t, 4> pixel{10, 20, 30, static_cast<std::uint8_t>(x * 30)};
      std::memcpy(from->data[0] + y * from->linesize[0] + 4 * x, pixel.data(), 4);
    }
  const Image bgra = convert(*from, {8, 4, PixelFormat::bgra32});
  const Image bgr = convert(*from, {8, 4, PixelFormat::bgr24});
  for (std::size_t x = 0; x < 8; ++x) {
    CHECK(bgra.view().row(2)[4 * x + 3] == x * 30);
    CHECK(bgra.view().row(2)[4 * x] == 30);
    CHECK(bgr.view().row(2)[3 * x] == 30);  // not blended with anything
    CHECK(bgr.view().row(2)[3 * x + 2] == 10);
  }
  row_34.happened("kept in bgra32 and rgba32, else left out");
}

TEST_CASE("A picture whose rows go upwards is read so", "[ffmpeg][converter]") {
  const UniqueFrame down = random_picture(20, 10, AV_PIX_FMT_BGR24);
  const UniqueFrame up = make_picture(20, 10, AV_PIX_FMT_BGR24);
  for (int y = 0; y < 10; ++y)
    std::memcpy(up->data[0] + (9 - y) * up->linesize[0], down->data[0] + y * down->linesize[0], 60);
  up->data[0] += 9 * up->linesize[0];
  up->linesize[0] = -up->linesize[0];
  for (const ImageSpec spec : {ImageSpec{20, 10, PixelFormat::bgr24}, ImageSpec{11, 7, PixelFormat::rgba32}})
    CHECK(print(convert(*up, spec)) == print(convert(*down, spec)));
}

TEST_CASE("Extreme sizes are converted", "[ffmpeg][converter]") {  // AddressSanitizer sees what goes over an edge
  const UniqueFrame wide = random_picture(4097, 3, AV_PIX_FMT_YUV420P);
  const UniqueFrame tiny = random_picture(2, 2, AV_PIX_FMT_YUV420P);
  CHECK(convert(*wide, {1, 1, PixelFormat::bgr24}).spec().width == 1);
  CHECK(convert(*wide, {5, 3, PixelFormat::gray8}).spec().width == 5);
  CHECK(convert(*tiny, {2001, 999, PixelFormat::bgr24}).spec().width == 2001);
  for (int side = 1; side < 20; ++side) {
    const UniqueFrame from = random_picture(side, 20 - side, AV_PIX_FMT_YUV420P);
    for (const PixelFormat format : all_formats) CHECK(convert(*from, {20 - side, side, format}).spec().height == side);
  }
}

TEST_CASE("Turning comes after scaling", "[ffmpeg][converter]") {
  const UniqueFrame from = random_picture(63, 47, AV_PIX_FMT_YUV420P);
  const Orientation quarter{.transpose = true, .flip_x = true};
  const Image lying = convert(*from, {30, 20, PixelFormat::bgr24});
  Image upright{ImageSpec{20, 30, PixelFormat::bgr24}};
  quarter.apply(lying.view(), upright.span());
  CHECK(print(convert(*from, {20, 30, PixelFormat::bgr24}, quarter)) == print(upright));
}

TEST_CASE("A picture that cannot be converted is an error that says what it is", "[ffmpeg][converter]") {
  const UniqueFrame from = ffmpeg::make_frame();  // pixels on a graphics card
  from->width = 64;
  from->height = 48;
  from->format = AV_PIX_FMT_VAAPI;
  Converter converter;
  Image image{ImageSpec{32, 24, PixelFormat::bgr24}};
  try {
    converter.convert(*from, {}, image.span());
    FAIL("it was converted");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::unsupported);
    CHECK(error.step() == "convert");
    CHECK_THAT(error.what(),
               ContainsSubstring("64x48") && ContainsSubstring("vaapi") && ContainsSubstring("32x24 bgr24"));
  }
  const UniqueFrame good = random_picture(64, 48, AV_PIX_FMT_YUV420P);
  converter.convert(*good, {}, image.span());  // it goes on
  CHECK(print(image) == print(convert(*good, image.spec())));
}

TEST_CASE("A decoded picture is converted, dropped and used again", "[ffmpeg][converter]") {
  const auto converters = std::make_shared<ffmpeg::DecodedPicture::Converters>();
  ffmpeg::DecodedPicture picture;
  picture.drop();  // harmless when there is nothing
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const UniqueFrame from = random_picture(48, 32, AV_PIX_FMT_YUV420P, seed);
    const Image expected = convert(*from, {24, 16, PixelFormat::bgr24});
    AVBufferRef* const kept = av_buffer_ref(from->buf[0]);
    picture.take(*from, {}, converters);
    CHECK(from->data[0] == nullptr);  // it took it
    CHECK(av_buffer_get_ref_count(kept) == 2);
    Image image{expected.spec()};
    picture.convert(image.span());
    CHECK(print(image) == print(expected));
    picture.drop();
    CHECK(av_buffer_get_ref_count(kept) == 1);
    AVBufferRef* last = kept;
    av_buffer_unref(&last);
  }
  CHECK(converters->take() != nullptr);  // its converter waits for the next picture
  CHECK(converters->take() == nullptr);
}
