#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/vision/box.hpp"
#include "stream_infer/vision/detection.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stream_infer {

/// A place in a picture, in its pixels.
struct Point {
  float x = 0, y = 0;
  friend constexpr bool operator==(const Point&, const Point&) = default;
};

/// The point of a box that says where something is.
enum class Anchor : std::uint8_t {
  foot,    ///< the middle of its lower edge: where what stands on the ground stands
  centre,  ///< for a camera that looks down
};

[[nodiscard]] constexpr Point anchor_of(const Box& box, Anchor anchor) {
  return {box.x + box.width / 2, anchor == Anchor::foot ? box.bottom() : box.y + box.height / 2};
}

namespace detail {

/// Where `point` is of the line from `a` to `b` as one sees it: positive to the right of it, negative to the left.
[[nodiscard]] constexpr float side_of(Point a, Point b, Point point) {
  return (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x);
}

}  // namespace detail

/// Counts the tracks that cross a line from `a` to `b`: to its right, and to its left, as who walks from `a` to `b` sees it.
/// One that goes to and fro is counted each time.
class LineCounter {
 public:
  /// \throws Error  if both points are the same
  LineCounter(Point a, Point b, Anchor anchor = Anchor::foot) : a_{a}, b_{b}, anchor_{anchor} {
    if (a == b) throw Error{Errc::invalid_argument, "line counter", {}, "both ends of the line are the same point"};
  }

  /// To be called with the tracks of each picture.
  void update(const Tracks& tracks) {
    ++pictures_;
    for (const Track& track : tracks) {
      const Point now = anchor_of(track.box, anchor_);
      const auto [known, is_new] = places_.try_emplace(track.id, Place{now, pictures_});
      Place& place = known->second;
      if (!is_new) count(place.point, now);
      place = {now, pictures_};
    }
    if (pictures_ % forget_after == 0)
      std::erase_if(places_, [this](const auto& place) { return pictures_ - place.second.seen > forget_after; });
  }

  [[nodiscard]] std::uint64_t to_right() const { return to_right_; }
  [[nodiscard]] std::uint64_t to_left() const { return to_left_; }

 private:
  static constexpr std::uint64_t forget_after = 1000;  // pictures; ids are never given again

  struct Place {
    Point point{};
    std::uint64_t seen = 0;
  };

  void count(Point from, Point to) {
    const bool was_right = detail::side_of(a_, b_, from) > 0, is_right = detail::side_of(a_, b_, to) > 0;
    if (was_right == is_right) return;
    // It has crossed the endless line; it is this line that it has crossed if both ends are on different sides of its way.
    const float a_side = detail::side_of(from, to, a_), b_side = detail::side_of(from, to, b_);
    if ((a_side > 0) == (b_side > 0)) return;
    ++(is_right ? to_right_ : to_left_);
  }

  Point a_, b_;
  Anchor anchor_;
  std::uint64_t pictures_ = 0, to_right_ = 0, to_left_ = 0;
  std::unordered_map<std::uint64_t, Place> places_;
};

/// Counts the tracks that are in a polygon.
class ZoneCounter {
 public:
  /// \param corners  three or more, around the zone, in either direction; the last is joined to the first
  /// \throws Error  if there are fewer
  explicit ZoneCounter(std::vector<Point> corners, Anchor anchor = Anchor::foot)
      : corners_{std::move(corners)}, anchor_{anchor} {
    if (corners_.size() < 3)
      throw Error{Errc::invalid_argument, "zone counter", {}, "a zone has three corners or more"};
  }

  /// Whether a point is in it. Of two zones that share an edge, a point on that is in one.
  [[nodiscard]] bool contains(Point point) const {
    bool is_inside = false;
    for (std::size_t i = 0, before = corners_.size() - 1; i < corners_.size(); before = i++) {
      const Point a = corners_[before], b = corners_[i];
      if ((a.y > point.y) == (b.y > point.y)) continue;
      if (point.x < a.x + (b.x - a.x) * (point.y - a.y) / (b.y - a.y)) is_inside = !is_inside;
    }
    return is_inside;
  }

  /// The tracks that are in it now. To be called with the tracks of each picture.
  Tracks update(const Tracks& tracks) {
    Tracks inside;
    std::vector<std::uint64_t> ids;
    for (const Track& track : tracks) {
      if (!contains(anchor_of(track.box, anchor_))) continue;
      inside.push_back(track);
      ids.push_back(track.id);
      if (std::find(ids_.begin(), ids_.end(), track.id) == ids_.end()) ++entered_;
    }
    ids_ = std::move(ids);
    return inside;
  }

  /// How many have come in; those that were in it at the beginning, and those that were lost there and found again, too.
  [[nodiscard]] std::uint64_t entered() const { return entered_; }

 private:
  std::vector<Point> corners_;
  Anchor anchor_;
  std::vector<std::uint64_t> ids_;
  std::uint64_t entered_ = 0;
};

}  // namespace stream_infer
