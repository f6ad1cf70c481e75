#pragma once

#include "stream_infer/core/error.hpp"
#include "stream_infer/core/media_time.hpp"
#include "stream_infer/core/min_max.hpp"
#include "stream_infer/ffmpeg/compat.hpp"
#include "stream_infer/ffmpeg/error.hpp"
#include "stream_infer/ffmpeg/handle.hpp"
#include "stream_infer/ffmpeg/output.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace stream_infer::ffmpeg {

/// Makes packets of pictures. One thread.
class Encoder {
 public:
  struct Settings {
    std::string name{};        ///< FFmpeg's name of it; empty: H.264 where the container can hold it, else its default
    NamedOptions options{};    ///< of the encoder
    bool at_once = false;      ///< packets are not kept back to look ahead
    std::string_view owner{};  ///< for errors
  };

  /// What its pictures are like.
  struct Pictures {
    int width = 0, height = 0;
    MediaTime period{};  ///< from one to the next, about
    MediaTime keyframe_interval{};
  };

  /// Checks all that can be known before there is a picture. \throws Error
  static void check(const Settings& settings, const AVOutputFormat& container) {
    const compat::Codec& codec = find(settings, container);
    static_cast<void>(make_context(settings, codec));
    check_values(settings, container);
  }

  /// \throws Error
  Encoder(const Settings& settings, const AVOutputFormat& container, const Pictures& pictures)
      : codec_{&find(settings, container)}, context_{make_context(settings, *codec_)} {
    AVCodecContext& context = *context_;
    const MediaTime period = pictures.period > MediaTime{0} ? pictures.period : MediaTime{40'000'000};
    av_reduce(&context.framerate.num, &context.framerate.den, 1'000'000'000, period.count(), 1'000'000);
    context.time_base = time_base(container);
    if (context.pix_fmt == AV_PIX_FMT_NONE) context.pix_fmt = pixel_format(*codec_);
    const AVPixFmtDescriptor* const format = av_pix_fmt_desc_get(context.pix_fmt);
    context.width = pictures.width >> format->log2_chroma_w << format->log2_chroma_w;
    context.height = pictures.height >> format->log2_chroma_h << format->log2_chroma_h;
    if (context.width == 0 || context.height == 0)
      throw Error{Errc::invalid_argument, "record", {}, "pictures of one pixel's width cannot be encoded"};
    if ((format->flags & AV_PIX_FMT_FLAG_RGB) == 0) {
      const bool is_jpeg = codec_->id == AV_CODEC_ID_MJPEG;  // JFIF has colours of its own
      context.colorspace = context.height >= 720 && !is_jpeg ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
      if (context.color_range == AVCOL_RANGE_UNSPECIFIED)
        context.color_range = is_jpeg ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    }
    if (std::ranges::none_of(settings.options, [](const auto& option) { return option.first == "g"; }))
      context.gop_size = static_cast<int>(
          stream_infer::detail::clamp<std::int64_t>((pictures.keyframe_interval + period / 2) / period, 1, 10'000));
    period_ = av_rescale_q(1, av_inv_q(context.framerate), context.time_base);
    if ((container.flags & AVFMT_GLOBALHEADER) != 0) context.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (const int code = avcodec_open2(&context, codec_, nullptr); code < 0)
      throw make_error(code, "record", {},
                       std::string{"the encoder "} + codec_->name + " does not take pictures of " +
                           std::to_string(context.width) + "x" + std::to_string(context.height) +
                           ", or an option of it (" + std::string{settings.owner} + "::encoder_options)");
  }

  /// Gives it a picture, whose `pts` is in units of time_base(). \param key  it shall be one to begin with \throws Error
  void send(AVFrame& picture, bool key) {
    picture.pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    check(avcodec_send_frame(context_.get(), &picture));
  }
  /// There are no more. \throws Error
  void finish() { check(avcodec_send_frame(context_.get(), nullptr)); }

  /// Returns false if it has none yet. \throws Error
  [[nodiscard]] bool receive(AVPacket& packet) {
    const int code = avcodec_receive_packet(context_.get(), &packet);
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return false;
    check(code);
    if (packet.duration == 0) packet.duration = period_;
    return true;
  }

  [[nodiscard]] const AVCodecContext& context() const { return *context_; }
  /// The stream, for a container. \throws std::bad_alloc
  [[nodiscard]] UniqueParameters parameters() const {
    UniqueParameters parameters{detail::not_null(avcodec_parameters_alloc())};
    if (avcodec_parameters_from_context(parameters.get(), context_.get()) < 0) throw std::bad_alloc{};
    return parameters;
  }

 private:
  static const compat::Codec& find(const Settings& settings, const AVOutputFormat& container) {
    const std::string option = std::string{settings.owner} + "::encoder";
    if (!settings.name.empty()) {
      const compat::Codec* const named = avcodec_find_encoder_by_name(settings.name.c_str());
      if (named == nullptr || named->type != AVMEDIA_TYPE_VIDEO)
        throw Error{Errc::unsupported,
                    "record",
                    {},
                    option + ": this FFmpeg has no video encoder '" + settings.name +
                        "' (ffmpeg -encoders lists those it has)"};
      if (avformat_query_codec(&container, named->id, FF_COMPLIANCE_NORMAL) == 0)
        throw Error{Errc::unsupported,
                    "record",
                    {},
                    option + ": the container " + container.name + " does not hold what '" + settings.name + "' makes"};
      return *named;
    }
    if (holds_h264(container))
      if (const compat::Codec* const h264 = avcodec_find_encoder(AV_CODEC_ID_H264)) return *h264;
    const compat::Codec* const usual = avcodec_find_encoder(container.video_codec);
    if (usual == nullptr || usual->type != AVMEDIA_TYPE_VIDEO)
      throw Error{Errc::unsupported,
                  "record",
                  {},
                  option + ": this FFmpeg has no video encoder for the container " + container.name};
    return *usual;
  }

  static bool holds_h264(const AVOutputFormat& container) {
    const int answer = avformat_query_codec(&container, AV_CODEC_ID_H264, FF_COMPLIANCE_NORMAL);
    if (answer >= 0) return answer == 1;
    return av_match_name(container.name, "mpegts,rtsp,rtp,rtp_mpegts") != 0;  // which do not say
  }

  static UniqueCodecContext make_context(const Settings& settings, const compat::Codec& codec) {
    UniqueCodecContext context{detail::not_null(avcodec_alloc_context3(&codec))};
    context->thread_count = 0;  // as many as it likes
    const auto set = [&](const char* key, const char* value) {
      return av_opt_set(context.get(), key, value, AV_OPT_SEARCH_CHILDREN);
    };
    set("forced-idr", "1");  // where it is known: a key frame that was asked for is one to begin with
    if (std::string_view{codec.name}.starts_with("libx26")) {
      set("preset", "veryfast");
      set("x265-params", "log-level=none");
      context->flags |= AV_CODEC_FLAG_CLOSED_GOP;  // what comes after a key frame does without what was before
    }
    if (settings.at_once) {
      context->max_b_frames = 0;
      set("tune", "zerolatency");
    }
    for (const auto& [key, value] : settings.options) {
      const int code = set(key.c_str(), value.c_str());
      if (code >= 0) continue;
      std::string what{settings.owner};
      what += "::encoder_options: ";
      if (code != AVERROR_OPTION_NOT_FOUND) throw make_error(code, "record", {}, what + cannot_be(key, value));
      what += "'" + key + "' is not one that the encoder ";
      throw Error{Errc::invalid_argument, "record", {}, what + codec.name + " knows"};
    }
    return context;
  }

  /// Some values are looked at only when it opens: names the option with which it does not, where it does without.
  static void check_values(const Settings& settings, const AVOutputFormat& container) {
    const auto opens_with = [&](std::size_t options) {
      Settings some{settings};
      some.options.resize(options);
      try {
        const Encoder opened{some, container, {640, 360, MediaTime{40'000'000}, MediaTime{2'000'000'000}}};
        return true;
      } catch (const Error&) {
        return false;
      }
    };
    std::size_t options = settings.options.size();
    if (options == 0 || opens_with(options) || !opens_with(0)) return;
    while (!opens_with(options - 1)) --options;
    const auto& [key, value] = settings.options[options - 1];
    throw Error{Errc::invalid_argument,
                "record",
                {},
                std::string{settings.owner} + "::encoder_options: " + cannot_be(key, value)};
  }

  static AVPixelFormat pixel_format(const compat::Codec& codec) {
    const AVPixelFormat* const formats = compat::pixel_formats(codec);
    if (formats == nullptr) return AV_PIX_FMT_YUV420P;
    for (const AVPixelFormat* format = formats; *format != AV_PIX_FMT_NONE; ++format)
      if (*format == AV_PIX_FMT_YUV420P) return *format;
    return avcodec_find_best_pix_fmt_of_list(formats, AV_PIX_FMT_YUV420P, 0, nullptr);
  }

  /// As fine as codec and container allow: pictures keep their times, at whatever rate they come.
  AVRational time_base(const AVOutputFormat& container) {
    if (const AVRational* const rates = compat::frame_rates(*codec_)) {  // only these
      context_->framerate = rates[av_find_nearest_q_idx(context_->framerate, rates)];
      return av_inv_q(context_->framerate);
    }
    const bool counts_pictures = codec_->id == AV_CODEC_ID_THEORA || av_match_name("avi", container.name) != 0;
    if (counts_pictures) return av_inv_q(context_->framerate);       // and each unit without one would count as one
    return {1, codec_->id == AV_CODEC_ID_MPEG4 ? 60'000 : 120'000};  // it has 16 bits for that
  }

  void check(int code) const {
    if (code < 0) throw make_error(code, "record", {}, std::string{"the encoder "} + codec_->name + " failed");
  }

  const compat::Codec* codec_;
  UniqueCodecContext context_;
  std::int64_t period_ = 0;  // of the pictures, in the context's time base
};

}  // namespace stream_infer::ffmpeg
