#include "stream_infer/ffmpeg/packet_planner.hpp"

#include "stream_infer/player/play_needs.hpp"
#include "support/catch.hpp"
#include "support/random.hpp"
#include "support/sanitizers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace si = stream_infer;
using namespace std::chrono_literals;
using si::PictureNeed;
using si::ffmpeg::PacketPlanner;
using si::ffmpeg::PictureTraits;
using si::ffmpeg::PlannedPacket;
using si::test::for_random_cases;
using si::test::Random;
using Entry = PictureTraits::Entry;
using Verdict = PacketPlanner::Verdict;

namespace {

/// A picture in the order of decoding, with all that it refers to.
struct Coded {
  PictureTraits traits;
  std::int64_t shown = 0;             ///< its place in the order of showing
  bool leading = false;               ///< of an open entry point, and it refers to what was before that
  std::size_t group = 0;              ///< counts entry points
  std::vector<std::size_t> refers{};  ///< places in the order of decoding
};

/// A stream of groups as a codec makes them: anchors that refer to earlier ones, and between them, decoded after the later
/// one, pictures that refer to both sides. In a pyramid some of those are referred to themselves.
class Stream {
 public:
  explicit Stream(Random& random, bool opens_with_a_lead) : random_{random} {
    const std::int64_t groups = random.between(1, 6);
    for (std::int64_t group = 0; group < groups; ++group) {
      const bool open = random.chance(50);
      add_group(open, group > 0 || opens_with_a_lead);
    }
    std::int64_t delay = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i)
      delay = std::max(delay, static_cast<std::int64_t>(i) - pictures[i].shown);
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      const Coded& picture = pictures[i];
      packets.push_back({.timestamp = 10 * picture.shown,
                         .decoded_at = 10 * (static_cast<std::int64_t>(i) - delay),
                         .time = si::MediaTime{picture.shown},
                         .bytes = 1,
                         .traits = picture.traits});
    }
  }

  std::vector<Coded> pictures;
  std::vector<PlannedPacket> packets;

 private:
  void add_group(bool open, bool may_lead) {
    const std::vector<std::size_t> before = anchors_;
    anchors_.clear();
    ++groups_;
    const std::int64_t leads = open && may_lead ? random_.between(0, 4) : 0;
    const std::size_t entry =
        add({.traits = {.entry = open ? Entry::open : Entry::closed, .droppable = random_.chance(5)},
             .shown = next_shown_ + leads});
    if (pictures[entry].traits.droppable) pictures[entry].traits.entry = Entry::closed;
    if (leads > 0 && !pictures[entry].traits.droppable) {
      std::vector<std::size_t> sides = before;
      sides.push_back(entry);
      add_between(leads, sides, {entry}, true);
    } else {
      pictures[entry].shown = next_shown_;
    }
    next_shown_ = pictures[entry].shown + 1;
    if (!pictures[entry].traits.droppable) anchors_.push_back(entry);
    for (std::int64_t anchors = random_.between(0, 12); anchors > 0 && !anchors_.empty(); --anchors) {
      const std::int64_t between = random_.between(0, 5);
      const std::size_t anchor = add({.traits = {}, .shown = next_shown_ + between, .refers = some_of(anchors_)});
      anchors_.push_back(anchor);
      add_between(between, anchors_, {}, false);
      next_shown_ = pictures[anchor].shown + 1;
      if (random_.chance(15) && between == 0) pictures[anchor].traits.hidden = true;
    }
  }

  /// `count` pictures to be shown from next_shown_ on. A `sure` one of a lead refers to `own` alone.
  void add_between(std::int64_t count, std::vector<std::size_t> sides, std::vector<std::size_t> own, bool leading) {
    std::vector<std::int64_t> places;
    for (std::int64_t i = 0; i < count; ++i) places.push_back(next_shown_ + i);
    for (std::size_t i = places.size(); i > 1; --i)
      std::swap(places[i - 1], places[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(i) - 1))]);
    for (const std::int64_t place : places) {
      const bool sure = leading && random_.chance(20);
      const bool droppable = random_.chance(60);
      const std::size_t at = add({.traits = {.droppable = droppable, .sure_of_before = sure},
                                  .shown = place,
                                  .leading = leading && !sure,
                                  .refers = some_of(sure ? own : sides)});
      if (!droppable) (sure ? own : sides).push_back(at);
    }
  }

  std::size_t add(Coded picture) {
    picture.group = groups_;
    pictures.push_back(std::move(picture));
    return pictures.size() - 1;
  }

  std::vector<std::size_t> some_of(const std::vector<std::size_t>& from) {
    std::vector<std::size_t> some;
    for (const std::size_t one : from)
      if (random_.chance(50)) some.push_back(one);
    if (some.empty() && !from.empty()) some.push_back(from.back());
    return some;
  }

  Random& random_;
  std::vector<std::size_t> anchors_;
  std::int64_t next_shown_ = 0;
  std::size_t groups_ = 0;
};

