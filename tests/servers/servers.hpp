#pragma once

#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/files.hpp"
#include "support/media.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

/// Real servers, on this machine alone.
namespace stream_infer::test {

/// Whether a test can be made. Says loudly if not.
[[nodiscard]] inline bool needs(bool has, const std::string& what) {
  if (!has) WARN("skipped: needs " << what);
  return has;
}

[[nodiscard]] inline bool has_rtsp_server() {
  static const bool has = std::system(
                              "/usr/bin/python3 -c \"import gi; gi.require_version('GstRtspServer', '1.0'); "
                              "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
                              "assert Gst.ElementFactory.find('x264enc')\" >/dev/null 2>&1") == 0;
  return needs(has, "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,bad,ugly}");
}

[[nodiscard]] inline bool has_rtmp_server() {
  static const bool has = has_program("nginx") && std::filesystem::exists("/usr/lib/nginx/modules/ngx_rtmp_module.so");
  return needs(has, "nginx-light libnginx-mod-rtmp");
}

/// GStreamer's RTSP server, with a camera that makes its own pictures.
class RtspServer {
 public:
  explicit RtspServer(int port = free_port())
      : port_{port}, child_{{"/usr/bin/python3", STREAM_INFER_RTSP_SERVER, std::to_string(port)}} {
    child_.wait_for("ready");
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const { return "rtsp://127.0.0.1:" + std::to_string(port_) + "/camera"; }
  [[nodiscard]] Child& child() { return child_; }

 private:
  int port_;
  Child child_;
};

/// A clip that can be sent again and again: 10 s of 320x240, 25 frames a second, a key frame each second.
[[nodiscard]] inline std::string endless_clip() {
  return make_media(
      "-f lavfi -i testsrc2=size=320x240:rate=25 -t 10 -c:v libx264 -preset ultrafast -g 25 -bf 0 -pix_fmt yuv420p",
      "endless.mp4");
}

/// An ffmpeg that sends endless_clip() at its pace. \param to  format and address
[[nodiscard]] inline std::vector<std::string> publish(const std::vector<std::string>& to) {
  std::vector<std::string> command{"ffmpeg", "-nostdin", "-v",           "error", "-re", "-stream_loop",
                                   "-1",     "-i",       endless_clip(), "-c",    "copy"};
  command.insert(command.end(), to.begin(), to.end());
  return command;
}

/// nginx with its RTMP module, which makes HLS of what is published, too.
class RtmpServer {
 public:
  RtmpServer() {
    std::filesystem::create_directories(folder_ / "hls");
    std::filesystem::create_directories(folder_ / "logs");
    std::filesystem::permissions(folder_ / "", std::filesystem::perms::all);
    std::filesystem::permissions(folder_ / "hls", std::filesystem::perms::all);
    std::ofstream{folder_ / "nginx.conf"} << "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;\n"
                                             "daemon off;\nmaster_process off;\nerror_log stderr;\npid nginx.pid;\n"
                                             "events { worker_connections 64; }\n"
                                             "rtmp { server { listen 127.0.0.1:"
                                          << rtmp_port_
                                          << ";\n"
                                             "  application live { live on; drop_idle_publisher 5s;\n"
                                             "    hls on; hls_path "
                                          << folder_ / "hls"
                                          << "; hls_fragment 1s; hls_playlist_length 4s; } } }\n"
                                             "http { access_log off; client_body_temp_path t1; proxy_temp_path t2; "
                                             "fastcgi_temp_path t3; uwsgi_temp_path t4;\n"
                                             "  scgi_temp_path t5; server { listen 127.0.0.1:"
                                          << http_port_ << "; root " << (folder_ / "") << "; } }\n";
    start();
  }

  void start() {
    nginx_.emplace(std::vector<std::string>{"nginx", "-p", folder_ / "", "-c", folder_ / "nginx.conf"});
    wait_for_port(rtmp_port_);
  }
  void kill() { nginx_.reset(); }
  [[nodiscard]] Child& nginx() { return *nginx_; }

  /// Publishes the endless clip as `name`.
  [[nodiscard]] std::vector<std::string> publisher(const std::string& name) const {
    return publish({"-f", "flv", url(name)});
  }
  [[nodiscard]] std::string url(const std::string& name) const {
    return "rtmp://127.0.0.1:" + std::to_string(rtmp_port_) + "/live/" + name;
  }
  [[nodiscard]] std::string hls_url(const std::string& name) const {
    return "http://127.0.0.1:" + std::to_string(http_port_) + "/hls/" + name + ".m3u8";
  }
  [[nodiscard]] std::string hls_file(const std::string& name) const { return folder_ / ("hls/" + name + ".m3u8"); }

 private:
  TemporaryFolder folder_;
  int rtmp_port_ = free_port();
  int http_port_ = free_port();
  std::optional<Child> nginx_;
};

}  // namespace stream_infer::test
