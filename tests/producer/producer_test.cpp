#include "stream_infer/producer/producer.hpp"

#include "stream_infer/core/clock.hpp"
#include "stream_infer/core/frame_pool.hpp"
#include "stream_infer/core/manual_clock.hpp"
#include "stream_infer/producer/generator_producer.hpp"
#include "support/catch.hpp"
#include "support/scripted_producer.hpp"

#include <memory>
#include <string>
#include <type_traits>

namespace si = stream_infer;

namespace {

using Generator = si::GeneratorProducer<bool (*)(std::uint64_t, si::ImageSpan)>;

struct GoodReader {
  si::SourceInfo info() const { return {}; }
  si::ReadStatus read(si::Frame&) { return si::ReadStatus::end; }
};
struct ReaderWithoutInfo {
  si::ReadStatus read(si::Frame&) { return si::ReadStatus::end; }
};
struct ReaderOfBools {  // false would mean both "end" and "stopped"
  si::SourceInfo info() const { return {}; }
  bool read(si::Frame&) { return false; }
};
struct ReaderThatStays : GoodReader {
  ReaderThatStays() = default;
  ReaderThatStays(const ReaderThatStays&) = delete;
  ReaderThatStays& operator=(const ReaderThatStays&) = delete;
};

template <class R>
struct Opens {
  R open(const std::string&, const si::OpenOptions&);
};
struct OpensWithoutOptions {
  GoodReader open(const std::string&);
};

struct FallingClock : si::SteadyClock {
  int now() const { return 0; }
};
struct ClockWithoutSleep {
  si::MediaTime now() const { return {}; }
};

struct LazyPicture {
  void convert(si::ImageSpan) {}
  void drop() noexcept {}
};
struct ThrowingDrop {
  void convert(si::ImageSpan) {}
  void drop() {}
};
struct NoConvert {
  void drop() noexcept {}
};

}  // namespace

static_assert(si::Reader<GoodReader> && si::Reader<Generator::Reader>);
static_assert(!si::Reader<ReaderWithoutInfo> && !si::Reader<ReaderOfBools> && !si::Reader<ReaderThatStays>);
static_assert(!si::Reader<int>);

static_assert(si::Producer<Generator> && si::Producer<Opens<GoodReader>>);
static_assert(si::Producer<Opens<std::unique_ptr<GoodReader>>> == false);
static_assert(!si::Producer<Opens<ReaderOfBools>> && !si::Producer<Opens<void>> && !si::Producer<OpensWithoutOptions>);
static_assert(!si::Producer<GoodReader> && !si::Producer<int>);
static_assert(std::is_same_v<si::ReaderOf<Opens<GoodReader>>, GoodReader>);

static_assert(si::Clock<si::SteadyClock> && si::Clock<si::ManualClock>);
static_assert(!si::Clock<FallingClock> && !si::Clock<ClockWithoutSleep> && !si::Clock<int>);

static_assert(si::Picture<LazyPicture> && si::Picture<si::NoPicture> && !si::Picture<ThrowingDrop>);
static_assert(!si::Picture<NoConvert> && !si::Picture<int>);

TEST_CASE("What is not known of a source is not 0", "[producer]") {
  const si::SourceInfo info;
  CHECK_FALSE(info.fps.has_value());
  CHECK_FALSE(info.frame_count.has_value());
  CHECK_FALSE(info.duration.has_value());
  CHECK_FALSE(info.live);
}
