# Finds FFmpeg through pkg-config, for this build and for those who use the installed package.
# Gives stream_infer_ffmpeg_FOUND, the target PkgConfig::stream_infer_ffmpeg, and what to say where it is missing.

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(stream_infer_ffmpeg IMPORTED_TARGET  # FFmpeg 4.4 and later
                    libavformat>=58.76 libavcodec>=58.134 libavutil>=56.70 libswscale>=5.9 libavdevice>=58.13 libavfilter>=7.110)
endif()

set(stream_infer_ffmpeg_HELP [[
stream_infer needs pkg-config and FFmpeg 4.4 or later with its development files:
libavformat, libavcodec, libavutil, libswscale, libavdevice, libavfilter. Install them with

  apt-get install pkg-config libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libavdevice-dev libavfilter-dev
  pacman -S pkgconf ffmpeg
  brew install pkg-config ffmpeg

If FFmpeg is installed elsewhere, put the folder of its .pc files into PKG_CONFIG_PATH.
]])
