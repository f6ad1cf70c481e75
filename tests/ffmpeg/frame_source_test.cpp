#include "stream_infer/ffmpeg/frame_source.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/reference.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using namespace stream_infer;
using Catch::Matchers::ContainsSubstring;
using ffmpeg::FrameSource;
using test::Bytes;
using test::Print;
using test::prints_of;

namespace {

/// Those at or after `position`.
std::vector<Print> from(const std::vector<Print>& all, MediaTime position) {
  std::vector<Print> rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const Print& print) { return print.time >= position; });
  return rest;
}

/// Plays a source to its end. Returns what was counted.
SourceStats count(const std::string& source, const FFmpegOptions& options = {}, MediaTime position = {}) {
  FrameSource frames{source, options, {.position = position}};
  Frame frame;
  while (frames.read(frame) == ReadStatus::frame) static_cast<void>(frame.image());
  SourceStats stats;
  stats.take(*frames.counters());
  return stats;
}

/// Two recordings, one after the other in one file.
std::string one_after_the_other(const test::TemporaryFolder& folder, const std::string& first,
                                const std::string& second) {
  Bytes both = test::read_file(first);
  const Bytes more = test::read_file(second);
  both.insert(both.end(), more.begin(), more.end());
  return folder.file("both.ts", both);
}

std::string small_clip(const std::string& encoding, const std::string& name) {
  return test::make_media("-f lavfi -i testsrc2=size=96x64:rate=25:duration=1 " + encoding, name);
}

std::vector<std::uint64_t> pixels_of(const std::vector<Print>& prints) {
  std::vector<std::uint64_t> pixels;
  std::ranges::transform(prints, std::back_inserter(pixels), &Print::pixels);
  return pixels;
}

}  // namespace

TEST_CASE("Every codec and container gives what a plain decoder gives, with any number of threads",
          "[ffmpeg][frame_source]") {
  for (const test::Clip& clip : test::clips) {
    INFO(clip.name);
    const std::optional<std::string> path = path_of(clip);
    if (!path) continue;
    const std::vector<Print> expected = test::reference_prints(*path);
    CHECK(expected.size() == 50);
    for (const int threads : {1, 2, 0}) CHECK(prints_of(*path, {.threads = threads}) == expected);
  }
}

TEST_CASE("From any position on, a play is the rest of a whole play", "[ffmpeg][frame_source]") {
  test::for_random_cases(1, [](test::Random& random) {
    for (const test::Clip& clip : test::clips) {
      const std::optional<std::string> path = path_of(clip);
      if (!path) continue;
      const std::vector<Print> whole = prints_of(*path);
      std::vector<MediaTime> positions{1ms, 40ms, 800ms, 799ms, 801ms, 1960ms, 1961ms, 2500ms};
      for (int i = 0; i < 4; ++i) positions.push_back(std::chrono::milliseconds{random.between(1, 2000)});
      for (const MediaTime position : positions) {
        const int threads = static_cast<int>(random.between(0, 2));
        INFO(clip.name << " from " << position.count() << " ns, " << threads << " threads");
        CHECK(prints_of(*path, {.threads = threads}, position) == from(whole, position));
      }
    }
  });
}

TEST_CASE("Times and pixels are those that the ffmpeg program writes", "[ffmpeg][frame_source]") {
  // ffmpeg picks swscale's own way for a picture that keeps its size, as we do: no flag matters.
  for (const std::string_view name : {"pyramid.mp4", "open_gop.ts", "vp9_alt_ref.webm", "mpeg2.mpg"}) {
    INFO(name);
    const std::string clip = test::path_of(name);
    const test::TemporaryFolder folder;
    test::run_ffmpeg("-i '" + clip + "' -f rawvideo -pix_fmt bgr24 -vsync passthrough '" + (folder / "all.raw") + "'");
    const Bytes raw = test::read_file(folder / "all.raw");
    constexpr std::size_t size = std::size_t{96} * 64 * 3;
    const std::vector<Print> frames = prints_of(clip);
    REQUIRE(raw.size() == frames.size() * size);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const ImageView image{raw.data() + i * size, 96, 64, std::ptrdiff_t{96} * 3, PixelFormat::bgr24};
      CHECK(frames[i].pixels == test::hash_of(image));
      CHECK(std::chrono::round<std::chrono::milliseconds>(frames[i].time) == 40ms * static_cast<int>(i));
    }
  }
}

TEST_CASE("A long file is entered near the position", "[ffmpeg][frame_source]") {
  const std::string container = GENERATE("mp4", "mkv", "flv");
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25:duration=40 -c:v libx264 -preset ultrafast -bf 2 -g 50 -pix_fmt yuv420p",
      "long." + container);
  INFO(container);
  const SourceStats stats = count(clip, {}, 35s);
  CHECK(stats.frames_decoded >= 125);
  CHECK(stats.packets_read < 350);
  CHECK(stats.decode_errors == 0);
  CHECK_FALSE(stats.truncated);
  CHECK(prints_of(clip, {}, 35s) == from(prints_of(clip), 35s));
}

