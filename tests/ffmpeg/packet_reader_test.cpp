#include "stream_infer/ffmpeg/packet_reader.hpp"

#include "ffmpeg/clips.hpp"
#include "ffmpeg/exactness.hpp"
#include "ffmpeg/reference.hpp"
#include "stream_infer/ffmpeg/demuxer.hpp"
#include "stream_infer/ffmpeg/describe_packet.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/ffmpeg/packet.hpp"
#include "stream_infer/ffmpeg/packet_planner.hpp"
#include "support/catch.hpp"
#include "support/files.hpp"
#include "support/media.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::test::Case;
using si::test::for_random_cases;
using si::test::Print;
using si::test::Random;

namespace {

/// 24 s whose packets are large, so that a gap of a few seconds is worth it.
constexpr std::string_view noise =
    "-f lavfi -i testsrc2=size=160x96:rate=25,noise=alls=60:allf=t -f lavfi -i sine -t 24 -pix_fmt yuv420p ";

struct LargeClip {
  std::string_view name;
  std::string_view arguments;
  bool passed;  // some of its packets can be passed
};

// clang-format off
const std::vector<LargeClip> clips{
    {"large.mp4", "-an -c:v libx264 -preset ultrafast -crf 5 -g 25 -bf 2", true},
    {"large_long.mp4", "-an -c:v libx264 -preset superfast -crf 5 -g 80 -bf 3", true},
    {"large_audio.mp4", "-c:a aac -c:v libx264 -preset ultrafast -crf 5 -g 20 -bf 0", true},
    {"large.mov", "-c:a aac -c:v libx264 -preset ultrafast -crf 5 -g 20 -bf 2 -movflags +faststart", true},
    {"large_vfr.mp4", "-an -vf \"select='mod(n,9)'\" -vsync vfr -c:v libx264 -preset ultrafast -crf 1 -g 25 -bf 2", true},
    {"large_vfr_ip.mp4", "-an -vf \"select='mod(n,9)'\" -vsync vfr -c:v libx264 -preset ultrafast -crf 1 -g 25 -bf 0", true},
    {"large_slow_and_fast.mp4", "-an -vf \"select='lt(mod(n,200),100)+not(mod(n,3))'\" -vsync vfr -c:v libx264 -preset ultrafast -crf 1 -g 25 -bf 0", false},
    {"large_delay.mp4", "-an -vf \"setpts='if(lt(N,25),N/25,1+(N-25)/2)/TB'\" -vsync vfr -c:v libx264 -preset ultrafast -crf 1 -bf 3 -x264-params b-pyramid=normal:keyint=50 -forced-idr 1 -force_key_frames 'expr:gte(t,1)'", false},
    {"large_closed.mp4", "-an -c:v libx265 -preset ultrafast -crf 5 -tag:v hvc1 -x265-params log-level=none:keyint=20:min-keyint=20:open-gop=0", true},
    {"large_hev1.mp4", "-an -c:v libx265 -preset ultrafast -crf 5 -tag:v hev1 -x265-params log-level=none:keyint=20:min-keyint=20:open-gop=0", false},
    {"large_avc3.mov", "-an -c:v libx264 -preset ultrafast -crf 5 -g 20 -bf 2 -tag:v avc3 -strict -1", false},
    {"large_radl.mp4", "-an -c:v libx265 -preset ultrafast -crf 5 -x265-params log-level=none:keyint=20:min-keyint=20:open-gop=0:radl=2:bframes=4", false},
    {"large_cra.mp4", "-an -c:v libx265 -preset ultrafast -crf 5 -x265-params log-level=none:keyint=20:min-keyint=20:open-gop=1:bframes=3", false},
    {"large_open.mp4", "-an -c:v libx264 -preset ultrafast -crf 5 -g 20 -bf 2 -x264-params open-gop=1", false},
    {"large_refresh.mp4", "-an -c:v libx264 -preset ultrafast -crf 5 -g 20 -x264-params intra-refresh=1", false},
    {"large_vp9.mp4", "-an -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -crf 1 -b:v 20M", false},
    {"large_av1.mp4", "-an -c:v libsvtav1 -preset 12 -g 25 -crf 5", true},
    {"large_mjpeg.mov", "-an -c:v mjpeg -q:v 1", true},
    {"large_prores.mov", "-an -c:v prores", true},
    {"large_in_band.mp4", "-an -c:v libx264 -preset ultrafast -crf 5 -g 25 -bf 2 -bsf:v dump_extra", false},
    {"large_fragments.mp4", "-an -c:v libx264 -preset ultrafast -crf 5 -g 25 -bf 2 -movflags +frag_keyframe+empty_moov", false},
    {"large.mkv", "-an -c:v libx264 -preset ultrafast -crf 5 -g 25 -bf 2", false},  // its index has key frames only
};
// clang-format on

std::optional<std::string> path_of(const LargeClip& clip) {
  return si::test::path_of({clip.name, clip.arguments}, noise);
}

}  // namespace