/// Pictures by their place in the order of showing.
struct Needs {
  std::set<std::int64_t> needed;
  std::set<std::int64_t> late;  ///< and would be needed if they were not

  [[nodiscard]] PictureNeed of(std::int64_t place) const {
    if (needed.count(place) != 0) return PictureNeed::needed;
    return late.count(place) != 0 ? PictureNeed::late : PictureNeed::not_needed;
  }
};

/// Says what is needed only when `lookahead` more pictures are known.
class Told final : public si::PictureNeeds {
 public:
  Told(Needs needs, std::size_t lookahead, std::vector<std::int64_t>& order, std::vector<std::int64_t>& groups)
      : needs_{std::move(needs)}, lookahead_{lookahead}, order_{order}, groups_{groups} {}
  void begin_group() override { begins_ = true; }
  void add(si::MediaTime time) override {
    if (std::exchange(begins_, false)) groups_.push_back(time.count());
    order_.push_back(time.count());
    waiting_.push_back(time.count());
  }
  void end() override { lookahead_ = 0; }
  [[nodiscard]] bool can_pass(si::MediaTime /*time*/) const override { return true; }
  PictureNeed take() override {
    if (waiting_.size() <= lookahead_) return PictureNeed::unknown;
    const PictureNeed need = needs_.of(waiting_.front());
    waiting_.pop_front();
    return need;
  }

 private:
  Needs needs_;
  std::size_t lookahead_;
  std::vector<std::int64_t>& order_;
  std::vector<std::int64_t>& groups_;
  bool begins_ = false;
  std::deque<std::int64_t> waiting_;
};

/// In the lead of the very first entry point: refers to what is not there.
bool is_absent(const Coded& picture) { return picture.traits.hidden || (picture.leading && picture.group == 1); }

/// The rule, from its sentence: is there a picture that is needed and comes, in the order of decoding, at or after this one
/// in its group, or in the lead of the group after it? Of leading pictures, in the same lead.
bool must_be_decoded(const Stream& stream, std::size_t at, const std::set<std::int64_t>& needed) {
  const Coded& picture = stream.pictures[at];
  const auto wants = [&](const Coded& other) { return !is_absent(other) && needed.count(other.shown) != 0; };
  if (wants(picture)) return true;
  if (picture.traits.droppable) return false;
  for (std::size_t i = at + 1; i < stream.pictures.size(); ++i) {
    const Coded& later = stream.pictures[i];
    const bool same_lead = later.leading && later.group == picture.group;
    const bool next_lead = later.leading && later.group == picture.group + 1;
    const bool in_reach = picture.leading ? same_lead : later.group == picture.group || next_lead;
    if (in_reach && wants(later)) return true;
  }
  return false;
}

bool is_decoded(Verdict verdict) { return verdict == Verdict::decode || verdict == Verdict::jump; }

struct Outcome {
  std::vector<Verdict> verdicts;
  std::vector<std::int64_t> order;   ///< of the pictures told to PictureNeeds
  std::vector<std::int64_t> groups;  ///< the pictures of which it was told that they begin one
  std::vector<PacketPlanner::Picture> pictures;
  std::size_t left = 0;    ///< pictures that were promised, and whose packets were not decoded
  std::size_t passed = 0;  ///< pictures whose packets were never added
  std::size_t told = 0;    ///< of those, as far as Decided tells of them
};