TEST_CASE("A variable frame rate keeps its own times", "[ffmpeg][frame_source]") {
  test::FaultRow row_22{22, "files of variable rate", "paced and scheduled by PTS"};
  const std::string container = GENERATE("mp4", "mkv");
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=30:duration=4 -vf \"select='not(eq(mod(n,3),1))'\" -vsync vfr -c:v libx264 "
      "-bf 2 -g 20 "
      "-pix_fmt yuv420p",
      "variable." + container);
  const std::vector<Print> frames = prints_of(clip);
  REQUIRE(frames.size() == 80);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const std::size_t number = i / 2 * 3 + (i % 2 == 1 ? 2 : 0);  // 0 2 3 5 6 8 …
    CHECK(std::abs((frames[i].time - MediaTime{1s} * static_cast<std::int64_t>(number) / 30).count()) <= 1'000'000);
  }
  for (const MediaTime position : {500ms, 1234ms, 3900ms})
    CHECK(prints_of(clip, {}, position) == from(frames, position));
  row_22.happened("every frame has the time that its PTS says");
}

TEST_CASE("Where an AVI counts decoding from 0, its first picture is at 0", "[ffmpeg][frame_source]") {
  const std::vector<Print> avi = prints_of(test::path_of("pyramid.avi"));
  REQUIRE(avi.size() == 50);
  CHECK(avi.front().time == 0s);
  CHECK(avi.back().time == 1960ms);
}

