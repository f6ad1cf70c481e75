#include "stream_infer/ffmpeg/clips.hpp"

#include "ffmpeg/display_matrix.hpp"
#include "stream_infer/algo/load_algo.hpp"
#include "stream_infer/exporter/record.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/files.hpp"
#include "support/full_disk.hpp"
#include "support/media.hpp"
#include "support/process.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

/// 20 s of 25 frames a second with sound, a key frame each second, B-frames between them.
std::string source(const std::string& name) {
  return test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=440 -t 20 -pix_fmt yuv420p -c:v libx264 -g 25 -bf 2 "
      "-c:a aac",
      name);
}

/// Plays it and calls `at(frame)` for each frame. Returns all frames.
template <class At>
std::vector<si::Frame> play(const std::string& path, const si::PacketTaps& taps, At at, si::MediaTime position = 0s) {
  si::FFmpegProducer producer{{.taps = taps}};
  si::FrameTracker tracker;
  si::Player player{producer, tracker, path};
  std::vector<si::Frame> frames;
  for (const auto& [frame, number] : player.play({}, position)) {
    frames.push_back(frame);
    at(frame);
  }
  return frames;
}

struct Saved {
  std::mutex mutex;
  std::vector<si::Clip> clips;
  si::Callback<void(const si::Clip&)> keep() {
    return [this](const si::Clip& clip) {
      const std::lock_guard lock{mutex};
      clips.push_back(clip);
    };
  }
};

si::MediaTime apart(si::MediaTime a, si::MediaTime b) { return a < b ? b - a : a - b; }

bool same_pixels(si::ImageView a, si::ImageView b) {
  if (a.spec() != b.spec()) return false;
  for (int y = 0; y < a.height; ++y)
    if (std::memcmp(a.row(y).data(), b.row(y).data(), a.row(y).size()) != 0) return false;
  return true;
}

unsigned streams_in(const std::string& path) {
  AVFormatContext* opened = nullptr;
  REQUIRE(avformat_open_input(&opened, path.c_str(), nullptr, nullptr) >= 0);
  const si::ffmpeg::UniqueFormatContext context{opened};
  return context->nb_streams;
}

/// Every frame of the clip is the source's at that time. Returns how many there are.
std::size_t check_pixels(const si::Clip& clip, const std::vector<si::Frame>& of_source) {
  const std::vector<si::Frame> frames = play(clip.path, {}, [](const si::Frame&) {});
  std::size_t found = 0;
  for (const si::Frame& frame : frames)
    for (const si::Frame& original : of_source)
      if (apart(original.time(), clip.begin + frame.time()) < 2ms) {
        ++found;
        CHECK(same_pixels(frame.image(), original.image()));
      }
  CHECK(found == frames.size());
  return found;
}

}  // namespace

TEST_CASE("A clip has what was around an event, picture by picture, and its sound", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  struct Case {
    std::string source, container, ending;
  };
  for (const Case& each : {Case{"clips.mp4", "mp4", ".mp4"}, Case{"clips.ts", "mp4", ".mp4"},
                           Case{"clips.mkv", "mp4", ".mp4"}, Case{"clips.mp4", "matroska", ".mkv"},
                           Case{"clips.ts", "matroska", ".mkv"}, Case{"clips.mp4", "mpegts", ".ts"}}) {
    const std::string& name = each.source;
    CAPTURE(name, each.container);
    Saved saved;
    std::vector<si::Frame> frames;
    {
      si::Clips clips{
          {.folder = folder / "", .before = 2s, .after = 3s, .container = each.container, .on_clip = saved.keep()}};
      frames = play(source(name), {clips.tap()}, [&](const si::Frame& frame) {
        if (frame.index() == 237) clips.save(frame.time(), name);
      });
      clips.close();
      const si::ClipsStats stats = clips.stats();
      CHECK_THAT(stats.last_error, Catch::Matchers::Equals(""));
      CHECK(stats.events == 1);
      CHECK(stats.clips == 1);
      CHECK(stats.missed + stats.failed + stats.waiting == 0);
    }
    CHECK(frames.size() == 500);
    REQUIRE(saved.clips.size() == 1);
    const si::Clip& clip = saved.clips.front();
    const si::MediaTime event = frames[237].time();
    CHECK(clip.path == folder / (name + each.ending));
    CHECK(clip.begin <= event - 2s);
    CHECK(clip.begin > event - 3s - 40ms);
    CHECK(clip.end >= event + 3s);
    CHECK(clip.end < event + 3s + 300ms);
    CHECK(clip.events == 1);
    CHECK(streams_in(clip.path) == 2);
    const auto count = static_cast<std::size_t>((clip.end - clip.begin) / 40ms);
    CHECK(check_pixels(clip, frames) + 4 >= count);
    CHECK_FALSE(std::filesystem::exists(clip.path + ".part"));
  }
}

