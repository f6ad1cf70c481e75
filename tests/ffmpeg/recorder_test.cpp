#include "stream_infer/ffmpeg/recorder.hpp"

#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "support/beeps.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/full_disk.hpp"
#include "support/media.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A picture of soft colours with a bright bar whose place tells its number.
si::Image picture(int number, si::ImageSpec spec = {.width = 160, .height = 96}) {
  si::Image image{spec};
  const int bytes = si::channels(spec.format);
  for (int y = 0; y < spec.height; ++y)
    for (int x = 0; x < spec.width; ++x)
      for (int c = 0; c < bytes; ++c) {
        const bool bar = x / 8 == number % (spec.width / 8);
        image.span().row(y)[static_cast<std::size_t>(x * bytes + c)] =
            static_cast<std::uint8_t>(c == 3 ? 255
                                      : bar  ? 230
                                             : 60 + x / 4 + y / 4 + 20 * c);
      }
  return image;
}

double psnr(si::ImageView a, si::ImageView b) {
  REQUIRE(a.spec() == b.spec());
  double squares = 0;
  std::size_t count = 0;
  for (int y = 0; y < a.height; ++y)
    for (std::size_t i = 0; i < a.row(y).size(); ++i, ++count) squares += std::pow(a.row(y)[i] - b.row(y)[i], 2);
  return squares == 0 ? 1000 : 10 * std::log10(255.0 * 255.0 * static_cast<double>(count) / squares);
}

si::FFmpegOptions with_playlists() {
  si::FFmpegOptions options;
  options.allowed.playlists_in_files = true;
  return options;
}

/// What FFmpeg reads of a file.
std::vector<si::Frame> frames_of(const std::string& path) {
  si::FFmpegProducer producer{with_playlists()};
  auto reader = producer.open(path, {});
  std::vector<si::Frame> frames;
  for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) frames.push_back(frame);
  return frames;
}

std::vector<si::MediaTime> times_of(const std::string& path) {
  std::vector<si::MediaTime> times;
  for (const si::Frame& frame : frames_of(path)) times.push_back(frame.time());
  return times;
}

si::MediaTime apart(si::MediaTime a, si::MediaTime b) { return a < b ? b - a : a - b; }

void record(si::Recorder& recorder, int begin, int end) {
  for (int i = begin; i < end; ++i) recorder.write(picture(i).view(), i * 40ms, 40ms);
}

std::string reason(const std::string& path, si::RecorderOptions options = {}) {
  return test::error_of([&] { si::Recorder{path, std::move(options)}; }).what();
}

}  // namespace

