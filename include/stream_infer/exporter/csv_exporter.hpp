#pragma once

#include "stream_infer/exporter/record_store.hpp"
#include "stream_infer/exporter/rotating_file.hpp"
#include "stream_infer/exporter/stored_record.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace stream_infer {

/// Appends a row for each record to a file of comma-separated values (RFC 4180, but that lines end with a line feed alone).
/// The first row has the names of the columns: those of StoredRecord, `value` as JSON text.
///
/// When lines are written, and what a failure does, is as with JsonlExporter.
class CsvExporter : public detail::CollectsOneByOne<CsvExporter> {
 public:
  /// \throws StoreError  if the file cannot be opened
  explicit CsvExporter(std::string path, Rotation rotation = {})
      : file_{std::move(path), rotation, "key,source,began_at_ns,epoch,algorithm,frame_index,time_ns,value\n"} {}

  /// \throws StoreError
  void write(std::span<const StoredRecord> records) {
    text_.clear();
    for (const StoredRecord& record : records) {
      text_ += record_key(record);
      add(record.source.name);
      add(std::to_string(record.began_at_ns()));
      add(std::to_string(record.epoch));
      add(record.algorithm);
      add(std::to_string(record.frame_index));
      add(std::to_string(record.time_ns()));
      add(record.value);
      text_ += '\n';
    }
    file_.append(text_);
  }

  /// Returns when what was written survives a loss of power. \throws StoreError
  void sync() { file_.sync(); }

 private:
  void add(std::string_view field) {
    text_ += ',';
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
      text_ += field;
      return;
    }
    text_ += '"';
    for (const char character : field)
      text_ += character == '"' ? std::string_view{"\"\""} : std::string_view{&character, 1};
    text_ += '"';
  }

  detail::RotatingFile file_;
  std::string text_;
};

}  // namespace stream_infer
