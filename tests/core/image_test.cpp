#include "stream_infer/core/image.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <type_traits>

namespace si = stream_infer;
using si::PixelFormat;

static_assert(si::channels(PixelFormat::bgr24) == 3 && si::channels(PixelFormat::rgb24) == 3);
static_assert(si::channels(PixelFormat::bgra32) == 4 && si::channels(PixelFormat::rgba32) == 4);
static_assert(si::channels(PixelFormat::gray8) == 1);
static_assert(si::to_string(PixelFormat::bgr24) == "bgr24" && si::to_string(PixelFormat::rgb24) == "rgb24");
static_assert(si::to_string(PixelFormat::bgra32) == "bgra32" && si::to_string(PixelFormat::rgba32) == "rgba32");
static_assert(si::to_string(PixelFormat::gray8) == "gray8");

// What may be written can be looked at, never the other way round.
static_assert(std::is_convertible_v<si::ImageSpan, si::ImageView>);
static_assert(!std::is_convertible_v<si::ImageView, si::ImageSpan>);
static_assert(std::is_convertible_v<si::Image, si::ImageView>);
static_assert(!std::is_convertible_v<si::Image, si::ImageSpan> && !std::is_convertible_v<si::ImageView, si::Image>);
static_assert(std::is_same_v<decltype(si::ImageView{}.row(0)), std::span<const std::uint8_t>>);

TEST_CASE("An image has the size and layout that were asked for, and aligned rows", "[image]") {
  const auto format = GENERATE(PixelFormat::bgr24, PixelFormat::rgba32, PixelFormat::gray8);
  const int width = GENERATE(1, 21, 64, 1920);
  const si::ImageSpec spec{width, 5, format};
  si::Image image{spec};

  CHECK(image.spec() == spec);
  CHECK(image.view().spec() == spec);
  CHECK_FALSE(image.view().empty());
  CHECK(image.view().stride % 64 == 0);
  CHECK(image.view().stride >= width * si::channels(format));
  CHECK(image.view().contiguous() == (image.view().stride == width * si::channels(format)));
  for (int y = 0; y < 5; ++y) {
    CHECK(reinterpret_cast<std::uintptr_t>(image.view().row(y).data()) % 64 == 0);
    CHECK(image.view().row(y).size() == static_cast<std::size_t>(width * si::channels(format)));
    std::ranges::fill(image.span().row(y), static_cast<std::uint8_t>(y + 1));
  }
  for (int y = 0; y < 5; ++y)  // no row writes into another
    CHECK(std::ranges::all_of(image.view().row(y), [y](std::uint8_t byte) { return byte == y + 1; }));
}

TEST_CASE("An image is made of a size, of what may be written, and of what may be read", "[image]") {
  si::Image image{{.width = 3, .height = 2, .format = PixelFormat::gray8}};
  std::ranges::fill(image.span().row(1), std::uint8_t{9});
  const auto last = [](si::ImageView view) { return view.row(1)[2]; };
  CHECK(last(image) == 9);
  CHECK(last(si::Image{image.span()}) == 9);
  CHECK(last(si::Image{image.view()}) == 9);
  CHECK(last(si::Image{image}) == 9);
}

TEST_CASE("64 bytes behind the last row may be written", "[image]") {
  si::Image image{{16, 3, PixelFormat::bgr24}};
  const si::ImageSpan span = image.span();
  std::memset(span.row(2).data() + span.stride, 7, 64);  // AddressSanitizer watches
  CHECK(span.row(2).size() == 48);
}

TEST_CASE("Memory is kept for a smaller image, and grows for a larger one", "[image]") {
  si::Image image{{320, 180, PixelFormat::bgr24}};
  const std::uint8_t* const before = image.view().data;
  image.reset({160, 90, PixelFormat::gray8});
  CHECK(image.view().data == before);
  CHECK(image.spec() == si::ImageSpec{160, 90, PixelFormat::gray8});
  image.reset({640, 360, PixelFormat::bgra32});
  for (int y = 0; y < 360; ++y) std::ranges::fill(image.span().row(y), std::uint8_t{1});
  CHECK(image.view().row(359)[640 * 4 - 1] == 1);
}

TEST_CASE("A size that makes no sense is refused", "[image]") {
  const auto size = GENERATE(std::array{0, 1}, std::array{1, 0}, std::array{-1, 1}, std::array{1, -1},
                             std::array{65'536, 1}, std::array{1, 65'536});
  CHECK_THROWS_AS(si::Image(si::ImageSpec{size[0], size[1], PixelFormat::gray8}), si::Error);
}

TEST_CASE("A copy of a view has the same pixels, whatever the view's stride", "[image]") {
  std::array<std::uint8_t, 3 * 10> bytes{};
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  const si::ImageView view{bytes.data(), 2, 3, 10, PixelFormat::bgr24};  // 6 of each 10 bytes are pixels
  CHECK_FALSE(view.contiguous());

  si::Image copy{view};
  CHECK(copy.spec() == view.spec());
  for (int y = 0; y < 3; ++y) CHECK(std::ranges::equal(copy.view().row(y), view.row(y)));
  copy.span().row(0)[0] = 99;
  CHECK(view.row(0)[0] == 0);  // its own pixels
}

TEST_CASE("A view may go upside down", "[image]") {
  std::array<std::uint8_t, 3> bytes{1, 2, 3};
  const si::ImageView view{bytes.data() + 2, 1, 3, -1, PixelFormat::gray8};
  CHECK(view.row(0)[0] == 3);
  CHECK(view.row(2)[0] == 1);
}

TEST_CASE("An empty image and an empty view hold nothing", "[image]") {
  CHECK(si::ImageView{}.empty());
  CHECK(si::Image{}.view().empty());
  CHECK(si::Image{}.spec() == si::ImageSpec{});
}
