#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/frame.hpp"
#include "stream_infer/core/stats.hpp"
#include "stream_infer/inference/lane.hpp"
#include "stream_infer/schedule/sampling_plan.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace stream_infer::detail {

/// The lanes of an Inference, in the order of loading.
template <class Tracker, class... Loaded>
class LaneSet {
 public:
  static constexpr std::size_t size = sizeof...(Loaded);

  /// Calls every algorithm's init(), in order. \throws Error as Inference does
  explicit LaneSet(const Tracker& tracker, Loaded... algos)
      : tracker_{&tracker}, lanes_{With<Loaded>{std::move(algos), tracker}...} {
    check_names();
    for_each([]<std::size_t I>(auto& lane) { lane.init(); });
  }

  /// Calls `fn.operator()<I>(lane)` for every lane.
  template <class F>
  void for_each(F fn) {
    visit(lanes_, fn);
  }
  template <class F>
  void for_each(F fn) const {
    visit(lanes_, fn);
  }

  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all;
    for_each([&all]<std::size_t I>(const auto& lane) { all.emplace_back(lane.name().view()); });
    return all;
  }

  /// What all of them look at.
  [[nodiscard]] SamplingPlan plan() const {
    SamplingPlan plan;
    for_each([&plan]<std::size_t I>(const auto& lane) { plan.schedules.push_back(lane.schedule()); });
    return plan;
  }

  /// The counts so far. Any thread.
  [[nodiscard]] std::vector<AlgoStats> stats() const {
    std::vector<AlgoStats> all;
    for_each([&all]<std::size_t I>(const auto& lane) { all.push_back(lane.stats()); });
    return all;
  }

  /// Runs those that are due at `frame`; returns how many ran.
  template <class Outlet>
  std::size_t run_at(const Frame& frame, const Timing& timing, Outlet& outlet) {
    std::size_t ran = 0;
    for_each([&]<std::size_t I>(auto& lane) {
      if (lane.template take<I>(frame, timing, *tracker_, outlet)) ++ran;
    });
    return ran;
  }

  /// Runs the latest due of each that has one; returns how many ran.
  template <class Outlet>
  std::size_t run_due(Outlet& outlet) {
    std::size_t ran = 0;
    for_each([&]<std::size_t I>(auto& lane) {
      if (lane.template catch_up<I>(*tracker_, outlet)) ++ran;
    });
    return ran;
  }

  /// Runs the one of that name now; returns whether it ran. \throws Error  if there is none of that name
  template <class Outlet>
  bool run_now(std::string_view name, Outlet& outlet) {
    bool found = false, ran = false;
    for_each([&]<std::size_t I>(auto& lane) {
      if (lane.name() != name) return;
      found = true;
      ran = lane.template run_now<I>(*tracker_, outlet);
    });
    if (!found) throw_unknown(name);
    return ran;
  }

 private:
  /// Lets a tuple make its lanes, which cannot be moved, in place.
  template <class L>
  struct With {
    L loaded;
    const Tracker& tracker;
  };
  template <class L>
  struct LaneOf : Lane<L> {
    explicit LaneOf(With<L>&& with) : Lane<L>{std::move(with.loaded), with.tracker} {}
  };

  template <class Lanes, class F>
  static void visit(Lanes& lanes, F& fn) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (fn.template operator()<I>(std::get<I>(lanes)), ...); }
    (std::make_index_sequence<size>{});
  }

  [[noreturn]] void throw_unknown(std::string_view name) const {
    std::string all;
    for (const std::string& known : names()) all += (all.empty() ? "" : ", ") + known;
    throw Error{Errc::unknown_name, "run_specific_inference", name, "no algorithm has that name; there are: " + all};
  }

  void check_names() const {
    const std::vector<std::string> all = names();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].empty())
        throw Error{Errc::invalid_argument,
                    "load_algo",
                    {},
                    "algorithm number " + std::to_string(i + 1) + " has no name; records carry it"};
      for (std::size_t j = i + 1; j < all.size(); ++j)
        if (all[i] == all[j])
          throw Error{Errc::duplicate_name, "load_algo", all[i],
                      "two algorithms have this name, and records are told apart by it: give each its own"};
    }
  }

  const Tracker* tracker_;
  std::tuple<LaneOf<Loaded>...> lanes_;
};

}  // namespace stream_infer::detail