TEST_CASE("Events during a clip make it longer, but not endless", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 1s, .longest = 6s, .on_clip = saved.keep()}};
  const std::vector<si::Frame> frames = play(source("clips.mp4"), {clips.tap()}, [&](const si::Frame& frame) {
    const bool once = frame.index() == 60;                            // 2.4 s
    const bool often = frame.index() >= 125 && frame.index() <= 375;  // 5 s to 15 s
    if (once || often) clips.save(frame.time());
  });
  clips.close();
  REQUIRE(saved.clips.size() == 4);
  CHECK(saved.clips[0].begin == 1s);
  CHECK(apart(saved.clips[0].end, 3400ms) < 200ms);
  CHECK(saved.clips[0].events == 1);
  CHECK(saved.clips[1].begin == 4s);
  CHECK(apart(saved.clips[1].end, 10s) < 200ms);
  CHECK(saved.clips[2].begin <= saved.clips[1].end);
  CHECK(apart(saved.clips[2].end, saved.clips[2].begin + 6s) < 200ms);
  CHECK(saved.clips[3].begin <= saved.clips[2].end);
  CHECK(apart(saved.clips[3].end, 16s) < 250ms);
  std::uint64_t events = 0;
  for (const si::Clip& clip : saved.clips) events += clip.events;
  CHECK(clips.stats().events == events);
  CHECK(events == 252);
  for (const si::Clip& clip : saved.clips) check_pixels(clip, frames);
  CHECK(saved.clips[0].path == folder / "clip-2400.mp4");
}

TEST_CASE("At the edges of a source a clip has what there is", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 5s, .after = 5s, .on_clip = saved.keep()}};
  const std::vector<si::Frame> frames = play(
      source("clips.mp4"), {clips.tap()},
      [&](const si::Frame& frame) {
        if (frame.index() == 0) clips.save(frame.time(), "begin");
        if (frame.time() >= 19s && frame.time() < 19040ms) clips.save(frame.time(), "end");
      },
      8s);
  CHECK(frames.front().time() == 8s);
  clips.save(100s, "after");  // what there is: the end
  clips.save(-100s, "before");
  clips.close();
  REQUIRE(saved.clips.size() >= 2);
  CHECK(saved.clips[0].begin <= 8s);
  CHECK(saved.clips[0].begin >= 7s);
  CHECK(saved.clips[1].begin == 14s);
  CHECK(apart(saved.clips[1].end, 20s) < 41ms);
  CHECK(clips.stats().missed == 1);
  clips.save(15s);
  CHECK(clips.stats().missed == 2);  // it has been closed
}

TEST_CASE("With a tap the same frames are played", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  const si::Clips clips{{.folder = folder / ""}};
  const auto nothing = [](const si::Frame&) {};
  const std::vector<si::Frame> with = play(source("clips.mp4"), {clips.tap()}, nothing),
                               without = play(source("clips.mp4"), {}, nothing);
  REQUIRE(with.size() == without.size());
  for (std::size_t i = 0; i < with.size(); i += 9) {
    CHECK(with[i].time() == without[i].time());
    CHECK(same_pixels(with[i].image(), without[i].image()));
  }
}

