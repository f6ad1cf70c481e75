// Files that are damaged at random: they are played as far as it goes, and never crash, hang or leak.

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/capture_stderr.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/stopwatch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
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

TEST_CASE("Ten thousand small files, each damaged at random", "[ffmpeg][damage]") {
  const int cases = test::has_thread_sanitizer ? 1'000 : 10'000;
  test::FaultRow row{26, std::to_string(cases) + " random corruptions of small files of 18 containers and streams",
                     "skipped or flagged; never crash, hang or leak"};
  const std::string pattern = "-f lavfi -i testsrc2=size=32x32:rate=25 -frames:v 5 ";
  std::vector<std::pair<std::string, Bytes>> files;
  for (const auto& [name, encoder] : std::vector<std::pair<std::string, std::string>>{
           {"tiny.mp4", "-c:v libx264 -preset ultrafast -g 3 -bf 1"},
           {"tiny_fragments.mp4", "-c:v libx264 -preset ultrafast -g 3 -movflags frag_keyframe+empty_moov"},
           {"tiny.mkv", "-c:v libx264 -preset ultrafast -g 3 -bf 1"},
           {"tiny.ts", "-c:v libx264 -preset ultrafast -g 3 -bf 1"},
           {"tiny.flv", "-c:v libx264 -preset ultrafast -g 3"},
           {"tiny.avi", "-c:v mpeg4 -g 3"},
           {"tiny.h264", "-c:v libx264 -preset ultrafast -g 3 -bf 1"},
           {"tiny.hevc", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=3"},
           {"tiny.webm", "-c:v libvpx-vp9 -g 3 -cpu-used 8 -deadline realtime"},
           {"tiny.ivf", "-c:v libvpx -g 3"},
           {"tiny_av1.mkv", "-c:v libaom-av1 -cpu-used 8 -g 3 -usage realtime"},
           {"tiny.mpg", "-c:v mpeg2video -g 3 -bf 1"},
           {"tiny.mov", "-c:v prores_ks"},
           {"tiny.nut", "-c:v ffv1"},
           {"tiny.ogv", "-c:v libtheora -g 3"},
           {"tiny.asf", "-c:v wmv2 -g 3"},
           {"tiny.gif", "-pix_fmt rgb8"},
           {"tiny.mjpeg", "-c:v mjpeg -pix_fmt yuvj420p"},
       })
    files.emplace_back(
        name,
        test::read_file(test::make_media(
            pattern + (encoder.find("pix_fmt") == std::string::npos ? "-pix_fmt yuv420p " : "") + encoder, name)));
  std::atomic<std::uint64_t> opened{0}, frames{0}, flagged{0}, slowest{0};
  std::atomic<int> next{0};
  std::vector<std::string> wrong(2);
  const test::TemporaryFolder folder;
  const auto work = [&](std::string& complaint) {
    for (int i = next++; i < cases && complaint.empty(); i = next++) {
      const std::uint64_t seed = test::first_seed() + static_cast<std::uint64_t>(i);
      Random random{seed};
      const auto& [name, bytes] = files[static_cast<std::size_t>(i) % files.size()];
      Bytes file = bytes;
      damage(file, random);
      const std::string path = folder.file(std::to_string(i) + name, file);
      const test::Stopwatch stopwatch;
      const std::string where = name + " with STREAM_INFER_TEST_SEED=" + std::to_string(seed) + ": ";
      try {
        FFmpegReader reader = FFmpegProducer{{.width = 16, .height = 16, .threads = 1}}.open(path, {});
        ++opened;
        std::uint64_t count = 0;
        for (Frame frame; reader.read(frame) == ReadStatus::frame;) {
          if (frame.damaged()) ++flagged;
          if (frame.image().empty() || ++count > 5000) complaint = where + "a wrong frame";
        }
        frames += count;
      } catch (const Error& error) {
        if (error.step().empty() || error.code().value() == 0) complaint = where + error.what();
      } catch (const std::exception& error) {
        complaint = where + error.what();
      }
      std::filesystem::remove(path);
      const auto took = static_cast<std::uint64_t>(stopwatch.elapsed().count());
      for (std::uint64_t before = slowest; took > before && !slowest.compare_exchange_weak(before, took);) {}
    }
  };
  std::thread other{[&] { work(wrong[1]); }};
  work(wrong[0]);
  other.join();
  for (const std::string& complaint : wrong) CHECK(complaint == "");
  CHECK(opened > static_cast<std::uint64_t>(cases) / 4);
  CHECK(slowest < 10'000'000'000);
  row.happened(std::to_string(opened) + " could be opened, " + std::to_string(frames) + " frames, " +
               std::to_string(flagged) +
               " flagged, for their packets may have been cut; those decoded with errors left out; the slowest took " +
               test::milliseconds(std::chrono::nanoseconds{slowest}));
}
