// motion_clips VIDEO FOLDER [realtime]: saves a clip of each motion into FOLDER: the video as it came, without encoding, from
// 2 s before to 3 s after.
#include <stream_infer/ffmpeg/clips.hpp>
#include <stream_infer/opencv/background_motion.hpp>
#include <stream_infer/stream_infer.hpp>

#include <chrono>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace si = stream_infer;
using namespace std::chrono_literals;

/// Saves what is around each motion.
struct OnMotion {
  void collect(const si::Record<si::Motion>& record) {
    if (record.value.share > 0.005F) clips.save(record.time);
  }
  si::Clips& clips;
};

int main(int argc, char** argv) try {
  if (argc < 3) throw std::invalid_argument{"usage: motion_clips VIDEO FOLDER [realtime]"};
  const bool live = argc > 3 && std::string{argv[3]} == "realtime";

  si::Clips clips{{.folder = argv[2], .before = 2s, .after = 3s, .on_clip = [](const si::Clip& clip) {
                     std::cout << clip.path << ": " << si::to_hms_ms(clip.begin) << " to " << si::to_hms_ms(clip.end)
                               << ", motion seen " << clip.events << " times\n";
                   }}};
  si::FFmpegProducer producer{{.width = 320, .format = si::PixelFormat::gray8, .taps = {clips.tap()}}};
  si::FrameTracker tracker;
  OnMotion exporter{clips};
  si::Inference inference{tracker, exporter,
                          si::load_algo("motion", si::BackgroundMotion{}, si::Schedule{.interval = 200ms})};
  si::Player player{producer, tracker, argv[1]};
  const si::RunReport report = inference.start(player, {.mode = live ? si::Mode::realtime : si::Mode::offline});
  clips.close();
  const si::ClipsStats stats = clips.stats();
  std::cout << report << stats.clips << " clips, " << stats.failed << " failed, " << stats.missed << " events missed\n";
} catch (const std::exception& error) {
  std::cerr << "motion_clips: " << error.what() << '\n';
  return 1;
}
