// explain VIDEO [SCHEDULE…]: what a run would cost, and why, without decoding anything.
//
// A SCHEDULE is COUNT[xSTEP]@INTERVAL: 1@1s is a frame a second, 5x6@60s five frames, six apart, once a minute, 2@500ms two
// in a row twice a second. It prints how the video is built, when each schedule is due in the first minute and which
// frames its windows hold, and which packets would be decoded for all of them together.
#include <stream_infer/ffmpeg/describe_packet.hpp>
#include <stream_infer/ffmpeg/packet_planner.hpp>
#include <stream_infer/ffmpeg/packet_reader.hpp>
#include <stream_infer/player/play_needs.hpp>
#include <stream_infer/stream_infer.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;

namespace {

struct NamedSchedule {
  std::string name;
  si::Schedule schedule;
};

/// Takes a number off the front of `text`.
std::size_t take_number(std::string_view& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) throw std::invalid_argument{"a number is missing"};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

NamedSchedule parse(const std::string& name) try {
  std::string_view text = name;
  si::Schedule schedule{.frame_count = take_number(text)};
  if (text.starts_with('x')) {
    text.remove_prefix(1);
    schedule.frame_step = take_number(text);
  }
  if (!text.starts_with('@')) throw std::invalid_argument{"'@' is missing"};
  text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9')
    throw std::invalid_argument{"after '@' comes a whole number of ms, s or min"};
  const auto interval = static_cast<std::int64_t>(take_number(text));
  if (text == "ms")
    schedule.interval = std::chrono::milliseconds{interval};
  else if (text == "s")
    schedule.interval = std::chrono::seconds{interval};
  else if (text == "min")
    schedule.interval = std::chrono::minutes{interval};
  else
    throw std::invalid_argument{"the interval is a whole number of ms, s or min: 500ms, 5s"};
  si::detail::check(name, schedule);
  return {name, schedule};
} catch (const std::invalid_argument& error) {
  throw std::invalid_argument{"'" + name + "' is no schedule (" + error.what() +
                              "): COUNT[xSTEP]@INTERVAL, as 5x6@60s"};
}

std::string percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? "0 %" : std::to_string((100 * part + whole / 2) / whole) + " %";
}

std::string seconds(double time) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", time);
  return text.data();
}

/// How the video is built, as far as its packets tell.
struct Structure {
  std::size_t packets = 0;
  std::size_t droppable = 0;
  std::size_t open = 0;
  std::vector<std::size_t> groups;  ///< their lengths

  void add(const si::ffmpeg::PictureTraits& traits) {
    using Entry = si::ffmpeg::PictureTraits::Entry;
    ++packets;
    if (traits.droppable) ++droppable;
    if (traits.entry == Entry::open) ++open;
    if (traits.entry != Entry::none || groups.empty()) groups.push_back(0);
    ++groups.back();
  }

  void print(const std::optional<si::Rational>& fps) {
    if (packets == 0) return;
    std::sort(groups.begin(), groups.end());
    std::cout << "structure: " << packets << " pictures in " << groups.size() << " groups";
    if (!groups.empty())
      std::cout << " of " << groups.front() << " to " << groups.back() << " (median " << groups[groups.size() / 2]
                << (fps ? ", " + seconds(static_cast<double>(groups[groups.size() / 2]) / fps->to_double()) : "")
                << ")";
    if (open > 0) std::cout << ", " << open << " of them open";
    std::cout << "; no other picture refers to " << percent(droppable, packets) << " of the pictures\n";
  }
};

/// What would become of the packets, and of the pictures.
struct Outcome {
  using Verdict = si::ffmpeg::PacketPlanner::Verdict;
  std::array<std::size_t, 7> verdicts{};
  std::size_t passed = 0;
  std::size_t pictures = 0;
  std::size_t needed = 0;
  std::vector<si::MediaTime> times{};  ///< of all pictures, in order

  [[nodiscard]] std::size_t operator[](Verdict verdict) const { return verdicts[static_cast<std::size_t>(verdict)]; }

  void print() const {
    const std::size_t decoded = (*this)[Verdict::decode] + (*this)[Verdict::jump];
    const std::size_t all =
        decoded + (*this)[Verdict::non_reference] + (*this)[Verdict::tail] + (*this)[Verdict::group] + passed;
    const auto line = [all](std::string_view what, std::size_t count) {
      std::cout << "  " << count << " (" << percent(count, all) << ") " << what << '\n';
    };
    std::cout << "\nof " << all << " packets\n";
    line("decoded: needed, or before one in its group that is needed and may refer to them", decoded);
    line("left out: their whole group is not needed", (*this)[Verdict::group]);
    if (passed > 0) line("not even read: whole groups that are not needed, in long gaps", passed);
    line("left out: nothing needed comes after them in their group", (*this)[Verdict::tail]);
    line("left out: no other picture refers to them", (*this)[Verdict::non_reference]);
    std::cout << "pixels are converted for " << needed << " of " << pictures
              << " frames, if the algorithms look at them\n";
  }
};

