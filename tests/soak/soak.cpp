// soak SECONDS CSV CLIP: plays a camera that flaps, in realtime, with an algorithm that looks at every frame, and writes what this
// process holds, once a second. tests/soak.sh runs it and judges.
//
// The camera is a process of its own: an MPEG-TS over TCP that sends a part of the clip at ten times its pace, and then ends,
// resets, says nothing, repeats itself, or has flipped bits.

#include "stream_infer/stream_infer.hpp"
#include "support/files.hpp"
#include "support/process.hpp"
#include "support/tcp_server.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <span>
#include <string>
#include <thread>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace si = stream_infer;
namespace test = stream_infer::test;
using namespace std::chrono_literals;

namespace {

struct Sum {
  int run(std::span<const si::Frame> frames) {
    int sum = 0;
    if (frames.back().time() <= last) ++went_back;
    last = frames.back().time();
    for (const si::Frame& frame : frames) {
      if (frame.damaged()) ++damaged;
      sum += frame.image().row(0)[0];
    }
    return sum;
  }
  std::uint64_t damaged = 0, went_back = 0;
  si::MediaTime last = si::MediaTime::min();
};

struct Counting {
  template <class T>
  void collect(const si::Record<T>&) {
    ++records;
  }
  std::uint64_t records = 0;
};

void be_camera(int told, const std::string& path) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const test::Bytes clip = test::read_file(path);
  test::TcpServer server{[&clip](test::TcpServer::Client& client) {
    std::mt19937_64 random{static_cast<std::uint64_t>(client.number())};
    const auto choose = [&random](std::uint64_t most) { return random() % most; };
    const std::size_t part = clip.size() / 100 / 188 * 188;
    const std::uint64_t kind = choose(6);
    const std::size_t parts = 20 + choose(200);
    for (std::size_t i = 0, at = 0; i < parts; ++i, at = at + part <= clip.size() - part ? at + part : 0) {
      test::Bytes bytes(clip.begin() + static_cast<std::ptrdiff_t>(at),
                        clip.begin() + static_cast<std::ptrdiff_t>(at + part));
      if (kind == 5 && choose(4) == 0) bytes[choose(bytes.size())] ^= 0x10;
      if (!client.send(bytes) || !client.sleep(10ms)) return;
    }
    if (kind == 1) client.reset();
    if (kind == 2) static_cast<void>(client.sleep(3s));  // longer than the deadline
  }};
  const int port = server.port();
  if (::write(told, &port, sizeof port) != sizeof port) return;
  ::pause();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::cerr << "usage: soak SECONDS CSV CLIP\n";
    return 2;
  }
  const std::chrono::seconds length{std::atol(argv[1])};
  int ends[2];
  if (::pipe(ends) != 0) return 1;
  const pid_t camera = ::fork();  // before there are threads
  if (camera == 0) {
    be_camera(ends[1], argv[3]);
    return 0;
  }
  int port = 0;
  if (::read(ends[0], &port, sizeof port) != sizeof port) return 1;

  si::FFmpegOptions options{.width = 320, .height = 180};
  options.options = {{"probesize", "50000"}};
  options.deadlines = {.connect = 2s, .first_frame = 2s, .stall = 1s};
  options.reconnect = si::BackOff{.first = 10ms, .longest = 200ms};
  si::FFmpegProducer producer{options};
  si::FrameTracker<> tracker;
  Counting exporter;
  Sum sum;
  si::Inference inference{tracker, exporter, si::load_algo("sum", std::ref(sum), si::Schedule{.frame_count = 2})};
  si::Player player{producer, tracker, "tcp://127.0.0.1:" + std::to_string(port)};
  std::atomic<std::uint64_t> losses{0};
  player.on_status(
      [&](const si::PlayStatus& status) { losses += status.state == si::PlayState::reconnecting ? 1U : 0U; });

  std::thread watcher{[&] {
    std::ofstream csv{argv[2]};
    csv << "seconds,memory_kib,descriptors,threads,frames,losses\n";
    const auto begin = std::chrono::steady_clock::now();
    for (auto now = begin; now - begin < length; now = std::chrono::steady_clock::now()) {
      csv << std::chrono::duration<double>{now - begin}.count() << ',' << test::resident_memory() / 1024 << ','
          << test::count_descriptors() << ',' << test::count_threads() << ',' << player.stats().frames_played << ','
          << losses << std::endl;
      std::this_thread::sleep_until(now + 1s);
    }
    player.stop();
  }};
  const si::RunReport report = inference.start(player, {.mode = si::Mode::realtime});
  watcher.join();
  ::kill(camera, SIGKILL);
  ::waitpid(camera, nullptr, 0);
  std::cout << report << "losses: " << losses << '\n';
  if (!report.adds_up() || sum.damaged != 0 || sum.went_back != 0 || losses == 0 || report.source.frames_played == 0) {
    std::cout << "WRONG: accounts " << report.adds_up() << ", damaged frames handed on " << sum.damaged
              << ", back in time " << sum.went_back << '\n';
    return 1;
  }
} catch (const si::Error& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
