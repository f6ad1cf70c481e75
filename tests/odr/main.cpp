#include <stream_infer/stream_infer.hpp>

const std::error_category& category_of_the_other();

int main() {
  // Two categories would mean that the two translation units do not share their inline functions.
  return &stream_infer::error_category() == &category_of_the_other() ? 0 : 1;
}