TEST_CASE("A recording has every picture of a play, at its time", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  const std::vector<si::Frame> source = frames_of(test::clip_path());
  REQUIRE(source.size() == 250);
  si::Recorder recorder{folder / "copy.mp4"};
  for (const si::Frame& frame : source) recorder.write(frame);
  recorder.close();
  const si::RecorderStats stats = recorder.stats();
  CHECK(stats.written == 250);
  CHECK(stats.dropped + stats.late + stats.waiting == 0);
  CHECK(stats.files == 1);
  CHECK(stats.bytes > 10'000);
  const std::vector<si::Frame> copy = frames_of(folder / "copy.mp4");
  REQUIRE(copy.size() == source.size());
  for (std::size_t i = 0; i < copy.size(); ++i) {
    CAPTURE(i);
    CHECK(apart(copy[i].time(), source[i].time()) < 20us);
    if (i % 10 == 0) CHECK(psnr(copy[i].image(), source[i].image()) > 28);
  }
  const si::SourceInfo info = si::FFmpegProducer{}.get_info(folder / "copy.mp4");
  CHECK(info.codec == "h264");
  CHECK(info.fps == si::Rational{25});
}

TEST_CASE("Pictures keep their times at a rate that varies", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  const std::vector<si::MediaTime> times{0ms, 40ms, 80ms, 100ms, 107ms, 500ms, 533ms, 3s, 3001ms, 3100ms};
  for (const auto& [name, exact] : {std::pair{"a.mp4", 20us}, {"a.mov", 20us}, {"a.mkv", 1000us}, {"a.ts", 20us}}) {
    CAPTURE(name);
    {
      si::Recorder recorder{folder / name};
      for (std::size_t i = 0; i < times.size(); ++i)
        recorder.write(picture(static_cast<int>(i)).view(), 7s + times[i], 33ms);
      recorder.write(picture(0).view(), 7s + times.back(), 33ms);  // twice the same time
      recorder.write(picture(0).view(), 7s, 33ms);                 // and back
      recorder.close();
      CHECK(recorder.stats().late == 2);
      CHECK(recorder.stats().written == times.size());
    }
    const std::vector<si::MediaTime> found = times_of(folder / name);
    REQUIRE(found.size() == times.size());
    for (std::size_t i = 0; i < times.size(); ++i) CHECK(apart(found[i], times[i]) <= exact);
  }
}

TEST_CASE("Any container and encoder of FFmpeg will do", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  struct Kind {
    const char *name, *encoder, *codec;
    double quality;
  };
  for (const Kind& kind :
       {Kind{"a.mp4", "", "h264", 30}, Kind{"a.mp4", "mpeg4", "mpeg4", 25}, Kind{"a.mkv", "libx265", "hevc", 30},
        Kind{"a.mkv", "ffv1", "ffv1", 35}, Kind{"a.webm", "", "vp9", 25}, Kind{"a.webm", "libvpx", "vp8", 25},
        Kind{"a.mov", "mjpeg", "mjpeg", 30}, Kind{"a.avi", "mpeg4", "mpeg4", 25}, Kind{"a.avi", "", "h264", 30},
        Kind{"a.ts", "mpeg2video", "mpeg2video", 25}, Kind{"a.mpg", "mpeg1video", "mpeg1video", 25},
        Kind{"a.flv", "", "h264", 30}, Kind{"a.m3u8", "", "h264", 30}, Kind{"a.ogv", "libtheora", "theora", 25},
        Kind{"a.gif", "", "gif", 15}}) {
    CAPTURE(kind.name, kind.encoder);
    if (*kind.encoder != '\0' && avcodec_find_encoder_by_name(kind.encoder) == nullptr) {
      WARN("skipped: this FFmpeg has no " << kind.encoder);
      continue;
    }
    {
      si::RecorderOptions options{.encoder = kind.encoder};
      if (std::string_view{kind.codec}.starts_with("vp"))
        options.encoder_options = {{"deadline", "realtime"}, {"b", "1M"}};
      si::Recorder recorder{folder / kind.name, options};
      record(recorder, 0, 30);
      recorder.close();
      CHECK(recorder.stats().written == 30);
    }
    const std::vector<si::Frame> found = frames_of(folder / kind.name);
    CHECK(found.size() == 30);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(apart(found[i].time(), static_cast<int>(i) * 40ms) < 21ms);
      if (i % 7 == 0) CHECK(psnr(found[i].image(), picture(static_cast<int>(i)).view()) > kind.quality);
    }
    CHECK(si::FFmpegProducer{with_playlists()}.get_info(folder / kind.name).codec == kind.codec);
  }
}

