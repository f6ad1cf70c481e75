#pragma once

#include "stream_infer/core/frame.hpp"
#include "stream_infer/player/play_session.hpp"
#include "stream_infer/player/play_status.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

namespace stream_infer {

/// What the serial loop gets for each played frame.
struct PlayedFrame {
  Frame frame;
  std::uint64_t number = 0;  ///< frame.index() + 1: how many frames have been played
};

/// The serial loop over a source, from Player::play(): a move-only C++20 input range of PlayedFrame. Each step reads the
/// next frame and adds it to the tracker. Leaving the loop early closes the source. It must not outlive its Player.
template <class Session>
class PlayRange {
 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = PlayedFrame;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    explicit Iterator(PlayRange* range) : range_{range} {}

    [[nodiscard]] const PlayedFrame& operator*() const { return range_->current_; }
    Iterator& operator++() {
      range_->step();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.ended(); }

   private:
    [[nodiscard]] bool ended() const { return range_->ended_; }

    PlayRange* range_ = nullptr;
  };

  /// \param session  null for a range without frames
  PlayRange(std::unique_ptr<Session> session, detail::PlayMonitor& monitor, std::stop_token stop)
      : session_{std::move(session)}, monitor_{&monitor}, stop_{std::move(stop)}, ended_{session_ == nullptr} {}

  PlayRange(PlayRange&&) noexcept = default;
  PlayRange& operator=(PlayRange&& other) noexcept {
    std::swap(session_, other.session_);
    std::swap(monitor_, other.monitor_);
    std::swap(stop_, other.stop_);
    std::swap(current_, other.current_);
    std::swap(begun_, other.begun_);
    std::swap(ended_, other.ended_);
    return *this;
  }

  ~PlayRange() {
    if (session_ && !ended_) finish(PlayState::stopped);
  }

  /// Reads the first frame. To be called once, as of any input range. \throws Error
  [[nodiscard]] Iterator begin() {
    if (!std::exchange(begun_, true) && !ended_) step();
    return Iterator{this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  void step() try {
    current_.frame = Frame{};
    for (;;) {
      if (stop_.stop_requested()) return finish(PlayState::stopped);
      switch (session_->next(current_.frame)) {
        case ReadStatus::end: return finish(PlayState::ended);
        case ReadStatus::stopped: return finish(PlayState::stopped);
        case ReadStatus::frame: break;
      }
      if (session_->publish(current_.frame)) break;
    }
    current_.number = current_.frame.index() + 1;
  } catch (const Error& error) {
    if (stop_.stop_requested()) return finish(PlayState::stopped);  // it gave up because of that
    finish(PlayState::failed, error);
    throw;
  }

  void finish(PlayState state, std::optional<Error> error = {}) {
    ended_ = true;
    current_ = {};
    session_.reset();
    monitor_->finish(state, std::move(error));
  }

  std::unique_ptr<Session> session_;
  detail::PlayMonitor* monitor_;
  std::stop_token stop_;
  PlayedFrame current_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace stream_infer
