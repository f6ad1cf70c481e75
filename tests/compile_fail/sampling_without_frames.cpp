#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  constexpr std::size_t count = 0;
#else
  constexpr std::size_t count = 1;
#endif
  const auto loaded = si::load_algo<si::Sampling{.frame_count = count}>("count", Count{}, 1s);
  return loaded.name.empty() ? 1 : 0;
}
