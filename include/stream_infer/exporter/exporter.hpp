#pragma once

#include "stream_infer/exporter/record.hpp"

namespace stream_infer {
namespace detail {

template <class E, class T>
concept Collects = requires(E& exporter, const Record<T>& record) {
  exporter.collect(record);
};

template <class E>
concept CollectsErrors = requires(E& exporter, const RunError& error) {
  exporter.on_error(error);
};

template <class E>
concept SendsAll = requires(E& exporter) {
  exporter.send_all();
};

}  // namespace detail

/// Takes the results of all loaded algorithms.
///
/// 1. `collect(const Record<T>&)` exists for the result type T of every loaded algorithm. If it throws, the record is
///    lost to this exporter, counted, and goes to on_error().
/// 2. Optional: `on_error(const RunError&)` hears of runs that threw, and of collect() and send_all() that threw. It must
///    not throw itself.
/// 3. Optional: `send_all()` is called by `Inference::start` after it has collected; BaseExporter brings it along.
///
/// An Inference never makes two of these calls at the same time; in realtime they come from several threads in turn.
template <class E, class... Ts>
concept Exporter = (detail::Collects<E, Ts> && ...);

}  // namespace stream_infer
