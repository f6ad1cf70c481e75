#!/usr/bin/env bash
# tests/run.sh [--quick] [STEP…]: installs what is missing (Debian, Ubuntu), builds, tests, and sums up.
#
# Steps, all but debug and clang by default:
#   release  g++, optimised: every test, every header alone, examples, consumers of the package
#   debug    the same, not optimised
#   asan     clang++ with all warnings: tests and examples under AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan     the tests labelled `concurrency` under ThreadSanitizer
#   clang    clang++, as debug
#   format   clang-format 14, on every file
#   tidy     clang-tidy, on all headers and the examples
# --quick: release and format, without the consumers of the package.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. cmake/install_packages.sh

quick=
steps=()
for argument in "$@"; do
  case $argument in
    --quick) quick=yes ;;
    release | debug | asan | tsan | clang | format | tidy) steps+=("$argument") ;;
    *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ ${#steps[@]} -eq 0 ]; then
  steps=(release asan tsan format tidy)
  [ -n "$quick" ] && steps=(release format)
fi

# GCC's and older clang's sanitizers cannot start where the kernel randomises more address bits than they knew of.
fixed_addresses=()
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ] && setarch -R true 2>/dev/null; then
  fixed_addresses=(setarch -R)
fi

preset() {
  local name=$1 compiler=$2
  shift 2
  CXX=$compiler cmake --preset "$name" && cmake --build --preset "$name" --parallel "$(nproc)" &&
    "${fixed_addresses[@]}" ctest --preset "$name" --parallel "$(($(nproc) + 1))" "$@"  # some do little but wait
}

step_release() {
  rm -f build/release/tests/faults.txt
  preset release g++ ${quick:+-LE packaging}
  local status=$?
  print_faults
  return $status
}

# What the tests made go wrong, and what happened.
print_faults() {
  [ -s build/release/tests/faults.txt ] || return 0
  printf '\n| # | fault, as made | required | happened |\n|---|---|---|---|\n'
  sort -t'|' -k2n build/release/tests/faults.txt | uniq
}
step_debug() { preset debug g++ ${quick:+-LE packaging}; }
step_asan() { STREAM_INFER_TEST_ROUNDS=0.3 preset asan clang++; }
step_tsan() { STREAM_INFER_TEST_ROUNDS=0.5 preset tsan g++; }
step_clang() { STREAM_INFER_TEST_ROUNDS=0.3 preset clang clang++ ${quick:+-LE packaging}; }

step_format() {  # other versions format otherwise
  local program
  program=$(command -v clang-format-14 || command -v clang-format) || return 1
  if ! "$program" --version | grep -q 'version 14\.'; then
    echo "skipped: needs clang-format 14, and this is $("$program" --version)"
    return 0
  fi
  find include tests examples bench \( -name '*.hpp' -o -name '*.cpp' \) -print0 | xargs -0 "$program" --dry-run -Werror
}

step_tidy() {
  cmake --preset clang >/dev/null || return 1
  find build/clang/tests/headers/all_headers examples -name '*.cpp' -print0 |
    xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/clang 2>&1 | sed '/ warnings generated\.$/d'
}

# What live sources and stores are tested with. Where packages start what they bring, that is not wanted here.
install_servers() {
  local policy=/usr/sbin/policy-rc.d made=
  if [ "$(id -u)" -eq 0 ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=yes
  fi
  install_packages nginx-light libnginx-mod-rtmp python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base \
    gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly iptables iproute2 xvfb \
    redis-server mariadb-server mosquitto mosquitto-clients openssl sqlite3 curl opencv-data
  local status=$?
  install_packages influxdb || echo 'Without influxdb its tests are skipped.'  # not every distribution has it
  [ -z "$made" ] || rm -f "$policy"
  return $status
}

install_packages "${build_packages[@]}" "${adapter_packages[@]}" catch2 relacy-dev ccache clang clang-tidy clang-format || exit 1
install_sanitizers_of_clang || exit 1
[ -n "$quick" ] || install_servers || exit 1

mkdir -p build/logs
summary=
failed=0
for step in "${steps[@]}"; do
  printf '\n==== %s\n' "$step"
  log=build/logs/$step.log
  SECONDS=0
  if "step_$step" 2>&1 | tee "$log"; then
    verdict=passed
  else
    verdict=FAILED
    failed=$((failed + 1))
  fi
  grep -q '^skipped: ' "$log" && verdict=skipped
  summary+=$(printf '%-8s %-8s %4d s\n' "$step" "$verdict" "$SECONDS")$'\n'
  # ctest's own summary, with the names of what failed or was skipped
  summary+=$(grep -E '^[0-9]+% tests passed|^Total Test time|^The following tests|^[[:space:]]+[0-9]+ - ' "$log" |
    sed 's/^/         /')$'\n'
done

printf '\n==== summary\n%s' "$(sed '/^ *$/d' <<<"$summary")"
printf '\n%s\n' "$([ $failed -eq 0 ] && echo 'All steps passed.' || echo "$failed of ${#steps[@]} steps failed.")"
[ $failed -eq 0 ]