TEST_CASE("Memory is bounded, and an event whose packets are gone is counted", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 1s, .max_bytes = 60'000}};
  std::size_t most = 0;
  const std::vector<si::Frame> frames = play(source("clips.mp4"), {clips.tap()}, [&](const si::Frame& frame) {
    most = std::max(most, clips.stats().bytes);
    if (frame.index() == 450) clips.save(1s);
  });
  CHECK(most > 30'000);
  CHECK(most <= 60'000);
  CHECK(clips.stats().missed == 1);
}

TEST_CASE("A clip that cannot be written is counted, and the next one is", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 3s, .on_clip = saved.keep()}};
  std::optional<test::FullDisk> full;
  const std::vector<si::Frame> frames = play(source("clips.mp4"), {clips.tap()}, [&](const si::Frame& frame) {
    if (frame.index() == 50) {
      full.emplace(20'000);
      clips.save(frame.time(), "full");
    }
    if (frame.index() == 250) {
      CHECK(test::eventually([&] { return clips.stats().failed == 1; }));
      full.reset();
      clips.save(frame.time(), "good");
    }
  });
  clips.close();
  CHECK(clips.stats().clips == 1);
  CHECK_THAT(clips.stats().last_error, ContainsSubstring("full.mp4"));
  REQUIRE(saved.clips.size() == 1);
  CHECK(saved.clips.back().path == folder / "good.mp4");
  CHECK_FALSE(std::filesystem::exists(folder / "full.mp4"));
  const std::vector<si::Frame> part = play(folder / "full.mp4.part", {}, [](const si::Frame&) {});
  CHECK(part.size() >= 25);  // what there is plays
}

TEST_CASE("Sound that a clip's container does not hold is left out, and told", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  const std::string camera = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=440:r=8000 -t 4 -pix_fmt yuv420p -c:v libx264 -g 25 "
      "-c:a pcm_alaw",
      "g711.mkv");
  for (const bool is_held : {false, true}) {
    CAPTURE(is_held);
    Saved saved;
    si::Clips clips{{.folder = folder / "",
                     .before = 1s,
                     .after = 1s,
                     .container = is_held ? "mov" : "mp4",
                     .on_clip = saved.keep()}};
    play(camera, {clips.tap()}, [&](const si::Frame& frame) {
      if (frame.index() == 50) clips.save(frame.time());
    });
    clips.close();
    const si::ClipsStats stats = clips.stats();
    CHECK(stats.clips == 1);
    CHECK(stats.failed == 0);
    CHECK(stats.without_sound == (is_held ? 0 : 1));
    if (!is_held)
      CHECK_THAT(stats.last_error,
                 ContainsSubstring("ClipsOptions::container: mp4 does not hold the source's sound (pcm_alaw)"));
    REQUIRE(saved.clips.size() == 1);
    CHECK(streams_in(saved.clips.front().path) == (is_held ? 2 : 1));
    CHECK(play(saved.clips.front().path, {}, [](const si::Frame&) {}).size() >= 50);
  }
}

TEST_CASE("Clips of one name are all kept, however late they are written", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  std::mutex played;
  Saved saved;
  std::unique_lock playing{played};
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 0s, .on_clip = [&](const si::Clip& clip) {
                     const std::lock_guard wait{played};
                     saved.keep()(clip);
                   }}};
  play(source("clips.mp4"), {clips.tap()}, [&](const si::Frame& frame) {
    if (frame.index() % 100 == 50) clips.save(frame.time(), "door");
  });
  playing.unlock();
  clips.close();
  REQUIRE(saved.clips.size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(saved.clips[i].path == folder / ("door" + (i == 0 ? "" : '-' + std::to_string(i + 1)) + ".mp4"));
    CHECK(std::filesystem::exists(saved.clips[i].path));
  }
}

