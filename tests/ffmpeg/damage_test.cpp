// Files that are damaged at random: they are played as far as it goes, and never crash, hang or leak.

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/capture_stderr.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace stream_infer;
using test::Bytes;
using test::Random;

namespace {

/// One of the ways in which files go bad. Most of the first bytes are spared: else few would open.
void damage(Bytes& file, Random& random) {
  const auto size = static_cast<std::int64_t>(file.size());
  const auto somewhere = [&] {
    return static_cast<std::size_t>(random.between(random.chance(10) ? 0 : size / 20, size - 1));
  };
  switch (random.between(0, 4)) {
    case 0:  // single bits
      for (std::int64_t i = random.between(1, 40); i > 0; --i)
        file[somewhere()] ^= static_cast<std::uint8_t>(1 << random.between(0, 7));
      break;
    case 1:  // single bytes
      for (std::int64_t i = random.between(1, 40); i > 0; --i)
        file[somewhere()] = static_cast<std::uint8_t>(random.between(0, 255));
      break;
    case 2: {  // a sector of zeros
      const std::size_t begin = somewhere();
      std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(begin), std::min<std::size_t>(512, file.size() - begin),
                  std::uint8_t{0});
      break;
    }
    case 3: {  // a piece is missing
      const std::size_t begin = somewhere();
      const std::size_t length = std::min(static_cast<std::size_t>(random.between(1, 2000)), file.size() - begin);
      file.erase(file.begin() + static_cast<std::ptrdiff_t>(begin),
                 file.begin() + static_cast<std::ptrdiff_t>(begin + length));
      break;
    }
    default: file.resize(somewhere()); break;  // cut
  }
}

/// Plays it to its end, and checks what must hold whatever happens. Returns the number of frames.
std::uint64_t play(const std::string& source, Random& random) {
  const bool damaged = random.chance(50);
  const FFmpegProducer producer{
      {.width = 48, .height = 32, .threads = static_cast<int>(random.between(0, 3)), .damaged = damaged}};
  const MediaTime position = random.chance(25) ? 900ms : 0ms;
  std::uint64_t frames = 0;
  std::shared_ptr<SourceCounters> counters;
  try {
    FFmpegReader reader = producer.open(source, {.position = position});
    counters = reader.counters();
    MediaTime last = MediaTime::min();
    Frame frame;
    while (reader.read(frame) == ReadStatus::frame) {
      ++frames;
      if (frame.time() <= last) FAIL("time went back");
      last = frame.time();
      try {
        if (frame.image().empty()) FAIL("no pixels");
      } catch (const Error& error) {  // a picture of a kind that cannot be converted
        if (error.step() != "convert") throw;
      }
      if (frames > 5000) FAIL("it does not end");
    }
  } catch (const Error& error) {
    CHECK_FALSE(error.step().empty());
    CHECK(error.source() == source);
    CHECK(error.code().value() != 0);
  }
  if (counters) {
    const std::uint64_t decoded = counters->frames_decoded;
    CHECK(decoded >= frames);
    CHECK(decoded <= frames + (damaged ? 0 : counters->frames_damaged.load()));
    CHECK(counters->packets_decoded <= counters->packets_read);
  }
  return frames;
}

}  // namespace

TEST_CASE("Damaged files are played as far as it goes", "[ffmpeg][damage]") {
  constexpr auto budget = 12s;
  std::vector<std::pair<std::string, Bytes>> files;
  for (const std::string_view name :
       {"pyramid.mp4", "fragments.mp4", "pyramid.mkv", "pyramid.ts", "pyramid.avi", "pyramid.flv", "pyramid.h264",
        "h265.ts", "vp9_alt_ref.webm", "av1.mkv", "mpeg2.mpg", "mpeg4.avi", "mjpeg.avi", "prores.mov", "ffv1.mkv",
        "palette.gif", "theora.ogv", "wmv2.asf"})
    files.emplace_back(name, test::read_file(test::path_of(name)));

  const test::TemporaryFolder folder;
  std::uint64_t frames = 0, cases = 0;
  std::size_t threads = 0, descriptors = 0, memory = 0;
  std::chrono::nanoseconds longest{};
  const test::Stopwatch total;
  std::string said;
  {
    test::CaptureStderr capture;
    test::for_random_cases(720, [&](Random& random) {
      if (total.elapsed() > budget) return;
      const auto& [name, bytes] = random.pick(files);
      Bytes file = bytes;
      damage(file, random);
      const std::string path = folder.file(name, file);
      const test::Stopwatch stopwatch;
      INFO(name);
      frames += play(path, random);
      longest = std::max(longest, stopwatch.elapsed());
      if (++cases == 2 * files.size()) {
        threads = test::count_threads();
        descriptors = test::count_descriptors();
        memory = test::resident_memory();
      }
    });
    said = capture.text();
  }
  CHECK(said.empty());
  CHECK(cases >= 3 * files.size());
  CHECK(frames > 10 * cases);  // most could be played in part
  CHECK(longest < 5s);
  CHECK(test::eventually([&] { return test::count_threads() <= threads; }));
  CHECK(test::count_descriptors() <= descriptors);
  if (test::measures_memory) CHECK(test::resident_memory() < memory + 100'000'000);
  if (cases < 720) WARN("out of time after " << cases << " files");
}
