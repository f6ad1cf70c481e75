#pragma once

#include "stream_infer/core/error.hpp"

#include <fstream>
#include <string>
#include <system_error>
#include <vector>

namespace stream_infer {

/// The names of a model's classes, from a text file with one a line: the first is class 0. Empty lines at the end do not count.
/// \throws Error  if the file cannot be read, or has none
[[nodiscard]] inline std::vector<std::string> read_labels(const std::string& path) {
  std::ifstream file{path};
  if (!file) throw Error{std::make_error_code(std::errc::no_such_file_or_directory), "labels", path};
  std::vector<std::string> labels;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels.push_back(line);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.empty()) throw Error{Errc::invalid_argument, "labels", path, "expected a label in each line, found none"};
  return labels;
}

}  // namespace stream_infer