/// The closed entry points after the one at `at` such that nobody needs what is between.
std::vector<std::size_t> ends_of_gap(const Stream& stream, std::size_t at, const Needs& needs) {
  std::vector<std::size_t> ends;
  for (std::size_t i = at; i < stream.pictures.size(); ++i) {
    const Coded& picture = stream.pictures[i];
    if (i > at && picture.traits.entry == Entry::closed) ends.push_back(i);
    if (!is_absent(picture) && needs.of(picture.shown) != PictureNeed::not_needed) break;
  }
  return ends;
}

/// Runs a stream through a planner as a decoder would; gives up before packet `give_up_at`. With `passes`, some packets are
/// never added.
Outcome plan(const Stream& stream, const Needs& needs, std::size_t lookahead, PacketPlanner::Limits limits,
             std::size_t give_up_at = SIZE_MAX, Random* passes = nullptr) {
  Outcome outcome;
  PacketPlanner planner{std::make_unique<Told>(needs, lookahead, outcome.order, outcome.groups), limits};
  std::set<std::int64_t> decoded;
  std::deque<std::size_t> undecided;
  const auto decide = [&] {
    for (;;) {
      while (const PacketPlanner::Picture* picture = planner.picture()) {
        const bool came = picture->need == PictureNeed::needed && decoded.count(picture->timestamp) != 0;
        if (!came && picture->need != PictureNeed::not_needed) break;
        outcome.pictures.push_back(*picture);
        planner.pop_picture();
      }
      if (planner.waiting() == 0) return;
      const Verdict verdict = planner.decide();
      if (verdict == Verdict::wait) return;
      const std::size_t at = undecided.front();
      undecided.pop_front();
      if (is_decoded(verdict)) decoded.insert(stream.packets[at].timestamp);
      outcome.verdicts.resize(at, Verdict::group);  // those passed
      outcome.verdicts.push_back(verdict);
      outcome.told += planner.decided().passed;
    }
  };
  for (std::size_t i = 0; i < stream.packets.size() && i < give_up_at; ++i) {
    REQUIRE(planner.add(stream.packets[i]));
    undecided.push_back(i);
    REQUIRE(planner.waiting() <= limits.packets);
    if (passes != nullptr && stream.packets[i].traits.entry == Entry::closed && passes->chance(70)) {
      const std::vector<std::size_t> ends = ends_of_gap(stream, i, needs);
      if (!ends.empty() && planner.can_pass(stream.packets[i].timestamp, 0ms)) {
        const std::size_t end = passes->pick(ends);
        std::set<std::int64_t> shown;
        for (std::size_t gap = i + 1; gap < end; ++gap)
          if (!is_absent(stream.pictures[gap])) shown.insert(stream.pictures[gap].shown);
        for (const std::int64_t place : shown) planner.pass(10 * place, si::MediaTime{place});
        outcome.passed += shown.size();
        i = end - 1;
      }
    }
    decide();
  }
  if (give_up_at < stream.packets.size())
    planner.give_up();
  else
    planner.end();
  decide();
  CHECK(planner.waiting() == 0);
  for (; planner.picture() != nullptr; planner.pop_picture()) ++outcome.left;
  return outcome;
}

/// What holds whatever is known: all that is needed is decoded, with all it stands on, and jumps are told.
void check_sound(const Stream& stream, const Outcome& outcome, const std::set<std::int64_t>& needed) {
  bool gap = false;
  for (std::size_t i = 0; i < outcome.verdicts.size(); ++i) {
    const Coded& picture = stream.pictures[i];
    const Verdict verdict = outcome.verdicts[i];
    if (!is_absent(picture) && needed.count(picture.shown) != 0) CHECK(is_decoded(verdict));
    if (is_decoded(verdict)) {
      CHECK((verdict == Verdict::jump) == gap);
      if (gap) CHECK(picture.traits.entry != Entry::none);
      gap = false;
      if (!is_absent(picture))
        for (const std::size_t other : picture.refers) CHECK(is_decoded(outcome.verdicts[other]));
    } else if (!picture.leading && (!picture.traits.droppable || picture.traits.entry != Entry::none)) {
      gap = true;
    }
  }
}

