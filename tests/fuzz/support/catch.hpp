#pragma once

#include <cstdio>
#include <cstdlib>
#include <vector>

// In place of the real one, so that libFuzzer runs test cases as they are: what is checked about one random case ends the
// process if it does not hold. What a test checks about all its cases together means nothing here.
namespace stream_infer::test::fuzz {

using Case = void (*)();
inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline bool in_random_case = false;

struct Registered {
  explicit Registered(Case run) { cases().push_back(run); }
};

inline void check(bool holds, const char* what, const char* file, int line) {
  if (holds || !in_random_case) return;
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  std::abort();
}

}  // namespace stream_infer::test::fuzz

#define FUZZ_JOIN_(a, b) a##b
#define FUZZ_JOIN(a, b) FUZZ_JOIN_(a, b)
#define TEST_CASE(name, tags)                                                                              \
  static void FUZZ_JOIN(fuzz_case_, __LINE__)();                                                           \
  static const stream_infer::test::fuzz::Registered FUZZ_JOIN(fuzz_registered_,                            \
                                                              __LINE__){&FUZZ_JOIN(fuzz_case_, __LINE__)}; \
  static void FUZZ_JOIN(fuzz_case_, __LINE__)()
#define CHECK(...) stream_infer::test::fuzz::check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define CHECK_FALSE(...) CHECK(!(__VA_ARGS__))
#define REQUIRE(...) CHECK(__VA_ARGS__)
#define CAPTURE(...) static_cast<void>(0)
#define INFO(...) static_cast<void>(0)
