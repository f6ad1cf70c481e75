#pragma once

#include "stream_infer/exporter/json.hpp"
#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/rotating_file.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <span>
#include <string>
#include <utility>

namespace stream_infer {

/// Appends a line of JSON for each record to a file (JSON Lines): to_json_text().
///
///     si::JsonlExporter exporter{"results.jsonl", {.bytes = 100'000'000}};
///
/// A line is handed to the system when collect() returns, so that nothing is lost when the program is killed; it survives a
/// loss of power a few seconds later. Where the disk is full, no part of a line stays behind: collect() throws, and the
/// record is lost to this exporter unless it is made reliable(). A file that is there already is continued. A repeat of a
/// record is another line with the same key.
class JsonlExporter : public detail::CollectsOneByOne<JsonlExporter> {
 public:
  /// \throws StoreError  if the file cannot be opened
  explicit JsonlExporter(std::string path, Rotation rotation = {}) : file_{std::move(path), rotation, {}} {}

  /// \throws StoreError
  void write(std::span<const StoredRecord> records) {
    text_.clear();
    for (const StoredRecord& record : records) text_ += to_json_text(record) + '\n';
    file_.append(text_);
  }

  /// Returns when what was written survives a loss of power. \throws StoreError
  void sync() { file_.sync(); }

 private:
  detail::RotatingFile file_;
  std::string text_;
};

}  // namespace stream_infer
