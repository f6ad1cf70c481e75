#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  constexpr std::size_t step = 0;
#else
  constexpr std::size_t step = 1;
#endif
  const auto loaded = si::load_algo<si::Sampling{.frame_count = 2, .frame_step = step}>("count", Count{}, 1s);
  return loaded.name.empty() ? 1 : 0;
}
