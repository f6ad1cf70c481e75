#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/redact.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/ffmpeg_options.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace stream_infer::ffmpeg {

/// The scheme of a URL, in front of "://" or, as in "pipe:0", of ':'; "file" where there is none.
[[nodiscard]] inline std::string_view scheme_of(std::string_view url) {
  const std::size_t end = url.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  if (end == std::string_view::npos || end < 2 || url[end] != ':') return "file";
  return url.substr(0, end);
}

/// The host of a URL, without user and port; empty where there is none.
[[nodiscard]] inline std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#\\"));
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

/// The protocols that a source of this scheme needs, and that cannot be led elsewhere: "a,b,c".
[[nodiscard]] inline std::string protocols_for(std::string_view scheme) {
  struct Entry {
    std::string_view scheme, protocols;
  };
  static constexpr std::string_view http = "http,https,tls,tcp,crypto,httpproxy";
  static constexpr Entry known[] = {
      {"file", "file,crypto"},
      {"http", http},
      {"https", http},
      {"rtsp", "rtsp,rtp,tcp,udp"},
      {"rtsps", "rtsps,rtsp,rtp,srtp,tls,tcp,udp"},
      {"rtmp", "rtmp,tcp"},
      {"rtmps", "rtmps,rtmp,tls,tcp"},
      {"rtmpt", "rtmpt,rtmp,ffrtmphttp,http,tcp"},
      {"rtmpe", "rtmpe,rtmp,ffrtmpcrypt,tcp"},
      {"rtp", "rtp,udp"},
      {"tls", "tls,tcp"},
      {"ftp", "ftp,tcp"},
      {"mmsh", "mmsh,http,tcp"},
      {"mmst", "mmst,tcp"},
      {"concat", "concat,file"},  // these read what they name
      {"subfile", "subfile,file"},
      {"crypto", "crypto,file"},
      {"cache", "cache,file"},
      {"async", "async,file"},
  };
  for (const Entry& entry : known)
    if (entry.scheme == scheme) return std::string{entry.protocols};
  return std::string{scheme};
}

/// Whether a demuxer opens what its input names.
[[nodiscard]] inline bool opens_others(const char* format) {
  return av_match_list(format, "hls,dash,concat,imf,sdp,webm_dash_manifest", ',') > 0;
}

/// The demuxers that a source of this scheme may have, as FFmpeg's format_whitelist wants them: those that open others only
/// where the Gate sees what they open, and only over HTTP.
[[nodiscard]] inline std::string formats_for(std::string_view scheme) {
  const bool playlists = scheme == "http" || scheme == "https";
  std::string all;
  void* state = nullptr;
  while (const AVInputFormat* format = av_demuxer_iterate(&state)) {
    const bool seen = av_match_list(format->name, "hls,dash", ',') > 0;
    if (opens_others(format->name) && !(playlists && seen)) continue;
    if (!all.empty()) all += ',';
    all += format->name;
  }
  return all;
}

/// Stands where FFmpeg's demuxers open what their input names. For one source and one thread at a time.
class Gate {
 public:
  Gate(std::string source, bool other_hosts) : source_{std::move(source)}, other_hosts_{other_hosts} {}

  /// Puts itself before what `context` opens. It must outlive the context.
  void guard(AVFormatContext& context) {
    open_ = context.io_open;
    context.opaque = this;
    context.io_open = &Gate::open;
  }

  /// What has been refused, without credentials; empty if nothing was.
  [[nodiscard]] const std::string& refused() const { return refused_; }

  /// What that means for the source `name`.
  [[nodiscard]] Error error(const char* step, const std::string& name) const {
    return {Errc::not_allowed, step, name,
            "it names '" + refused_ + "', on another host: FFmpegOptions::allowed.other_hosts lets it"};
  }

 private:
  static int open(AVFormatContext* context, AVIOContext** io, const char* url, int flags, AVDictionary** options) {
    Gate& self = *static_cast<Gate*>(context->opaque);
    if (!self.may_open(url)) return self.refuse(url);
    const int code = self.open_(context, io, url, flags, options);
    if (code < 0 || self.other_hosts_) return code;
    std::uint8_t* location = nullptr;  // where it has been led
    if (av_opt_get(*io, "location", AV_OPT_SEARCH_CHILDREN, &location) < 0 || location == nullptr) return code;
    const std::string at{reinterpret_cast<const char*>(location)};
    av_free(location);
    if (self.source_ == url) {
      self.led_to_ = host_of(at);
      return code;
    }
    if (self.may_open(at)) return code;
    avio_closep(io);
    return self.refuse(at);
  }

  [[nodiscard]] bool may_open(std::string_view url) const {
    if (other_hosts_ || url == source_) return true;
    const std::string_view host = host_of(url);
    return host.empty() || host == host_of(source_) || (!led_to_.empty() && host == led_to_);
  }

  int refuse(std::string_view url) {
    if (refused_.empty()) refused_ = redact(url);
    return AVERROR(EACCES);
  }

  std::string source_;
  std::string led_to_;  // the host that the source itself led to
  bool other_hosts_;
  std::string refused_;
  int (*open_)(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) = nullptr;
};

}  // namespace stream_infer::ffmpeg