TEST_CASE("A clip of a source whose clock steps back is whole, up to a step that is far", "[ffmpeg][clips]") {
  for (const std::string step : {"0.04", "0.3", "1.5", "60"}) {
    CAPTURE(step);
    const bool is_far = step == "1.5" || step == "60";
    const std::string made =
        "-f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=440 -t 5 -pix_fmt yuv420p -c:v libx264 -g 25 -bf 2 "
        "-c:a aac -muxdelay 0 -muxpreload 0 ";
    test::Bytes bytes = test::read_file(test::make_media(made + "-output_ts_offset 70", "before-step.ts"));
    const test::Bytes after = test::read_file(test::make_media(
        made + "-output_ts_offset " + std::to_string(75 - std::stod(step)), "after-step" + step + ".ts"));
    bytes.insert(bytes.end(), after.begin(), after.end());
    const test::TemporaryFolder folder;
    test::write_file(folder / "step.ts", bytes);
    Saved saved;
    si::Clips clips{{.folder = folder / "", .before = 1s, .after = 2s, .on_clip = saved.keep()}};
    const std::vector<si::Frame> frames = play(folder / "step.ts", {clips.tap()}, [&](const si::Frame& frame) {
      if (frame.index() == 100 || frame.index() == 200) clips.save(frame.time());
    });
    clips.close();
    const si::ClipsStats stats = clips.stats();
    CHECK_THAT(stats.last_error, Catch::Matchers::Equals(""));
    CHECK(stats.failed + stats.missed == 0);
    REQUIRE(saved.clips.size() == 2);
    CHECK(play(saved.clips[0].path, {}, [](const si::Frame&) {}).size() >= (is_far ? 48 : 75));
    const si::Clip& second = saved.clips[1];
    CHECK(second.begin <= frames[200].time() - 600ms);
    CHECK(second.begin > frames[200].time() - 2100ms);
    CHECK(second.end > frames[200].time() + 1600ms);
    CHECK(play(second.path, {}, [](const si::Frame&) {}).size() >= 70);
  }
}

TEST_CASE("An event soon after the clock has jumped has what was before it", "[ffmpeg][clips]") {
  // How far reading is ahead of playing must not matter.
  const std::string made =
      "-f lavfi -i testsrc2=size=96x64:rate=25 -f lavfi -i sine=440 -t 5 -pix_fmt yuv420p -c:v libx264 -g 25 -bf 2 "
      "-c:a aac -muxdelay 0 -muxpreload 0 ";
  test::Bytes bytes = test::read_file(test::make_media(made + "-output_ts_offset 70", "before-jump.ts"));
  const test::Bytes after = test::read_file(test::make_media(made + "-output_ts_offset 10", "after-jump.ts"));
  bytes.insert(bytes.end(), after.begin(), after.end());
  const test::TemporaryFolder folder;
  // The sound's clock jumps later than that of the pictures, by a few packets.
  constexpr std::size_t packet = 188;
  const auto is_sound = [&](std::size_t at) { return ((bytes[at + 1] & 0x1fU) << 8 | bytes[at + 2]) == 0x101; };
  std::vector<std::size_t> pictures, sound;
  for (std::size_t at = 0; at < bytes.size(); at += packet) (is_sound(at) ? sound : pictures).push_back(at);
  test::Bytes mixed;
  const auto put = [&](std::size_t at) {
    for (std::size_t i = 0; i < packet; ++i) mixed.push_back(bytes[at + i]);
  };
  REQUIRE(sound.size() > 100);
  for (std::size_t i = 0, j = 0; i < pictures.size(); ++i) {
    put(pictures[i]);
    const bool is_time = i >= 40 && (i - 40) * sound.size() >= j * (pictures.size() - 40);
    if (is_time && j < sound.size()) put(sound[j++]);
  }
  test::write_file(folder / "jump.ts", mixed);
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 1s, .on_clip = saved.keep()}};
  const std::vector<si::Frame> frames = play(folder / "jump.ts", {clips.tap()}, [&](const si::Frame& frame) {
    if (frame.index() == 140) clips.save(frame.time());
  });
  clips.close();
  REQUIRE(saved.clips.size() == 1);
  CHECK(apart(saved.clips[0].begin, frames[125].time()) < 41ms);
  CHECK(apart(saved.clips[0].end, frames[140].time() + 1s) < 200ms);
  CHECK(play(saved.clips[0].path, {}, [](const si::Frame&) {}).size() >= 38);
}