TEST_CASE("Every window is as in a full decode, whatever is not even read", "[ffmpeg][packet_reader]") {
  for (const LargeClip& clip : clips) {
    const std::optional<std::string> path = path_of(clip);
    if (!path) continue;
    CAPTURE(clip.name);
    const std::vector<Print> prints = si::test::prints_of(*path, {.width = 48, .height = 32});
    std::uint64_t passed = 0;
    for_random_cases(si::test::few(8), [&](Random& random) {
      const si::SourceStats source = si::test::check_exact(*path, si::test::random_case(random, 24s), prints).source;
      CHECK(source.decode_errors == 0);
      CHECK_FALSE(source.truncated);
      passed += source.packets_passed;
    });
    for (const si::MediaTime interval : {12s, 9s, 5s}) {
      const Case seldom{.plan = {{{.frame_count = 3, .frame_step = 4, .interval = interval}}}};
      const si::SourceStats source = si::test::check_exact(*path, seldom, prints).source;
      CHECK(source.packets_read + source.packets_passed == prints.size());
      CHECK(source.packets_read == source.packets_decoded + source.left_out.total());
      passed += source.packets_passed;
    }
    CHECK((passed > 0) == clip.passed);
  }
}

namespace {

/// Says what a test wants it to.
struct Needs final : si::PictureNeeds {
  explicit Needs(bool passable, std::size_t far = 0) : passes{passable}, reaches{far} {}
  void add(si::MediaTime /*time*/) override { ++untaken; }
  void end() override {}
  si::PictureNeed take() override {
    if (untaken == 0) return si::PictureNeed::unknown;
    --untaken;
    return si::PictureNeed::not_needed;
  }
  [[nodiscard]] bool may_need(si::MediaTime time) const override { return time >= 1600ms; }
  [[nodiscard]] bool can_pass(si::MediaTime time) const override {
    asked = time;
    return passes;
  }
  [[nodiscard]] std::size_t reach() const override { return reaches; }

  bool passes;
  std::size_t reaches;
  std::size_t untaken = 0;
  mutable si::MediaTime asked{};
};

struct Reading {
  std::vector<std::int64_t> read;      // time stamps of packets
  std::vector<std::int64_t> pictures;  // of what the planner knows
  std::size_t passed = 0;
  si::MediaTime asked{};
};

/// Reads all of a clip whose key frames are 20 pictures apart, 800 ms, and passes what can be.
Reading read_all(const std::string& path, std::unique_ptr<Needs> needs, si::ffmpeg::PacketReader::Limits limits) {
  si::ffmpeg::Demuxer demuxer{path, {}, {}};
  const auto bitstream = si::ffmpeg::make_bitstream_for_planning(demuxer);
  REQUIRE(bitstream);
  const Needs& said = *needs;
  si::ffmpeg::PacketPlanner planner{std::move(needs), {}};
  si::ffmpeg::PacketReader reader{demuxer, *bitstream, limits};
  Reading reading;
  si::ffmpeg::Packet packet;
  while (reader.read(packet) == si::ffmpeg::Demuxer::Status::packet) {
    reading.read.push_back(packet->pts);
    const auto planned = si::ffmpeg::describe_packet(*packet, demuxer, *bitstream);
    REQUIRE(planned);
    REQUIRE(planner.add(*planned));
    if (planned->traits.entry != si::ffmpeg::PictureTraits::Entry::closed) continue;
    const std::size_t passed = reader.pass(*packet, planner);
    reading.passed += passed;
  }
  planner.end();
  for (; planner.picture() != nullptr; planner.pop_picture()) {
    CHECK(planner.picture()->need == si::PictureNeed::not_needed);
    reading.pictures.push_back(planner.picture()->timestamp);
  }
  reading.asked = said.asked;
  return reading;
}

}  // namespace

