#!/bin/sh
# side_by_side.sh TESTS TAG…: runs the parts of a test program that wait for most of their time, all at once, and fails if one does.
tests=$1
shift
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
for tag in "$@"; do
  { "$tests" "$tag" >"$folder/$tag" 2>&1; echo $? >"$folder/$tag.status"; } &
done
wait
failed=0
for tag in "$@"; do
  cat "$folder/$tag"
  [ "$(cat "$folder/$tag.status")" = 0 ] || failed=1
done
exit $failed