TEST_CASE("A clip is turned, and its pixels are shaped, as its source says", "[ffmpeg][clips]") {
  const std::string turned = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25 -t 4 -vf setsar=4/3 -pix_fmt yuv420p -c:v libx264 -g 25", "upright.mp4");
  const test::TemporaryFolder folder;
  test::Bytes file = test::read_file(turned);
  test::set_matrix(file, test::matrix(0, test::matrix_one, -test::matrix_one, 0));
  test::write_file(folder / "turned.mp4", file);
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 1s, .on_clip = saved.keep()}};
  const std::vector<si::Frame> frames = play(folder / "turned.mp4", {clips.tap()}, [&](const si::Frame& frame) {
    if (frame.index() == 50) clips.save(frame.time());
  });
  clips.close();
  CHECK(frames.front().width() == 64);
  REQUIRE(saved.clips.size() == 1);
  CHECK(check_pixels(saved.clips[0], frames) > 40);
  CHECK(si::FFmpegProducer{}.get_info(saved.clips[0].path).width == 64);
  AVFormatContext* opened = nullptr;
  REQUIRE(avformat_open_input(&opened, saved.clips[0].path.c_str(), nullptr, nullptr) >= 0);
  const si::ffmpeg::UniqueFormatContext context{opened};
  CHECK(av_cmp_q(context->streams[0]->sample_aspect_ratio, {4, 3}) == 0);
}

TEST_CASE("A play that is left ends its clip", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 3s, .on_clip = saved.keep()}};
  si::FFmpegProducer producer{{.taps = {clips.tap()}}};
  si::FrameTracker tracker;
  const auto count = [&] {
    const std::lock_guard lock{saved.mutex};
    return saved.clips.size();
  };
  {
    si::Player player{producer, tracker, source("clips.mp4")};
    for (const auto& [frame, number] : player.play()) {
      if (frame.index() == 250) clips.save(frame.time());
      if (frame.index() == 260) break;
    }
  }
  CHECK(test::eventually([&] { return count() == 1; }));
  si::Player player{producer, tracker, source("clips.mp4")};
  for (const auto& [frame, number] : player.play())
    if (frame.index() == 50) clips.save(frame.time());
  clips.close();
  CHECK(count() == 2);
  CHECK(clips.stats().missed == 0);
}

TEST_CASE("A source that does not say when its pictures are shown has no clips in other containers",
          "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  const std::string avi = test::make_media(
      "-f lavfi -i testsrc2=size=96x64:rate=25 -t 4 -pix_fmt yuv420p -c:v libx264 -g 25 -bf 2", "reordered.avi");
  for (const std::string container : {"mp4", "avi"}) {
    CAPTURE(container);
    Saved saved;
    si::Clips clips{
        {.folder = folder / "", .before = 1s, .after = 1s, .container = container, .on_clip = saved.keep()}};
    const std::vector<si::Frame> frames = play(avi, {clips.tap()}, [&](const si::Frame& frame) {
      if (frame.index() == 50) clips.save(frame.time());
    });
    clips.close();
    if (container == "avi") {
      REQUIRE(saved.clips.size() == 1);
      CHECK(play(saved.clips[0].path, {}, [](const si::Frame&) {}).size() > 40);
      CHECK(clips.stats().failed == 0);
    } else {
      CHECK(saved.clips.empty());
      CHECK(clips.stats().failed == 1);
      CHECK_THAT(clips.stats().last_error, ContainsSubstring("when its pictures are shown"));
    }
  }
}