/// The dues of one schedule in the first minute.
void print_dues(const NamedSchedule& named, const si::SourceInfo& info, const std::vector<si::MediaTime>& times) {
  constexpr std::size_t most = 5;
  const si::Schedule& schedule = named.schedule;
  si::FrameSelector selector{std::nullopt, info, 0ms};
  const si::DueRule rule{schedule.interval};
  std::cout << '\n' << named.name << '\n';
  std::size_t dues = 0, index = 0;
  for (const si::MediaTime time : times) {
    if (time >= 1min) break;
    static_cast<void>(selector.offer(time));
    const si::Timing timing = selector.timing(time);
    selector.played(timing);
    const std::size_t last = index++;
    if (rule.dues_at(timing) == 0 || ++dues > most) continue;
    std::cout << "  due at " << si::to_hms_ms(time) << (schedule.frame_count > 1 ? ": frames" : ": frame");
    if (last + 1 < schedule.sampling().span()) {
      std::cout << ' ' << last << ", a miss: too few frames before it\n";
      continue;
    }
    for (std::size_t i = schedule.frame_count; i > 0; --i) std::cout << ' ' << last - (i - 1) * schedule.frame_step;
    std::cout << '\n';
  }
  const bool is_short = times.empty() || times.back() < 1min;
  if (dues == 0) std::cout << (is_short ? "  not due: the video ends before\n" : "  not due in the first minute\n");
  if (dues > most) std::cout << "  and " << dues - most << " more in the first minute\n";
}

/// Reads all packets. Returns why they cannot be planned, if they cannot.
std::optional<std::string> read_structure(const std::string& source, Structure& structure) {
  si::ffmpeg::Demuxer demuxer{source, {}, {}};
  const si::ffmpeg::Handle<si::ffmpeg::Bitstream> bitstream = si::ffmpeg::make_bitstream_for_planning(demuxer);
  if (!bitstream) return "it is live, has no time stamps, or nothing can be left out of its codec";
  si::ffmpeg::Packet packet;
  for (;;) {
    const auto status = demuxer.read(packet);
    if (status == si::ffmpeg::Demuxer::Status::end) return std::nullopt;
    if (status != si::ffmpeg::Demuxer::Status::packet) return "it is damaged";
    const auto planned = si::ffmpeg::describe_packet(*packet, demuxer, *bitstream);
    if (planned) {
      structure.add(planned->traits);
      continue;
    }
    if (packet->pts == AV_NOPTS_VALUE) return "not all its packets say when their picture is shown";
    return "a packet at " + si::to_hms_ms(demuxer.time_of(packet->pts)) + " cannot be planned";
  }
}

/// Plans all packets, as a run would. Returns why that cannot be done, if it cannot.
std::optional<std::string> plan(const std::string& source, const si::SourceInfo& info,
                                const si::SamplingPlan& schedules, Outcome& outcome) {
  si::ffmpeg::Demuxer demuxer{source, {}, {}};
  const si::ffmpeg::Handle<si::ffmpeg::Bitstream> bitstream = si::ffmpeg::make_bitstream_for_planning(demuxer);
  si::ffmpeg::PacketReader reader{demuxer, *bitstream, {}};
  si::ffmpeg::PacketPlanner planner{
      std::make_unique<si::detail::PlayNeeds>(si::FrameSelector{std::nullopt, info, 0ms}, schedules),
      {.reordered = bitstream->most_reordered()}};
  const auto decide = [&] {
    for (auto verdict = planner.decide(); verdict != Outcome::Verdict::wait; verdict = planner.decide())
      ++outcome.verdicts[static_cast<std::size_t>(verdict)];
  };
  si::ffmpeg::Packet packet;
  while (reader.read(packet) == si::ffmpeg::Demuxer::Status::packet) {
    const auto planned = si::ffmpeg::describe_packet(*packet, demuxer, *bitstream);
    if (!planned || !planner.add(*planned))
      return "a packet at " + si::to_hms_ms(demuxer.time_of(packet->pts)) + " cannot be planned";
    if (planned->traits.entry == si::ffmpeg::PictureTraits::Entry::closed)
      outcome.passed += reader.pass(*packet, planner);
    decide();
  }
  planner.end();
  decide();
  for (const auto* picture = planner.picture(); picture != nullptr; picture = planner.picture()) {
    ++outcome.pictures;
    if (picture->need == si::PictureNeed::needed) ++outcome.needed;
    outcome.times.push_back(picture->time);
    planner.pop_picture();
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) try {
  constexpr std::string_view usage =
      "usage: explain VIDEO [COUNT[xSTEP]@INTERVAL…]\n"
      "Says what a run of these schedules would decode, and why: explain clip.mp4 1@1s 5x6@60s\n";
  if (argc < 2 || std::string_view{argv[1]} == "--help") {
    (argc < 2 ? std::cerr : std::cout) << usage;
    return argc < 2 ? 2 : 0;
  }
  const std::string source = argv[1];
  std::vector<NamedSchedule> schedules;
  for (int i = 2; i < argc; ++i) schedules.push_back(parse(argv[i]));
  if (schedules.empty()) schedules.push_back(parse("1@1s"));
  si::SamplingPlan all;
  for (const NamedSchedule& named : schedules) all.schedules.push_back(named.schedule);

  const si::SourceInfo info = si::FFmpegProducer{}.get_info(source);
  std::cout << si::redact(source) << ": " << info.codec << ", " << info.width << 'x' << info.height;
  if (info.fps) std::cout << ", " << info.fps->to_double() << " frames a second";
  if (info.duration) std::cout << ", " << si::to_hms_ms(*info.duration);
  std::cout << '\n';

  Structure structure;
  Outcome outcome;
  std::optional<std::string> obstacle = read_structure(source, structure);
  structure.print(info.fps);
  if (!obstacle) obstacle = plan(source, info, all, outcome);
  if (obstacle) {
    std::cout << "everything is decoded: " << *obstacle << '\n';
    return 0;
  }
  for (const NamedSchedule& named : schedules) print_dues(named, info, outcome.times);
  outcome.print();
  return 0;
} catch (const std::exception& error) {
  std::cerr << "explain: " << error.what() << '\n';
  return 1;
}
