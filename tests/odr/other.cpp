#include <stream_infer/stream_infer.hpp>

const std::error_category& category_of_the_other() { return stream_infer::error_category(); }
