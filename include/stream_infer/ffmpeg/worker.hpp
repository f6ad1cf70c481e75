#pragma once

#include "stream_infer/core/worker.hpp"

namespace stream_infer::ffmpeg {

using stream_infer::detail::Task;
using stream_infer::detail::Worker;

}  // namespace stream_infer::ffmpeg