Needs random_needs(Random& random, const Stream& stream) {
  const auto some = [&](const std::vector<int>& chances) {
    std::set<std::int64_t> places;
    const int percent = random.pick(chances);
    for (const Coded& picture : stream.pictures)
      if (random.chance(percent)) places.insert(picture.shown);
    return places;
  };
  return {some({0, 1, 5, 20, 60, 100}), some({0, 0, 5, 60, 100})};
}

}  // namespace

TEST_CASE("Just what must be decoded is, in streams of all structures", "[ffmpeg][planner]") {
  for_random_cases(4000, [](Random& random) {
    const Stream stream{random, random.chance(30)};
    const Needs needs = random_needs(random, stream);
    const std::set<std::int64_t>& needed = needs.needed;
    const auto lookahead = static_cast<std::size_t>(random.between(0, 30));
    const Outcome outcome = plan(stream, needs, lookahead, {.tells_groups = true});

    REQUIRE(outcome.verdicts.size() == stream.pictures.size());
    check_sound(stream, outcome, needed);
    std::vector<std::int64_t> shown, groups;
    std::set<std::int64_t> came;  // late, and decoded for the sake of others
    bool begins_group = false;
    for (std::size_t i = 0; i < stream.pictures.size(); ++i) {
      CAPTURE(i);
      CHECK(is_decoded(outcome.verdicts[i]) == must_be_decoded(stream, i, needed));
      if (!is_decoded(outcome.verdicts[i]))
        CHECK((outcome.verdicts[i] == Verdict::late) == must_be_decoded(stream, i, needs.late));
      begins_group = begins_group || stream.pictures[i].traits.entry != Entry::none;
      if (is_absent(stream.pictures[i])) continue;
      shown.push_back(stream.pictures[i].shown);
      if (is_decoded(outcome.verdicts[i]) && needs.late.count(shown.back()) != 0) came.insert(shown.back());
      if (std::exchange(begins_group, false)) groups.push_back(stream.pictures[i].shown);
    }
    std::sort(shown.begin(), shown.end());
    CHECK(outcome.order == shown);
    CHECK(outcome.groups == groups);
    REQUIRE(outcome.pictures.size() == shown.size());
    for (std::size_t i = 0; i < shown.size(); ++i) {
      CHECK(outcome.pictures[i].time.count() == shown[i]);
      const bool is_needed = needs.of(shown[i]) == PictureNeed::needed || came.count(shown[i]) != 0;
      CHECK(outcome.pictures[i].need == (is_needed ? PictureNeed::needed : PictureNeed::not_needed));
    }
  });
}

TEST_CASE("What is passed unread changes nothing for the rest", "[ffmpeg][planner]") {
  std::size_t passed = 0;
  for_random_cases(4000, [&](Random& random) {
    const Stream stream{random, random.chance(30)};
    const Needs needs = random_needs(random, stream);
    const auto lookahead = static_cast<std::size_t>(random.between(0, 30));
    const Outcome whole = plan(stream, needs, lookahead, {});
    const Outcome outcome = plan(stream, needs, lookahead, {}, SIZE_MAX, &random);
    passed += outcome.passed;
    CHECK(outcome.told == outcome.passed);
    CHECK(outcome.order == whole.order);
    REQUIRE(outcome.verdicts.size() == whole.verdicts.size());
    for (std::size_t i = 0; i < whole.verdicts.size(); ++i)
      CHECK(is_decoded(outcome.verdicts[i]) == is_decoded(whole.verdicts[i]));
    check_sound(stream, outcome, needs.needed);
    REQUIRE(outcome.pictures.size() == whole.pictures.size());
    for (std::size_t i = 0; i < whole.pictures.size(); ++i) {
      CHECK(outcome.pictures[i].timestamp == whole.pictures[i].timestamp);
      CHECK(outcome.pictures[i].need == whole.pictures[i].need);
    }
  });
  CHECK(passed > 0);
}

