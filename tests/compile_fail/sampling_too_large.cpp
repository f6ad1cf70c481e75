#include "support.hpp"

#include <cstddef>
#include <limits>

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  constexpr std::size_t step = std::numeric_limits<std::size_t>::max();
#else
  constexpr std::size_t step = 1;
#endif
  const auto loaded = si::load_algo<si::Sampling{.frame_count = 3, .frame_step = step}>("count", Count{}, 1s);
  return loaded.name.empty() ? 1 : 0;
}
