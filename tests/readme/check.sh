#!/bin/sh
# check.sh SOURCE_DIR WORK_DIR COMPILER FLAGS…: the C++ in README.md compiles, and its programs are those in the tree.
set -eu
source=$1
work=$2
shift 2

rm -rf "$work"
mkdir -p "$work"
awk -v dir="$work" -f "$source/tests/readme/blocks.awk" "$source/README.md" >"$work/blocks.cpp"
"$@" -I "$source/tests/readme" -Wall -Wextra -Wpedantic -Wconversion -Werror -Wno-unused-variable -Wno-unused-but-set-variable \
  -fsyntax-only \
  "$work/blocks.cpp"

programs=0
for path in $(sed -n 's/^```cpp program //p' "$source/README.md"); do
  diff "$work/$(echo "$path" | tr / _)" "$source/$path"
  programs=$((programs + 1))
done
blocks=$(grep -c '^#line' "$work/blocks.cpp")
echo "$blocks blocks compile, $programs programs are the ones in the tree"
[ "$blocks" -gt 0 ] && [ "$programs" -gt 0 ]
