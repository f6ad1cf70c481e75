// A file of any content as a target of libFuzzer: opened, and played as far as it goes, by plan and without. tests/fuzz.sh builds and
// runs it, with small clips to begin with. FFmpeg itself is not instrumented: what is looked for is our own.
#include "stream_infer/stream_infer.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace si = stream_infer;

namespace {

struct Look {
  void run(std::span<const si::Frame> frames) {
    for (const si::Frame& frame : frames) {
      if (frame.image().empty()) std::abort();
    }
  }
};

void play(const std::string& path, const si::Schedule& schedule) try {
  si::FFmpegProducer producer{{.width = 16, .height = 16, .threads = 1}};
  si::FrameTracker<8> tracker;
  si::MemoryExporter<int> exporter;
  si::Inference inference{tracker, exporter, si::load_algo("look", Look{}, schedule)};
  si::Player player{producer, tracker, path};
  std::uint64_t frames = 0;
  const si::RunReport report = inference.start(player, {.on_progress = [&](const si::Progress&) {
                                                 if (++frames > 100) player.stop();  // 20 s of it
                                               }});
  if (!report.adds_up()) std::abort();
} catch (const si::Error& error) {
  if (error.step().empty() || error.code().value() == 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (file < 0 || ::write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  play(path, {});
  play(path, {.frame_count = 2, .interval = si::MediaTime{200'000'000}});
  ::close(file);
  return 0;
}
