#include "stream_infer/core/descriptor.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

#include <cstddef>
#include <utility>

#include <fcntl.h>

namespace test = stream_infer::test;
using stream_infer::detail::Descriptor;

TEST_CASE("A descriptor is closed once, by its last owner", "[descriptor]") {
  const std::size_t before = test::count_descriptors();
  {
    Descriptor first{::open("/dev/null", O_RDONLY)};
    Descriptor second{std::move(first)};
    CHECK(second.get() >= 0);
    Descriptor third;
    CHECK(third.get() < 0);
    third = std::move(second);
    CHECK(third);
    CHECK(test::count_descriptors() == before + 1);
    third = Descriptor{::open("/dev/null", O_RDONLY)};
    CHECK(test::count_descriptors() == before + 1);
  }
  CHECK(test::count_descriptors() == before);
}
