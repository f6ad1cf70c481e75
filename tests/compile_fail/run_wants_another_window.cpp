#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  constexpr std::size_t count = 4;
#else
  constexpr std::size_t count = 5;
#endif
  const auto loaded = si::load_algo<si::Sampling{.frame_count = count}>("five", Five{}, 1s);
  return loaded.name.empty() ? 1 : 0;
}