TEST_CASE("A gap is passed between two entry points, and all its pictures are known", "[ffmpeg][packet_reader]") {
  const std::string path = si::test::path_of("pyramid.mp4");
  const Reading whole = read_all(path, std::make_unique<Needs>(false), {.least_bytes = 1});
  CHECK(whole.passed == 0);
  CHECK(whole.read.size() == 50);
  CHECK(whole.pictures.size() == 50);

  const Reading rest = read_all(path, std::make_unique<Needs>(true), {.least_bytes = 1});
  CHECK(rest.passed > 10);
  CHECK(rest.read.size() + rest.passed == 50);
  CHECK(rest.pictures == whole.pictures);
  CHECK(std::includes(
      whole.read.begin(), whole.read.end(), rest.read.begin(), rest.read.end(), [&](std::int64_t a, std::int64_t b) {
        return std::find(whole.read.begin(), whole.read.end(), a) < std::find(whole.read.begin(), whole.read.end(), b);
      }));
}

TEST_CASE("What decides about a gap is when the pictures after it are shown", "[ffmpeg][packet_reader]") {
  const std::string path = si::test::path_of("baseline.mp4");  // key frames at 0, 800 and 1600 ms, a picture each 40 ms
  const auto asked = [&](std::size_t reach) {
    return read_all(path, std::make_unique<Needs>(true, reach), {.least_bytes = 1}).asked;
  };
  CHECK(asked(0) == 800ms - 1ns);
  CHECK(asked(1) == 800ms);
  CHECK(asked(5) == 960ms);
  CHECK(asked(1000) == 1960ms);  // the last one of all
}

TEST_CASE("A gap that is not worth it is read", "[ffmpeg][packet_reader]") {
  const std::string path = si::test::path_of("pyramid.mp4");
  CHECK(read_all(path, std::make_unique<Needs>(true), {}).passed == 0);  // a few kB
  CHECK(read_all(path, std::make_unique<Needs>(true), {.least_bytes = 1, .most_pictures = 3}).passed == 0);
}

TEST_CASE("A gap that it would take too much memory to prove is read", "[ffmpeg][packet_reader]") {
  const std::string path = si::test::path_of("pyramid.mp4");
  const Reading large = read_all(path, std::make_unique<Needs>(true), {.least_bytes = 1, .most_bytes = 1});
  CHECK(large.passed == 0);
  CHECK(large.pictures.size() == 50);
  const Reading many = read_all(path, std::make_unique<Needs>(true, 5), {.least_bytes = 1, .most_reordered = 0});
  CHECK(many.passed == 0);
  CHECK(many.pictures.size() == 50);
}

TEST_CASE("A file that lacks what its index leads to is read as far as it goes", "[ffmpeg][packet_reader]") {
  const std::string whole =
      si::test::path_of({"large.mov", clips[3].arguments}, noise).value();  // its index comes first
  si::test::Bytes bytes = si::test::read_file(whole);
  bytes.resize(bytes.size() * 2 / 5);
  const si::test::TemporaryFolder folder;
  const std::string part = folder.file("part.mov", bytes);
  const std::vector<Print> prints = si::test::prints_of(part, {.width = 48, .height = 32});
  for (const si::MediaTime interval : {2s, 5s, 11s, 20s}) {
    const si::FFmpegProducer producer{{.width = 48, .height = 32}};
    si::FFmpegReader reader = producer.open(part, Case{.plan = {{{.interval = interval}}}}.options());
    std::size_t frames = 0;
    for (si::Frame frame; reader.read(frame) == si::ReadStatus::frame; ++frames)
      if (!frame.left_out()) CHECK(si::test::print_of(frame) == prints[frames]);
    CHECK(frames == prints.size());
    CHECK(reader.counters()->truncated);
  }
}

TEST_CASE("Damage where nobody looks does no harm", "[ffmpeg][packet_reader]") {
  const std::string whole = si::test::path_of({clips[0].name, clips[0].arguments}, noise).value();
  const std::vector<Print> prints = si::test::prints_of(whole, {.width = 48, .height = 32});
  const si::ffmpeg::Demuxer demuxer{whole, {}, {}};
  si::test::Bytes bytes = si::test::read_file(whole);
  const auto middle = static_cast<std::size_t>(demuxer.index()[210].pos);
  for (std::size_t i = middle; i < middle + 4000; ++i) bytes[i] = 0;
  const si::test::TemporaryFolder folder;
  const std::string damaged = folder.file("damaged.mp4", bytes);
  const si::SourceStats source =
      si::test::check_exact(damaged, {.plan = {{{.frame_count = 2, .interval = 12s}}}}, prints).source;
  CHECK(source.packets_passed > 100);
  CHECK(source.decode_errors == 0);
}