TEST_CASE("Where little may be kept waiting, more is decoded, and never too little", "[ffmpeg][planner]") {
  std::size_t more = 0;
  for_random_cases(3000, [&](Random& random) {
    const Stream stream{random, random.chance(30)};
    const Needs needs = random_needs(random, stream);
    const std::set<std::int64_t>& needed = needs.needed;
    PacketPlanner::Limits limits;
    (random.chance(50) ? limits.packets : limits.bytes) = static_cast<std::size_t>(random.between(1, 12));
    const Outcome outcome = plan(stream, needs, static_cast<std::size_t>(random.between(0, 30)), limits);
    REQUIRE(outcome.verdicts.size() == stream.pictures.size());
    check_sound(stream, outcome, needed);
    for (std::size_t i = 0; i < stream.pictures.size(); ++i)
      if (is_decoded(outcome.verdicts[i]) && !must_be_decoded(stream, i, needed)) ++more;
  });
  CHECK(more > 0);
}

TEST_CASE("What has not been decided upon is decoded once planning is given up", "[ffmpeg][planner]") {
  for_random_cases(3000, [](Random& random) {
    const Stream stream{random, random.chance(30)};
    const Needs needs = random_needs(random, stream);
    const std::set<std::int64_t>& needed = needs.needed;
    const auto at = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(stream.packets.size()) - 1));
    const Outcome outcome = plan(stream, needs, static_cast<std::size_t>(random.between(0, 30)), {}, at);
    REQUIRE(outcome.verdicts.size() == at);
    check_sound(stream, outcome, needed);
    std::set<std::int64_t> promised;  // pixels of these are waited for
    for (const PacketPlanner::Picture& picture : outcome.pictures)
      if (picture.need == PictureNeed::needed) promised.insert(picture.time.count());
    check_sound(stream, outcome, promised);
    CHECK(outcome.left == 0);
    // what comes after stands on the group that was open, and on all references in it
    std::size_t entry = at;
    while (entry > 0 && stream.pictures[entry - 1].group == stream.pictures[at].group) --entry;
    for (std::size_t i = entry; i < at; ++i)
      if (!stream.pictures[i].traits.droppable && !stream.pictures[i].leading) CHECK(is_decoded(outcome.verdicts[i]));
  });
}