TEST_CASE("What cannot be saved is an error at once", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  const auto reason = [](const si::ClipsOptions& options) {
    return std::string{test::error_of([&] { si::Clips{options}; }).what()};
  };
  CHECK_THAT(reason({}), ContainsSubstring("ClipsOptions::folder"));
  CHECK_THAT(reason({.folder = folder / "no"}), ContainsSubstring("ClipsOptions::folder"));
  CHECK_THAT(reason({.folder = "/proc"}), ContainsSubstring("ClipsOptions::folder cannot be written to"));
  CHECK_THAT(reason({.folder = folder / "", .before = -1s}), ContainsSubstring("ClipsOptions::before"));
  CHECK_THAT(reason({.folder = folder / "", .after = -1s}), ContainsSubstring("after must not be negative"));
  CHECK_THAT(reason({.folder = folder / "", .longest = 0s}), ContainsSubstring("longest"));
  CHECK_THAT(reason({.folder = folder / "", .container = "mp5"}), ContainsSubstring("ClipsOptions::container"));
  CHECK_THAT(reason({.folder = folder / "", .container_options = {{"movflags", "no"}}}),
             ContainsSubstring("ClipsOptions::container_options"));
  CHECK_THAT(reason({.folder = folder / "", .container_options = {{"fragments", "1"}}}),
             ContainsSubstring("ClipsOptions::container_options: 'fragments' is not one"));
  si::Clips clips{{.folder = folder / ""}};
  CHECK(std::filesystem::is_empty(folder / ""));
  for (const char* const name : {"../a", "a/b", ".a"})
    CHECK_THAT(test::error_of([&] { clips.save(0s, name); }).what(), ContainsSubstring("name of a file"));
}

TEST_CASE("However far reading is ahead of the results, events make the same clips", "[ffmpeg][clips]") {
  struct Often {
    bool run(std::span<const si::Frame> frames) {
      std::this_thread::sleep_for(2ms);  // meanwhile reading goes on
      return frames.back().time() < 12s || frames.back().time() >= 17s;
    }
  };
  for (const int threads : {1, 4}) {
    CAPTURE(threads);
    const test::TemporaryFolder folder;
    Saved saved;
    si::Clips clips{{.folder = folder / "", .before = 1s, .after = 1s, .on_clip = saved.keep()}};
    struct Exporter {
      void collect(const si::Record<bool>& record) {
        if (record.value) clips.save(record.time);
      }
      si::Clips& clips;
    } exporter{clips};
    si::FFmpegProducer producer{{.threads = threads, .taps = {clips.tap()}}};
    si::FrameTracker tracker;
    si::Inference inference{tracker, exporter, si::load_algo("often", Often{}, si::Schedule{.interval = 200ms})};
    si::Player player{producer, tracker, source("clips.mp4")};
    inference.start(player);
    clips.close();
    REQUIRE(saved.clips.size() == 2);
    CHECK(saved.clips[0].begin == 0s);
    CHECK(apart(saved.clips[0].end, 12960ms) < 250ms);  // the last event was at 11.96 s
    CHECK(saved.clips[0].events == 60);
    CHECK(saved.clips[1].begin == 16s);
    CHECK(apart(saved.clips[1].end, 20s) < 41ms);
    CHECK(saved.clips[1].events == 15);
    CHECK(clips.stats().missed == 0);
  }
}

TEST_CASE("An event outside of the clip that is being written gets its own after it", "[ffmpeg][clips]") {
  const test::TemporaryFolder folder;
  Saved saved;
  si::Clips clips{{.folder = folder / "", .before = 1s, .after = 3s, .on_clip = saved.keep()}};
  const std::vector<si::Frame> frames = play(source("clips.mp4"), {clips.tap()}, [&](const si::Frame& frame) {
    if (frame.index() == 250) {
      clips.save(frame.time(), "now");
      clips.save(5s, "late");
      clips.save(5200ms, "late");
      clips.save(15s, "to come");
    }
  });
  clips.close();
  REQUIRE(saved.clips.size() == 3);
  CHECK(saved.clips[0].path == folder / "now.mp4");
  CHECK(saved.clips[0].begin == 9s);
  CHECK(apart(saved.clips[0].end, 13s) < 200ms);
  CHECK(saved.clips[1].path == folder / "late.mp4");
  CHECK(saved.clips[1].begin == 4s);
  CHECK(apart(saved.clips[1].end, 8200ms) < 200ms);
  CHECK(saved.clips[1].events == 2);
  CHECK(saved.clips[2].path == folder / "to come.mp4");
  CHECK(saved.clips[2].begin <= 14s);
  CHECK(saved.clips[2].begin >= 13s);
  CHECK(apart(saved.clips[2].end, 18s) < 200ms);
  CHECK(clips.stats().events == 4);
  CHECK(clips.stats().missed == 0);
  for (const si::Clip& clip : saved.clips) check_pixels(clip, frames);
}
