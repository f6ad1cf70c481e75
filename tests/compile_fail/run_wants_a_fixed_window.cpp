#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  const auto loaded = si::load_algo("five", Five{}, si::Schedule{.frame_count = 5, .interval = 1s});
#else
  const auto loaded = si::load_algo<si::Sampling{.frame_count = 5}>("five", Five{}, 1s);
#endif
  return loaded.name.empty() ? 1 : 0;
}