namespace {

/// What one algorithm got.
struct Share {
  std::size_t runs = 0;
  std::size_t dues = 0;
};

struct SlowPlay {
  std::vector<Share> shares;
  double latest = 0;  ///< seconds: by how much a picture was late at most
};

/// A realtime play at 30 frames a second, of a machine that takes `overload` times too long to decode a picture, and of groups
/// of that many pictures which refer to each other in a row.
SlowPlay play_too_slowly(const std::vector<si::Schedule>& schedules, std::int64_t group, double overload,
                         double seconds) {
  const si::SourceInfo info{.fps = 30};
  const auto frames = static_cast<std::int64_t>(30 * seconds);
  const auto time = [](std::int64_t number) { return si::MediaTime{number * 1'000'000'000 / 30}; };
  const auto cost = si::MediaTime{static_cast<std::int64_t>(overload * 1e9 / 30)};
  si::MediaTime clock{};
  bool started = false;
  double latest = 0;
  PacketPlanner planner{
      std::make_unique<si::detail::PlayNeeds>(si::FrameSelector{{}, info, {}}, si::SamplingPlan{schedules},
                                              [&] { return started ? clock : si::MediaTime::min(); }),
      {.tells_groups = true}};
  std::set<std::int64_t> decoded;
  std::vector<bool> has_pixels;
  for (std::int64_t added = 0, decided = 0;;) {
    while (const PacketPlanner::Picture* picture = planner.picture()) {
      const bool came = decoded.count(picture->timestamp) != 0;
      if (!came && picture->need != PictureNeed::not_needed) break;
      latest = std::max(latest, std::chrono::duration<double>(clock - picture->time).count());
      clock = std::max(clock, picture->time);  // media time 0 is played at 0
      started = true;
      has_pixels.push_back(came);
      planner.pop_picture();
    }
    const Verdict verdict = planner.decide();
    if (verdict != Verdict::wait) {
      if (is_decoded(verdict)) {
        clock += cost;
        decoded.insert(decided);
      }
      ++decided;
    } else if (added < frames) {
      const Entry entry = added % group == 0 ? Entry::closed : Entry::none;
      REQUIRE(planner.add(
          {.timestamp = added, .decoded_at = added, .time = time(added), .bytes = 1, .traits = {.entry = entry}}));
      ++added;
    } else if (!planner.ended()) {
      planner.end();
    } else {
      break;
    }
  }
  REQUIRE(has_pixels.size() == static_cast<std::size_t>(frames));
  std::vector<Share> shares(schedules.size());
  si::FrameSelector selector{{}, info, {}};
  for (std::size_t n = 0; n < has_pixels.size(); ++n) {
    const si::Timing timing = selector.timing(time(static_cast<std::int64_t>(n)));
    selector.played(timing);
    for (std::size_t i = 0; i < schedules.size(); ++i) {
      const si::Schedule& schedule = schedules[i];
      if (si::DueRule{schedule.interval}.dues_at(timing) == 0 || n + 1 < schedule.sampling().span()) continue;
      ++shares[i].dues;
      bool complete = true;
      for (std::size_t k = 0; k < schedule.frame_count; ++k)
        complete = complete && has_pixels[n - k * schedule.frame_step];
      if (complete) ++shares[i].runs;
    }
  }
  return {std::move(shares), latest};
}

}  // namespace

TEST_CASE("On a machine that is too slow every algorithm gets its share", "[ffmpeg][planner]") {
  const si::Schedule five{.frame_count = 5, .frame_step = 6};  // one that reaches over 25 frames
  const auto five_every = [&](si::MediaTime interval) {
    si::Schedule schedule = five;
    schedule.interval = interval;
    return schedule;
  };
  const std::vector<std::vector<si::Schedule>> all{
      {{}},
      {{.interval = 1s}},
      {{.interval = 500ms}, {.interval = 2s}},
      {five_every(1s)},
      {{}, five_every(1s)},
      {{}, five_every(2s)},
      {{}, five_every(60s)},
      {{}, {.interval = 4s}},
      {{.interval = 1s}, five_every(60s)},
      {{.frame_count = 2, .frame_step = 15, .interval = 500ms}},
      {{.frame_count = 3, .interval = 5s}, {.interval = 100ms}},
      {{.frame_count = 2, .frame_step = 150, .interval = 10s}, {}},
      {{.frame_count = 16, .frame_step = 8}},
      {{.frame_count = 5, .frame_step = 30}, {}},
  };
  const std::vector<std::int64_t> groups = si::test::is_sanitized  // it is all arithmetic
                                               ? std::vector<std::int64_t>{12}
                                               : std::vector<std::int64_t>{1, 8, 12, 15, 20, 30, 50, 60, 250};
  for (const std::vector<si::Schedule>& schedules : all)
    for (const std::int64_t group : groups)
      for (const double overload : {0.5, 1.05, 1.5, 3.0, 10.0}) {
        const auto [shares, latest] = play_too_slowly(schedules, group, overload, 300);
        // What has begun when it is seen to be late is completed, however long that takes.
        const double reach =
            static_cast<double>(static_cast<std::int64_t>(si::SamplingPlan{schedules}.span()) + 2 * group) / 30;
        double patience = 1;
        for (const si::Schedule& schedule : schedules)
          patience = std::max(patience, std::chrono::duration<double>(schedule.interval).count() / 2);
        CAPTURE(schedules.size(), group, overload);
        CHECK(latest <= 1.5 * overload * (1 + reach) + patience);
        for (std::size_t i = 0; i < schedules.size(); ++i) {
          CAPTURE(schedules.size(), i, schedules[i].frame_count, schedules[i].interval.count(), group, overload);
          CHECK(shares[i].dues >= 4);
          if (overload < 1) CHECK(shares[i].runs == shares[i].dues);
          const double fair = static_cast<double>(shares[i].dues) / std::max(overload, 1.0);
          CHECK(static_cast<double>(shares[i].runs) >= 0.5 * fair);
          if (schedules[i].interval >= 60s && overload < 5) CHECK(shares[i].runs == shares[i].dues);  // what is seldom
        }
      }
}

TEST_CASE("A packet whose decoding time is not known has that of the one before", "[ffmpeg][planner]") {
  std::vector<std::int64_t> order, groups;
  PacketPlanner planner{std::make_unique<Told>(Needs{}, 0, order, groups), {}};
  REQUIRE(planner.add({.timestamp = 10, .time = si::MediaTime{10}, .traits = {.entry = Entry::closed}}));
  REQUIRE(planner.add({.timestamp = 20, .time = si::MediaTime{20}}));
  CHECK(order.empty());  // others may still be shown before them
  REQUIRE(planner.add({.timestamp = 40, .decoded_at = 15, .time = si::MediaTime{40}}));
  REQUIRE(planner.add({.timestamp = 30, .time = si::MediaTime{30}}));
  CHECK(order == std::vector<std::int64_t>{10});
  CHECK_FALSE(planner.add({.timestamp = 12, .time = si::MediaTime{12}}));
}

TEST_CASE("A picture that is shown before more pictures than the decoder holds back is refused", "[ffmpeg][planner]") {
  for (const std::size_t most : {0U, 1U, 2U}) {
    CAPTURE(most);
    std::vector<std::int64_t> order, groups;
    PacketPlanner planner{std::make_unique<Told>(Needs{}, 0, order, groups), {.reordered = most}};
    REQUIRE(planner.add({.timestamp = 0, .decoded_at = 0, .traits = {.entry = Entry::closed}}));
    REQUIRE(planner.add({.timestamp = 40, .decoded_at = 0}));
    CHECK(planner.add({.timestamp = 20, .decoded_at = 0}) == (most >= 1));
    CHECK(planner.add({.timestamp = 10, .decoded_at = 0}) == (most >= 2));
  }
}

TEST_CASE("Packets that make no sense are refused", "[ffmpeg][planner]") {
  std::vector<std::int64_t> order, groups;
  PacketPlanner planner{std::make_unique<Told>(Needs{}, 0, order, groups), {}};
  const PlannedPacket inner{.timestamp = 10, .decoded_at = 0};
  CHECK_FALSE(planner.add(inner));  // nothing to begin with
  PlannedPacket entry = inner;
  entry.traits.entry = Entry::closed;
  REQUIRE(planner.add(entry));
  CHECK_FALSE(planner.add(inner));                                // the same time again
  CHECK_FALSE(planner.add({.timestamp = 20, .decoded_at = -1}));  // decoded before one that came before it
  CHECK_FALSE(planner.add({.timestamp = 20, .decoded_at = 21}));  // shown before it is decoded
  REQUIRE(planner.add({.timestamp = 40, .decoded_at = 30}));      // now 10 has been shown
  CHECK_FALSE(planner.add({.timestamp = 40, .decoded_at = 31}));
  CHECK(order == std::vector<std::int64_t>{0});
}

TEST_CASE("The first group is known before anything is decided upon", "[ffmpeg][planner]") {
  std::vector<std::int64_t> order, groups;
  Needs needs;
  needs.needed = {20, 50};
  PacketPlanner planner{std::make_unique<Told>(needs, 0, order, groups), {}};
  REQUIRE(planner.add({.timestamp = 0, .decoded_at = 0, .traits = {.entry = Entry::closed}}));
  planner.pass(5, si::MediaTime{5});
  for (const std::int64_t at : {10, 20, 30})
    REQUIRE(planner.add({.timestamp = at, .decoded_at = at, .time = si::MediaTime{at}}));
  CHECK(planner.entries() == 1);
  REQUIRE(
      planner.add({.timestamp = 40, .decoded_at = 40, .time = si::MediaTime{40}, .traits = {.entry = Entry::closed}}));
  REQUIRE(planner.add({.timestamp = 50, .decoded_at = 50, .time = si::MediaTime{50}}));
  CHECK(planner.entries() == 2);
  CHECK(planner.first_group().packets == 5);
  CHECK(planner.first_group().needed == 1);
}