TEST_CASE("Without time stamps, pictures come at the frame rate, exactly", "[ffmpeg][frame_source]") {
  const std::string clip = test::make_media(
      "-f lavfi -i testsrc2=size=32x32:rate=30000/1001:duration=10 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
      "ntsc.h264");
  const std::vector<Print> frames = prints_of(clip);
  REQUIRE(frames.size() >= 299);
  for (std::size_t i = 0; i < frames.size(); ++i)
    CHECK(frames[i].time == MediaTime{static_cast<std::int64_t>(i) * 1'001'000'000 / 30});
}

TEST_CASE("Time never goes back: what follows a jump comes at the frame rate", "[ffmpeg][frame_source]") {
  const test::TemporaryFolder folder;
  const std::string clip = small_clip("-c:v mpeg2video -pix_fmt yuv420p", "second.ts");
  const std::string twice = one_after_the_other(folder, clip, clip);
  const std::vector<Print> frames = prints_of(twice);
  REQUIRE(frames.size() == 50);
  // half a period less, once: one picture more or less does not move those after it
  for (std::size_t i = 0; i < frames.size(); ++i)
    CHECK(frames[i].time == 40ms * static_cast<int>(i) - (i < 25 ? 0ms : 20ms));
}

TEST_CASE("A picture too many moves no other", "[ffmpeg][frame_source]") {
  ffmpeg::Demuxer demuxer{small_clip("-c:v mpeg2video -pix_fmt yuv420p", "second.ts"), {}, {}};
  const std::int64_t period = av_rescale_q(1, AVRational{1, 25}, demuxer.stream().time_base);
  ffmpeg::FrameMaker maker{{}};
  static_cast<void>(maker.set({}, {.width = 32, .height = 32, .fps = Rational{25}}));
  const ffmpeg::UniqueFrame picture = ffmpeg::make_frame();
  std::vector<MediaTime> times;
  for (const std::int64_t n : {0, 1, 2, 2, 3, 4, 3, 3, 6}) {
    picture->pts = picture->best_effort_timestamp = demuxer.stream().start_time + n * period;
    picture->width = picture->height = 32;
    times.push_back(maker.make(demuxer, *picture).time());
  }
  CHECK(times == std::vector<MediaTime>{0ms, 40ms, 80ms, 100ms, 120ms, 160ms, 180ms, 220ms, 240ms});
}

TEST_CASE("A position is exact also where the time stamps begin anew", "[ffmpeg][frame_source]") {
  const test::TemporaryFolder folder;
  const auto part = [](int seconds) {
    return test::make_media("-f lavfi -i testsrc2=size=96x64:rate=25:duration=" + std::to_string(seconds) +
                                " -c:v libx264 -g 25 -bf 2 -pix_fmt yuv420p",
                            "part" + std::to_string(seconds) + ".ts");
  };
  const std::string both = one_after_the_other(folder, part(4), part(12));
  const std::vector<Print> whole = prints_of(both);
  REQUIRE(whole.size() == 400);
  for (const MediaTime position : {1500ms, 3990ms, 4040ms, 6000ms, 11000ms, 12760ms, 15000ms})
    CHECK(prints_of(both, {}, position) == from(whole, position));
}

TEST_CASE("Pictures that change their size or format in the middle are still right", "[ffmpeg][frame_source]") {
  test::FaultRow row_23{23, "files whose size changes", "right pixels at the asked size, nothing overrun"};
  const test::TemporaryFolder folder;
  const int threads = GENERATE(1, 2);
  const std::string first = small_clip("-c:v libx264 -pix_fmt yuv420p", "first.ts");
  const std::string second = GENERATE_COPY(small_clip("-vf scale=160:120 -c:v libx264 -pix_fmt yuv420p", "larger.ts"),
                                           small_clip("-vf scale=48:32 -c:v libx264 -pix_fmt yuv420p", "smaller.ts"),
                                           small_clip("-c:v libx264 -pix_fmt yuv422p", "other.ts"),
                                           small_clip("-vf scale=46:34 -c:v libx264 -pix_fmt yuv444p10le", "deep.ts"));
  INFO(second);
  const std::string both = one_after_the_other(folder, first, second);
  for (const FFmpegOptions& options :
       {FFmpegOptions{.threads = threads}, FFmpegOptions{.width = 77, .height = 55, .threads = threads}}) {
    std::vector<std::uint64_t> expected = pixels_of(prints_of(first, options));
    const std::vector<std::uint64_t> rest = pixels_of(prints_of(second, options));
    expected.insert(expected.end(), rest.begin(), rest.end());
    const std::vector<Print> frames = prints_of(both, options);
    CHECK(pixels_of(frames) == expected);
    if (options.width != 0)
      CHECK(std::ranges::all_of(frames, [](const Print& print) { return print.width == 77 && print.height == 55; }));
  }
  row_23.happened("as a plain decoder and swscale make them");
}

TEST_CASE("A recording that begins between key frames gives no made-up pictures", "[ffmpeg][frame_source]") {
  test::FaultRow row_25{25, "recordings that begin between key frames", "no grey frames handed on"};
  const std::string_view name = GENERATE("pyramid.ts", "open_gop.ts", "refresh.ts", "h265.ts", "mpeg2.ts", "mpeg2.mpg");
  const std::string whole = test::path_of(name);
  Bytes file = test::read_file(whole);
  file.erase(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() / 4 / 188 * 188));
  const test::TemporaryFolder folder;
  const std::vector<Print> part = prints_of(folder.file(std::string{name}, file));
  const std::vector<std::uint64_t> all = pixels_of(prints_of(whole));
  INFO(name);
  REQUIRE(part.size() >= 20);
  CHECK(
      std::ranges::all_of(part, [&](const Print& print) { return std::ranges::find(all, print.pixels) != all.end(); }));
  CHECK(part.front().time >= 0s);
  row_25.happened("the first picture is a key frame");
}

TEST_CASE("A truncated file gives the pictures that there are, and says so", "[ffmpeg][frame_source]") {
  test::FaultRow row_29{29, "truncated files of all containers", "the frames there are, then truncated in the report"};
  struct Cut {
    std::string_view clip;
    bool known;
  };
  const auto cut = GENERATE(Cut{"fragments.mp4", true}, Cut{"pyramid.mkv", true}, Cut{"vp9_alt_ref.webm", true},
                            Cut{"pyramid.avi", true}, Cut{"mjpeg.avi", true}, Cut{"pyramid.flv", true},
                            Cut{"pyramid.ts", false}, Cut{"mpeg2.mpg", false});
  const std::string path = test::path_of(cut.clip);
  const std::vector<Print> whole = prints_of(path);
  Bytes file = test::read_file(path);
  file.resize(file.size() * 7 / 10);
  const test::TemporaryFolder folder;
  const std::string part = folder.file(std::string{cut.clip}, file);
  INFO(cut.clip);
  for (const MediaTime position : {0ms, 900ms}) {
    const std::vector<Print> frames = prints_of(part, {.threads = 1}, position);
    const std::vector<Print> expected = from(whole, position);
    REQUIRE(frames.size() > 5);
    REQUIRE(frames.size() < expected.size());
    // The last one may be half a picture, or have lost those shown before it.
    CHECK(std::equal(frames.begin(), frames.end() - 1, expected.begin()));
    const SourceStats stats = count(part, {.threads = 1}, position);
    CHECK(stats.truncated == cut.known);
    if (std::ranges::find(expected, frames.back()) == expected.end()) CHECK(stats.frames_damaged > 0);
  }
  CHECK_FALSE(count(path).truncated);
  row_29.happened("so");
}

TEST_CASE("A file without one good picture is an error", "[ffmpeg][frame_source]") {
  Bytes file = test::read_file(test::path_of("mjpeg.avi"));
  constexpr std::string_view chunk = "00dc";
  for (auto at = file.begin(); (at = std::search(at, file.end(), chunk.begin(), chunk.end())) != file.end(); at += 4) {
    const std::size_t begin = static_cast<std::size_t>(at - file.begin()) + 8;
    const std::size_t size = file[begin - 4] + file[begin - 3] * 256U;
    if (file.size() - begin < size || size < 300) continue;  // an entry of the index
    std::fill_n(at + 8, size, std::uint8_t{0});
  }
  const test::TemporaryFolder folder;
  const std::string path = folder.file("black.avi", file);
  FrameSource source{path, {}, {}};
  Frame frame;
  try {
    static_cast<void>(source.read(frame));
    FAIL("there was one");
  } catch (const Error& error) {
    CHECK(error.step() == "decode");
    CHECK(error.source() == path);
    CHECK_THAT(error.what(), ContainsSubstring("not one of its pictures could be decoded"));
    CHECK(source.counters()->decode_errors == 50);
  }
}

TEST_CASE("What was read, decoded, shown and refused is counted", "[ffmpeg][frame_source]") {
  FrameSource source{test::path_of("pyramid.mp4"), {}, {}};
  Frame frame;
  std::uint64_t frames = 0;
  while (source.read(frame) == ReadStatus::frame) {
    ++frames;
    if (frames % 5 == 0) static_cast<void>(frame.image());
  }
  CHECK(source.read(frame) == ReadStatus::end);  // again
  const SourceCounters& counters = *source.counters();
  CHECK(frames == 50);
  CHECK(counters.packets_read == 50);
  CHECK(counters.packets_decoded == 50);
  CHECK(counters.frames_decoded == 50);
  CHECK(counters.frames_converted == 10);
  CHECK(counters.frames_damaged == 0);
  CHECK(counters.decode_errors == 0);
  CHECK_FALSE(counters.truncated);
}

TEST_CASE("A size follows the other side in its proportion", "[ffmpeg][frame_source]") {
  const auto [width, height, to_width, to_height] = GENERATE(table<int, int, int, int>({{0, 0, 96, 64},
                                                                                        {48, 0, 48, 32},
                                                                                        {0, 32, 48, 32},
                                                                                        {47, 0, 47, 31},
                                                                                        {0, 1, 2, 1},
                                                                                        {1, 0, 1, 1},
                                                                                        {200, 0, 200, 133},
                                                                                        {33, 77, 33, 77}}));
  FrameSource source{test::path_of("baseline.mp4"), {.width = width, .height = height}, {}};
  Frame frame;
  REQUIRE(source.read(frame) == ReadStatus::frame);
  CHECK(frame.spec() == ImageSpec{to_width, to_height, PixelFormat::bgr24});
  CHECK(frame.image().spec() == frame.spec());
  CHECK(source.info().width == 96);  // the source's own
}

TEST_CASE("A proportion that leads to no possible size is an error", "[ffmpeg][frame_source]") {
  try {
    const FrameSource source{"lavfi:testsrc2=size=1000x2:rate=5", {.height = 500}, {}};
    FAIL("it opened");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::invalid_argument);
    CHECK(error.step() == "open");
    CHECK_THAT(error.what(), ContainsSubstring("set both"));
  }
}

