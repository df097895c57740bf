#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What scripts/skipped_tests.sh and scripts/test.sh tell of a run of tests: test_skips.sh SOURCE_FOLDER
#
# Runs tests that pass, skip and skip without a reason, through ctest, and sees that each is told, and nothing else; then
# test.sh on a project of such tests, with --no-skips and without.
set -eu
. "$(dirname "$0")/scratch.sh"
wants 1 "$@"
source=$(cd "$1" && pwd)

# told STATUS TEST ...: the script's exit status and lines after these tests ran.
told() {
    expected=$1
    shift
    pattern=$(printf '|^%s$' "$@")
    (cd "$scratch/build" && ctest -R "${pattern#|}" --output-log ctest.log >/dev/null)
    status=0
    "$source/scripts/skipped_tests.sh" "$scratch/build" "$scratch/build/ctest.log" >"$scratch/log" || status=$?
    [ $status -eq "$expected" ] || fail "status $status after the tests $*"
}

cat >"$scratch/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.18)
project(skips NONE)
enable_testing()
foreach(name_status whole:0 none:77 silent:77 part:0 unjudged:77)
  string(REGEX MATCH "^(.*):(.*)$" unused ${name_status})
  add_test(NAME ${CMAKE_MATCH_1} COMMAND sh -c "cat ${CMAKE_SOURCE_DIR}/${CMAKE_MATCH_1}; exit ${CMAKE_MATCH_2}")
  set_tests_properties(${CMAKE_MATCH_1} PROPERTIES SKIP_RETURN_CODE 77 LABELS quick)
endforeach()
END
echo "100 cases, nothing SKIPPED" >"$scratch/whole"
echo "SKIPPED: there is no thing" >"$scratch/none"
: >"$scratch/silent"
{
    seq 5000 # more than CTest keeps of a test that passes, elsewhere
    echo "SKIPPED 4 cases: there is no other thing"
} >"$scratch/part"
echo "NOT JUDGED: there is no assembler" >"$scratch/unjudged"
cmake -S "$scratch" -B "$scratch/build" >/dev/null

told 0 whole
[ ! -s "$scratch/log" ] || fail "tells something of a test that passed"
told 0 whole unjudged
grep -qx 'unjudged: NOT JUDGED: there is no assembler' "$scratch/log" || fail "does not tell what was not judged"
told 1 whole none
grep -qx 'none: SKIPPED: there is no thing' "$scratch/log" || fail "does not tell why a test was skipped"
told 1 silent
grep -qx 'silent: SKIPPED, and does not say why' "$scratch/log" || fail "does not tell of a test that is silent"
told 1 whole part
grep -qx 'part: SKIPPED 4 cases: there is no other thing' "$scratch/log" || fail "does not tell of a part"
told 1 whole none silent part unjudged
[ "$(wc -l <"$scratch/log")" -eq 4 ] || fail "tells not of four tests"

echo "the layer (no CLBlast)" >"$scratch/build/left_out.txt"
told 1 whole
grep -qx 'built without the layer (no CLBlast)' "$scratch/log" || fail "does not tell what is not built"

# test.sh, with its neighbours played by others.
mkdir -p "$scratch/tree/scripts"
cp "$source/scripts/test.sh" "$source/scripts/skipped_tests.sh" "$scratch/tree/scripts"
printf '#!/bin/sh\n' >"$scratch/tree/scripts/setup.sh"
printf '#!/bin/sh\ncmake -S "%s" -B build\n' "$scratch" >"$scratch/tree/scripts/configure.sh"
chmod +x "$scratch/tree/scripts/"*.sh
"$scratch/tree/scripts/test.sh" --quick >"$scratch/log" 2>&1 || fail "test.sh fails at tests that are skipped"
sed -n '/^== left out/,$p' "$scratch/log" | grep -q '^none: SKIPPED: there is no thing' || fail "test.sh does not tell"
! "$scratch/tree/scripts/test.sh" --quick --no-skips >"$scratch/log" 2>&1 || fail "--no-skips allows tests to be skipped"
for name in none silent part; do
    echo "nothing is missing" >"$scratch/$name"
done
sed 's/:77/:0/g' "$scratch/CMakeLists.txt" >"$scratch/none_skips"
mv "$scratch/none_skips" "$scratch/CMakeLists.txt"
"$scratch/tree/scripts/test.sh" --quick --no-skips >"$scratch/log" 2>&1 || fail "--no-skips fails where nothing is skipped"
echo "skips: all told"
