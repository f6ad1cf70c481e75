#pragma once

#include "stream_infer/core/frame.hpp"

#include <array>
#include <cstddef>

namespace stream_infer {

/// The `N` frames of a run, oldest first, `frame_step` apart. It keeps its frames alive.
template <std::size_t N>
using Window = std::array<Frame, N>;

}  // namespace stream_infer