TEST_CASE("Images and sequences of images are played", "[ffmpeg][frame_source]") {
  const std::string sequence = test::make_media("-f lavfi -i testsrc2=size=32x24:rate=10:duration=2", "%03d.png");
  const std::vector<Print> frames = prints_of(sequence, {.options = {{"framerate", "10"}}});
  REQUIRE(frames.size() == 20);
  for (std::size_t i = 0; i < frames.size(); ++i) CHECK(frames[i].time == 100ms * static_cast<int>(i));
  CHECK(frames == prints_of("lavfi:testsrc2=size=32x24:rate=10:duration=2"));
  CHECK(prints_of(sequence, {.options = {{"framerate", "10"}}}, 1250ms) == from(frames, 1250ms));

  std::string single = sequence;
  single.replace(single.find("%03d"), 4, "001");
  const std::vector<Print> one = prints_of(single);
  REQUIRE(one.size() == 1);
  CHECK(one.front() == frames.front());
  CHECK(prints_of(sequence, {.options = {{"framerate", "10"}, {"start_number", "11"}}}).size() == 10);
}

TEST_CASE("A generated pattern is played from any position", "[ffmpeg][frame_source]") {
  const std::string pattern = "lavfi:testsrc2=size=32x24:rate=10:duration=2";
  const std::vector<Print> whole = prints_of(pattern);
  CHECK(whole.size() == 20);
  for (const MediaTime position : {1ms, 100ms, 1001ms})
    CHECK(prints_of(pattern, {}, position) == from(whole, position));
}
