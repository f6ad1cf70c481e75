#include "support.hpp"

struct Runs {
#ifdef STREAM_INFER_EXPECT_FAILURE
  int Run(std::span<const si::Frame>) { return 0; }
#else
  int run(std::span<const si::Frame>) { return 0; }
#endif
};

int main() {
  const auto loaded = si::load_algo("runs", Runs{}, si::Schedule{.interval = 1s});
  return loaded.name.empty() ? 1 : 0;
}
