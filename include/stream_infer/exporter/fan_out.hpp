#pragma once

#include "stream_infer/exporter/exporter.hpp"

#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

namespace stream_infer {

/// Hands every record to several exporters. Made by fan_out().
template <class... Es>
class FanOut {
 public:
  explicit FanOut(Es... exporters) : exporters_{std::forward<Es>(exporters)...} {}

  template <class T>
    requires(detail::Collects<std::remove_reference_t<Es>, T>&&...)
  void collect(const Record<T>& record) {
    for_each([&record](auto& exporter) { exporter.collect(record); });
  }

  void on_error(const RunError& error) {
    for_each([&error](auto& exporter) {
      if constexpr (detail::CollectsErrors<std::remove_reference_t<decltype(exporter)>>) exporter.on_error(error);
    });
  }

  void send_all() {
    for_each([](auto& exporter) {
      if constexpr (detail::SendsAll<std::remove_reference_t<decltype(exporter)>>) exporter.send_all();
    });
  }

 private:
  /// One that throws does not keep the others from their turn; the first exception goes on afterwards.
  template <class F>
  void for_each(F call) {
    std::exception_ptr first;
    const auto guarded = [&](auto& exporter) {
      try {
        call(exporter);
      } catch (...) {
        if (!first) first = std::current_exception();
      }
    };
    std::apply([&](auto&... exporter) { (guarded(exporter), ...); }, exporters_);
    if (first) std::rethrow_exception(first);
  }

  std::tuple<Es...> exporters_;
};

/// One exporter out of several. Named exporters stay with the caller, who keeps them alive; temporaries are taken over.
///
///     si::MemoryExporter<double> memory;
///     auto exporter = si::fan_out(memory, si::PrintExporter{});
template <class... Es>
[[nodiscard]] FanOut<Es...> fan_out(Es&&... exporters) {
  return FanOut<Es...>{std::forward<Es>(exporters)...};
}

}  // namespace stream_infer
