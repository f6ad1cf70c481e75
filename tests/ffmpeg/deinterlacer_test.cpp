#include "stream_infer/ffmpeg/deinterlacer.hpp"

#include "ffmpeg/reference.hpp"
#include "stream_infer/exporter/memory_exporter.hpp"
#include "stream_infer/ffmpeg/ffmpeg_producer.hpp"
#include "stream_infer/inference/inference.hpp"
#include "stream_infer/player/player.hpp"
#include "stream_infer/tracker/frame_tracker.hpp"
#include "support/catch.hpp"
#include "support/fault_row.hpp"
#include "support/files.hpp"
#include "support/media.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace stream_infer;
using test::Print;
using test::prints_of;

namespace {

const std::string mpeg2 = "-c:v mpeg2video -q:v 4 -g 12 -bf 2 -flags +ildct+ilme";
const std::string h264 = "-c:v libx264 -preset ultrafast -g 12 -bf 2 -flags +ildct+ilme -x264-params tff=1";

std::string interlaced(const std::string& size, int frames, const std::string& encoder, const std::string& name) {
  return test::make_media("-f lavfi -i testsrc2=size=" + size +
                              ":rate=50 -vf tinterlace=interleave_top,setfield=tff -frames:v " +
                              std::to_string(frames) + " -pix_fmt yuv420p " + encoder,
                          name);
}

FFmpegOptions whole() {
  FFmpegOptions options;
  options.deinterlace = true;
  return options;
}

}  // namespace

TEST_CASE("Interlaced pictures are made whole as FFmpeg does it", "[ffmpeg]") {
  test::FaultRow row{36, "interlaced MPEG-2 and H.264", "flagged; deinterlaced by an option"};
  for (const bool is_mpeg2 : {true, false}) {
    CAPTURE(is_mpeg2);
    const std::string name = is_mpeg2 ? "interlaced.ts" : "interlaced.mp4";
    const std::string path = interlaced("96x64", 40, is_mpeg2 ? mpeg2 : h264, name);
    CHECK(FFmpegProducer{}.open(path, {}).info().interlaced);
    const std::string filtered = test::make_media(
        "-i '" + path + "' -vf bwdif=mode=send_frame:deint=interlaced -vsync passthrough -c:v ffv1", name + ".mkv");
    const std::vector<Print> expected = prints_of(filtered);
    const std::vector<Print> made = prints_of(path, whole());
    const std::vector<Print> coded = prints_of(path);
    REQUIRE(made.size() == 40);
    REQUIRE(coded.size() == 40);
    REQUIRE(expected.size() == 40);
    std::size_t changed = 0;
    for (std::size_t i = 0; i < made.size(); ++i) {
      CAPTURE(i);
      REQUIRE(made[i].pixels == expected[i].pixels);
      REQUIRE(made[i].time == coded[i].time);
      changed += made[i].pixels == coded[i].pixels ? 0U : 1U;
    }
    CHECK(changed > 30);
  }
  row.happened("SourceInfo::interlaced; with FFmpegOptions::deinterlace 40 of 40 pictures as bwdif makes them");
}

TEST_CASE("Progressive pictures come out of the deinterlacer as they are", "[ffmpeg]") {
  CHECK(prints_of(test::clip_path(), whole()) == prints_of(test::clip_path()));
}

TEST_CASE("The deinterlacer follows a change of size, and loses no picture", "[ffmpeg]") {
  const test::Bytes small = test::read_file(interlaced("64x48", 10, mpeg2, "small.m2v"));
  const test::Bytes large = test::read_file(interlaced("96x64", 10, mpeg2, "large.m2v"));
  test::Bytes all = small;
  all.insert(all.end(), large.begin(), large.end());
  all.insert(all.end(), small.begin(), small.end());
  const test::TemporaryFolder folder;
  const std::string path = folder.file("sizes.m2v", all);
  const std::vector<Print> coded = prints_of(path);
  const std::vector<Print> made = prints_of(path, whole());
  REQUIRE(coded.size() >= 25);  // where the size changes, a decoder may lose some
  REQUIRE(made.size() == coded.size());
  for (std::size_t i = 0; i < made.size(); ++i) {
    CAPTURE(i);
    CHECK(made[i].time == coded[i].time);
    CHECK(made[i].width == coded[i].width);
  }
}

TEST_CASE("A single interlaced picture comes out too", "[ffmpeg]") {
  CHECK(prints_of(interlaced("64x48", 1, mpeg2, "one.ts"), whole()).size() == 1);
}

namespace {

struct Copy {
  std::vector<Print> run(std::span<const Frame> frames) {
    std::vector<Print> prints;
    for (const Frame& frame : frames) prints.push_back(test::print_of(frame));
    return prints;
  }
};

}  // namespace

TEST_CASE("Windows of deinterlaced frames are those of a full reading, from any position", "[ffmpeg]") {
  const std::string path = interlaced("96x64", 100, h264, "windows.mp4");
  const std::vector<Print> all = prints_of(path, whole());
  for (const MediaTime position : {MediaTime{0}, MediaTime{1'700ms}}) {
    FFmpegProducer producer{whole()};
    FrameTracker<> tracker;
    MemoryExporter<std::vector<Print>> exporter;
    Inference inference{tracker, exporter, load_algo("copy", Copy{}, Schedule{2, 3, 440ms})};
    Player player{producer, tracker, path};
    CHECK(inference.start(player, {.position = position}).adds_up());
    const auto records = exporter.results();
    CHECK(records.size() >= 4);
    for (const auto& record : records) {
      REQUIRE(record.value.size() == 2);
      for (const Print& print : record.value) CHECK(std::find(all.begin(), all.end(), print) != all.end());
    }
  }
}