TEST_CASE("Segments begin at a picture that stands alone, and miss none", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  std::vector<si::RecordedFile> files;
  const auto keep = [&files](const si::RecordedFile& file) { files.push_back(file); };
  SECTION("by time") {
    si::Recorder recorder{folder / "rec-%03d.mp4", {.segment_time = 1s, .on_file = keep}};
    record(recorder, 10, 110);
    recorder.close();
    CHECK(recorder.stats().files == 4);
    REQUIRE(files.size() == 4);
    for (std::size_t i = 0; i < files.size(); ++i) {
      CHECK(files[i].path == folder / ("rec-00" + std::to_string(i) + ".mp4"));
      CHECK(apart(files[i].begin, 400ms + static_cast<int>(i) * 1s) < 20us);
      CHECK(apart(files[i].end, files[i].begin + 1s) < 40us);
    }
  }
  SECTION("by size") {
    si::Recorder recorder{folder / "rec-%d.mkv", {.segment_bytes = 20'000, .on_file = keep}};
    for (int i = 10; i < 110; ++i) {
      si::Image image = picture(i);
      for (int y = 0; y < 96; ++y)
        for (std::uint8_t& byte : image.span().row(y)) byte = static_cast<std::uint8_t>(byte ^ (std::rand() & 63));
      recorder.write(image.view(), i * 40ms, 40ms);
    }
    recorder.close();
    CHECK(files.size() > 3);
    for (std::size_t i = 0; i + 1 < files.size(); ++i) CHECK(files[i].bytes >= 20'000);
  }
  std::vector<si::MediaTime> times;
  for (const si::RecordedFile& file : files)
    for (const si::Frame& frame : frames_of(file.path)) times.push_back(file.begin + frame.time());
  REQUIRE(times.size() == 100);
  for (std::size_t i = 0; i < times.size(); ++i) CHECK(apart(times[i], (10 + static_cast<int>(i)) * 40ms) < 1ms);
}

TEST_CASE("What cannot be recorded is an error at once, which names the option", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  CHECK_THAT(reason(folder / "no/a.mp4"), ContainsSubstring("there is no folder"));
  CHECK_THAT(reason("/proc/a.mp4"), ContainsSubstring("cannot be opened"));
  CHECK_THAT(reason(folder / "a.unknown"), ContainsSubstring("RecorderOptions::container: the name does not tell"));
  CHECK_THAT(reason(folder / "a", {.container = "mp5"}), ContainsSubstring("does not write 'mp5'"));
  CHECK_THAT(reason(folder / "a.mp4", {.encoder = "h265"}),
             ContainsSubstring("RecorderOptions::encoder: this FFmpeg has no video encoder 'h265'"));
  CHECK_THAT(reason(folder / "a.mp4", {.encoder = "aac"}), ContainsSubstring("no video encoder 'aac'"));
  CHECK_THAT(reason(folder / "a.webm", {.encoder = "mpeg4"}), ContainsSubstring("does not hold what 'mpeg4' makes"));
  CHECK_THAT(reason(folder / "a.mp4", {.encoder_options = {{"presett", "fast"}}}),
             ContainsSubstring("RecorderOptions::encoder_options: 'presett' is not one"));
  CHECK_THAT(reason(folder / "a.mp4", {.encoder_options = {{"b", "many"}}}), ContainsSubstring("'b' cannot be 'many'"));
  CHECK_THAT(reason(folder / "a.mp4", {.container_options = {{"movflags", "nonsense"}}}),
             ContainsSubstring("RecorderOptions::container_options: 'movflags' cannot be 'nonsense'"));
  CHECK_THAT(reason(folder / "a.wav"), ContainsSubstring("no video encoder for the container wav"));
  CHECK_THAT(reason(folder / "a.mp4", {.segment_time = 1s}), ContainsSubstring("rec-%03d.mp4"));
  CHECK_THAT(reason(folder / "a.mp4", {.encoder_options = {{"crf", "20"}, {"preset", "fastest"}, {"bf", "2"}}}),
             ContainsSubstring("RecorderOptions::encoder_options: 'preset' cannot be 'fastest'"));
  CHECK_THAT(reason(folder / "a.mp4", {.container_options = {{"fragments", "1"}}}),
             ContainsSubstring("RecorderOptions::container_options: 'fragments' is not one"));
  CHECK(std::filesystem::is_empty(folder / ""));

  si::Recorder recorder{folder / "b.mp4", {.container_options = {{"blocksize", "4096"}}}};  // an option of files
  CHECK_THAT(test::error_of([&] { recorder.write(si::ImageView{}, 0s, 0s); }).what(), ContainsSubstring("no pixels"));
  record(recorder, 0, 1);
  recorder.close();
}

TEST_CASE("Two recordings do not get into one file", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  si::Recorder first{folder / "a.mp4"};
  record(first, 0, 25);
  CHECK_THAT(reason(folder / "a.mp4"), ContainsSubstring("a.mp4") && ContainsSubstring("another recording"));
  record(first, 25, 50);
  first.close();
  CHECK(frames_of(folder / "a.mp4").size() == 50);
  si::Recorder next{folder / "a.mp4"};  // in its place
  record(next, 0, 10);
  next.close();
  CHECK(frames_of(folder / "a.mp4").size() == 10);
}

TEST_CASE("Two recorders of the same segments take turns with the numbers", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  std::vector<si::RecordedFile> files;
  std::mutex mutex;
  const auto keep = [&](const si::RecordedFile& file) {
    const std::lock_guard lock{mutex};
    files.push_back(file);
  };
  si::Recorder a{folder / "%d.mp4", {.segment_time = 1s, .on_file = keep}};
  si::Recorder b{folder / "%d.mp4", {.segment_time = 1s, .on_file = keep}};
  for (int i = 0; i < 100; i += 10) {
    record(a, i, i + 10);
    record(b, i, i + 10);
  }
  a.close();
  b.close();
  CHECK(files.size() == 8);
  for (const si::RecordedFile& file : files) {
    CAPTURE(file.path);
    CHECK(frames_of(file.path).size() == 25);
  }
}

TEST_CASE("Segments go on after those that are there", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  for (const char* const other : {"cam1-4x.mp4", "cam1-0012.mp4", "cam1-99999999999999999999.mp4", "cam2-50.mp4", "50"})
    std::ofstream{folder / other} << "something else";
  for (int run = 0; run < 3; ++run) {
    si::Recorder recorder{folder / "cam1-%03d.mp4", {.segment_time = 1s}};
    record(recorder, 0, 50);
    recorder.close();
    CHECK(recorder.stats().files == 2);
    if (run == 1) std::filesystem::remove(folder / "cam1-001.mp4");  // somebody tidies up
  }
  for (const int number : {0, 2, 3, 4, 5}) {
    const std::string path = folder / ("cam1-00" + std::to_string(number) + ".mp4");
    CAPTURE(path);
    CHECK(frames_of(path).size() == 25);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "cam1-001.mp4"));
  CHECK(std::distance(std::filesystem::directory_iterator{folder / ""}, std::filesystem::directory_iterator{}) == 10);
}

TEST_CASE("A recorder without a picture leaves no file, and a closed one takes none", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  si::Recorder recorder{folder / "a.mp4"};
  CHECK(std::filesystem::exists(folder / "a.mp4"));
  recorder.close();
  CHECK_FALSE(std::filesystem::exists(folder / "a.mp4"));
  CHECK_THAT(test::error_of([&] { record(recorder, 0, 1); }).what(), ContainsSubstring("has been closed"));
  recorder.close();
}

TEST_CASE("Odd sizes lose an edge, other sizes are scaled, and all formats are taken", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  for (const si::PixelFormat format : {si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::bgra32,
                                       si::PixelFormat::rgba32, si::PixelFormat::gray8}) {
    CAPTURE(si::to_string(format));
    {
      si::Recorder recorder{folder / "a.mp4"};
      for (int i = 0; i < 5; ++i)
        recorder.write(picture(i, {.width = 161, .height = 97, .format = format}).view(), i * 40ms, 40ms);
      for (int i = 5; i < 10; ++i)
        recorder.write(picture(i, {.width = 320, .height = 194, .format = format}).view(), i * 40ms, 40ms);
      recorder.close();
    }
    si::FFmpegProducer producer{{.format = format}};
    auto reader = producer.open(folder / "a.mp4", {});
    si::Frame frame;
    for (int i = 0; i < 10; ++i) {
      REQUIRE(reader.read(frame) == si::ReadStatus::frame);
      CHECK(frame.width() == 160);
      CHECK(frame.height() == 96);
      if (i >= 5) continue;
      const si::Image whole = picture(i, {.width = 161, .height = 97, .format = format});
      si::ImageView seen = whole.view();
      seen.width = 160;
      seen.height = 96;
      CHECK(psnr(frame.image(), seen) > 28);
    }
  }
}

TEST_CASE("Where the encoder is too slow, pictures wait, or are dropped and counted", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  std::vector<si::Image> pictures;  // made before, for that takes time too
  for (int i = 0; i < 20; ++i) pictures.push_back(picture(i, {.width = 640, .height = 360}));
  for (const si::Overload overload : {si::Overload::wait, si::Overload::drop}) {
    si::Recorder recorder{folder / "a.mp4",
                          {.encoder_options = {{"preset", "veryslow"}}, .queue = 2, .overload = overload}};
    for (std::size_t i = 0; i < 60; ++i) recorder.write(pictures[i % 20].view(), static_cast<int>(i) * 40ms, 40ms);
    recorder.close();
    const si::RecorderStats stats = recorder.stats();
    CHECK(stats.written + stats.dropped == 60);
    CHECK((stats.dropped == 0) == (overload == si::Overload::wait));
    CHECK(frames_of(folder / "a.mp4").size() == stats.written);
  }
}

TEST_CASE("A full disk ends a recording, and what it has plays", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  si::Recorder recorder{folder / "a.mp4", {.keyframe_interval = 400ms}};
  std::uint64_t brought = 0;
  const auto fill = [&] {
    const test::FullDisk full{30'000};
    for (; brought < 10'000; ++brought) record(recorder, static_cast<int>(brought), static_cast<int>(brought) + 1);
  };
  const si::Error error = test::error_of(fill);
  CHECK(error.code() == std::errc::file_too_large);  // as the limit of this test has it; ENOSPC comes the same way
  CHECK_THAT(error.what(), ContainsSubstring("a.mp4"));
  CHECK(test::error_of([&] { recorder.close(); }).code() == error.code());
  const si::RecorderStats stats = recorder.stats();
  CHECK(stats.written + stats.dropped == brought);
  CHECK_THAT(stats.last_error, ContainsSubstring("cannot be written"));
  const std::size_t plays = frames_of(folder / "a.mp4").size();
  CHECK(plays > 10);
  CHECK(plays <= stats.written);
}

TEST_CASE("A full disk ends a recording in files that the container opens itself", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  si::Recorder recorder{folder / "a.m3u8", {.container_options = {{"hls_time", "1"}}, .keyframe_interval = 400ms}};
  const auto fill = [&] {
    const test::FullDisk full{2'000};
    record(recorder, 0, 1000);
    recorder.close();
  };
  const si::Error error = test::error_of(fill);
  CHECK(error.code() == std::errc::file_too_large);
  CHECK(recorder.stats().written + recorder.stats().dropped <= 1000);
}

TEST_CASE("After kill -9 a recording plays, but for the last fragment", "[ffmpeg][recorder]") {
  if (test::has_thread_sanitizer) return;  // it does not follow a process that forks and has threads
  const test::TemporaryFolder folder;
  test::Random random{test::first_seed()};
  const int rounds = static_cast<int>(5 * std::max(1.0, test::rounds()));
  for (int round = 0; round < rounds; ++round) {
    const std::string path = folder / ("a" + std::to_string(round) + ".mp4");
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {  // tells how many pictures the encoder has taken
      ::close(pipe[0]);
      si::Recorder recorder{path, {.encoder_options = {{"tune", "zerolatency"}}, .keyframe_interval = 400ms}};
      for (int i = 0;; ++i) {
        record(recorder, i, i + 1);
        const std::uint64_t written = recorder.stats().written;
        if (::write(pipe[1], &written, sizeof written) != sizeof written) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    std::thread killer{[child, wait = random.between(300, 900)] {
      std::this_thread::sleep_for(std::chrono::milliseconds{wait});
      ::kill(child, SIGKILL);
    }};
    std::uint64_t written = 0;
    for (std::uint64_t next = 0; ::read(pipe[0], &next, sizeof next) == sizeof next;) written = next;
    killer.join();
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    if (written < 25) continue;
    const std::vector<si::MediaTime> times = times_of(path);
    CHECK(times.size() + 12 >= written);  // a fragment is 10 pictures
    for (std::size_t i = 0; i < times.size(); ++i) CHECK(apart(times[i], static_cast<int>(i) * 40ms) < 20us);
  }
}

TEST_CASE("A recorder that is let go finishes its file", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  const std::size_t threads = test::count_threads(), descriptors = test::count_descriptors();
  {
    si::Recorder recorder{folder / "a.mp4"};
    record(recorder, 0, 50);
    const si::Recorder moved = std::move(recorder);
  }
  CHECK(frames_of(folder / "a.mp4").size() == 50);
  CHECK(test::eventually([&] { return test::count_threads() == threads; }));
  CHECK(test::count_descriptors() == descriptors);
}

TEST_CASE("The source's sound is recorded with the pictures of the same time", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  std::vector<si::RecordedFile> files;
  for (const std::string name : {"beep.mp4", "beep.ts"})
    for (const si::MediaTime segment : {0s, 2s}) {
      CAPTURE(name, segment.count());
      files.clear();
      si::Recorder recorder{folder / "out-%d.mp4",
                            {.segment_time = segment == 0s ? 3600s : segment,
                             .on_file = [&](const si::RecordedFile& file) { files.push_back(file); }}};
      si::FFmpegProducer producer{{.taps = {recorder.sound()}}};
      auto reader = producer.open(test::make_beeps(name), {});
      for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;)
        recorder.write(frame.image(), frame.time(), 40ms);
      recorder.close();
      REQUIRE(files.size() == (segment == 0s ? 1 : 3));
      for (const si::RecordedFile& file : files) test::check_beeps(file.path, file.begin, file.end - file.begin);
    }
}

TEST_CASE("Sound that a recording's container does not hold is left out, and counted", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  const std::string camera = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=440:r=8000 -t 4 -pix_fmt yuv420p -c:v libx264 -g 25 "
      "-c:a pcm_alaw",
      "g711.mkv");
  for (const std::string name : {"a.mp4", "a.mov"}) {
    CAPTURE(name);
    const bool is_held = name == "a.mov";
    std::vector<si::RecordedFile> files;
    si::Recorder recorder{folder / name, {.on_file = [&](const si::RecordedFile& file) { files.push_back(file); }}};
    si::FFmpegProducer producer{{.taps = {recorder.sound()}}};
    auto reader = producer.open(camera, {});
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame;) recorder.write(frame);
    recorder.close();
    const si::RecorderStats stats = recorder.stats();
    CHECK(stats.written == 100);
    CHECK(frames_of(folder / name).size() == 100);
    REQUIRE(files.size() == 1);
    CHECK(files[0].bytes == stats.bytes);  // of pictures
    CHECK((stats.sound_dropped == 0) == is_held);
    CHECK_THAT(stats.last_error,
               is_held ? Catch::Matchers::Matches("")
                       : Catch::Matchers::Matches(".*RecorderOptions::container: mp4 does not hold the source's sound "
                                                  "\\(pcm_alaw\\); matroska does"));
  }
}

TEST_CASE("Key frames come as often as FFmpeg's own option says", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  for (const std::string interval : {"12", "10", ""}) {
    CAPTURE(interval);
    si::RecorderOptions options{.encoder_options = {{"sc_threshold", "0"}}};
    if (!interval.empty()) options.encoder_options.emplace_back("g", interval);
    si::Recorder recorder{folder / "a.mp4", options};
    record(recorder, 0, 60);
    recorder.close();
    AVFormatContext* opened = nullptr;
    REQUIRE(avformat_open_input(&opened, (folder / "a.mp4").c_str(), nullptr, nullptr) >= 0);
    const si::ffmpeg::UniqueFormatContext context{opened};
    const si::ffmpeg::UniquePacket packet = si::ffmpeg::make_packet();
    std::vector<std::size_t> keys;
    for (std::size_t i = 0; av_read_frame(opened, packet.get()) >= 0; ++i, av_packet_unref(packet.get()))
      if ((packet->flags & AV_PKT_FLAG_KEY) != 0) keys.push_back(i);
    REQUIRE(keys.size() >= 2);
    CHECK(keys[1] == (interval.empty() ? 50 : std::stoul(interval)));
  }
}

TEST_CASE("An AVI says how many pictures it has, and at which rate", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  for (const std::string encoder : {"libx264", "mpeg4", "mjpeg"}) {
    CAPTURE(encoder);
    si::Recorder recorder{folder / "a.avi", {.encoder = encoder}};
    record(recorder, 0, 100);
    recorder.close();
    CHECK(recorder.stats().written == 100);
    AVFormatContext* opened = nullptr;
    REQUIRE(avformat_open_input(&opened, (folder / "a.avi").c_str(), nullptr, nullptr) >= 0);
    const si::ffmpeg::UniqueFormatContext context{opened};
    CHECK(context->streams[0]->nb_frames <= 102);
    CHECK(av_cmp_q(context->streams[0]->time_base, {1, 25}) == 0);
  }
}

TEST_CASE("White is recorded as white, and grey as grey", "[ffmpeg][recorder]") {
  const test::TemporaryFolder folder;
  for (const si::PixelFormat format : {si::PixelFormat::bgr24, si::PixelFormat::rgb24, si::PixelFormat::gray8,
                                       si::PixelFormat::bgra32, si::PixelFormat::rgba32})
    for (const int level : {255, 128, 0}) {
      CAPTURE(static_cast<int>(format), level);
      si::Image image{{.width = 64, .height = 64, .format = format}};
      for (int y = 0; y < 64; ++y)
        for (std::uint8_t& byte : image.span().row(y)) byte = static_cast<std::uint8_t>(level);
      {
        si::Recorder recorder{folder / "a.mkv", {.encoder = "ffv1"}};
        recorder.write(image.view(), 0s, 40ms);
        recorder.close();
      }
      test::run_ffmpeg("-i " + (folder / "a.mkv") + " -f rawvideo -pix_fmt yuv420p " + (folder / "a.yuv"));
      const test::Bytes planes = test::read_file(folder / "a.yuv");
      REQUIRE(planes.size() == 64 * 64 * 3 / 2);
      CHECK(std::abs(planes[64 * 20 + 20] - (16 + (level * 219 + 127) / 255)) <= 1);  // FFmpeg rounds BGR down
      CHECK(std::abs(planes[64 * 64 + 200] - 128) <= 1);
      CHECK(std::abs(planes[64 * 64 + 32 * 32 + 200] - 128) <= 1);
    }
}
