// The random tests of PacketPlanner as a target of libFuzzer: the first byte chooses the test, the others make its choices.
// tests/fuzz.sh builds and runs it.
#include "ffmpeg/packet_planner_test.cpp"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fuzz = stream_infer::test::fuzz;
  if (size == 0) return 0;
  fuzz::bytes = data + 1;
  fuzz::left = size - 1;
  fuzz::cases()[data[0] % fuzz::cases().size()]();
  return 0;
}
