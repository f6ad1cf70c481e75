#include "support.hpp"

int main() {
#ifdef STREAM_INFER_EXPECT_FAILURE
  si::load_algo("count", Count{}, 1s);
#else
  static_cast<void>(si::load_algo("count", Count{}, si::Schedule{.interval = 1s}));
#endif
  return 0;
}
