# Sourced by tests/run.sh and examples/run.sh.

# What it takes to build with the library.
build_packages=(g++ cmake ninja-build pkg-config ffmpeg
                libavformat-dev libavcodec-dev libavutil-dev libswscale-dev libavdevice-dev libavfilter-dev)
# What the optional parts need.
adapter_packages=(nlohmann-json3-dev libsqlite3-dev libhiredis-dev libmariadb-dev libmosquitto-dev libcurl4-openssl-dev
                  libopencv-objdetect-dev libopencv-video-dev libopencv-dnn-dev libopencv-videoio-dev)

# install_packages PACKAGE…: installs those that are missing. Without apt-get it says what must be there and goes on.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "No apt-get here: this needs what Debian calls $*"
    return 0
  fi

  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Missing, and neither root nor sudo to install it. As root: apt-get install ${missing[*]}" >&2
      return 1
    fi
    root=(sudo)
  fi
  echo "Installing ${missing[*]}"
  "${root[@]}" apt-get update -qq &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
}

# clang's sanitizers and fuzzer, where they are a package of their own.
install_sanitizers_of_clang() {
  command -v clang++ >/dev/null || return 0
  find "$(clang++ -print-resource-dir)/lib" -name 'libclang_rt.asan*' 2>/dev/null | grep -q . ||
    install_packages "libclang-rt-$(clang++ -dumpversion | cut -d. -f1)-dev"
}
