// recorder VIDEO OUT [PRESET]: every picture of VIDEO, at its own size, into the recording OUT, offline.
#include "stream_infer/ffmpeg/recorder.hpp"
#include "stream_infer/stream_infer.hpp"

#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace si = stream_infer;

int main(int argc, char** argv) try {
  if (argc < 3) throw std::invalid_argument{"usage: recorder VIDEO OUT [PRESET]"};
  si::Recorder recorder{argv[2], {.encoder_options = {{"preset", argc > 3 ? argv[3] : "veryfast"}}}};
  si::FFmpegProducer producer;
  si::FrameTracker<1> tracker;  // nobody looks back
  si::Player player{producer, tracker, argv[1]};
  for (const auto& [frame, number] : player.play()) recorder.write(frame);
  recorder.close();
} catch (const std::exception& error) {
  std::cerr << "recorder: " << error.what() << '\n';
  return 1;
}
