#pragma once

#include "stream_infer/vision/box.hpp"
#include "stream_infer/vision/detection.hpp"

#include <string>

#include <nlohmann/json.hpp>

/// What detections and tracks are as JSON, for the exporters to stores:
///
///     {"box":{"x":10.5,"y":20.0,"width":30.0,"height":40.0},"class_id":0,"score":0.75,"label":"person"}
///
/// A track has its "id" as well. A label that is empty is left out.
namespace stream_infer {

inline void to_json(nlohmann::json& json, const Box& box) {
  json = {{"x", box.x}, {"y", box.y}, {"width", box.width}, {"height", box.height}};
}

namespace detail {

template <class Found>
void to_vision_json(nlohmann::json& json, const Found& found) {
  json["box"] = found.box;
  json["class_id"] = found.class_id;
  json["score"] = found.score;
  if (!found.label.view().empty()) json["label"] = std::string{found.label.view()};
}

}  // namespace detail

inline void to_json(nlohmann::json& json, const Detection& detection) { detail::to_vision_json(json, detection); }

inline void to_json(nlohmann::json& json, const Track& track) {
  detail::to_vision_json(json, track);
  json["id"] = track.id;
}

}  // namespace stream_infer
