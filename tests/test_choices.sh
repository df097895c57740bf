#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Options that go by what is found (cmake/clattn_find.cmake): test_choices.sh SOURCE_FOLDER
#
# Configures a small project again and again while a library comes and goes: AUTO follows it, ON and OFF stay, and what an
# older version kept as a boolean becomes AUTO.
set -eu
. "$(dirname "$0")/scratch.sh"
wants 1 "$@"
source=$(cd "$1" && pwd)

# expect WORD [OPTION ...]: configured so, the project's answer is WORD.
expect() {
    word=$1
    shift
    configure "$@" || fail "does not configure with $*"
    grep -q "^-- answer: $word\$" "$scratch/log" || fail "with '$*' the answer is not $word"
}

configure() {
    cmake -S "$scratch/project" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" "$@" >"$scratch/log" 2>&1
}

install_thing() {
    mkdir -p "$scratch/prefix/include" "$scratch/prefix/lib"
    touch "$scratch/prefix/include/clattn_test_thing.h" "$scratch/prefix/lib/libclattn_test_thing.so"
}

write_project() {
    cat >"$scratch/project/CMakeLists.txt"
    rm -rf "$scratch/build"
}

mkdir "$scratch/project"

project="cmake_minimum_required(VERSION 3.18)
project(choices NONE)
set(CMAKE_FIND_LIBRARY_PREFIXES lib)
set(CMAKE_FIND_LIBRARY_SUFFIXES .so)
include(\"$source/cmake/clattn_find.cmake\")"
# shellcheck disable=SC2016 # CMake's variables
choice='clattn_choice(WITH_THING "Use the thing" "Use the thing, or not")
clattn_find(THING clattn_test_thing.h clattn_test_thing)
clattn_decide(WITH_THING "${THING_FOUND}" "the thing" "its tests")
message(STATUS "answer: ${WITH_THING}")
clattn_tell_left_out()'

echo "$project
$choice" | write_project
expect OFF
grep -q 'its tests (the thing was not found)' "$scratch/build/left_out.txt" || fail "does not say what is left out"
! configure -DWITH_THING=ON || fail "ON is content without the thing"
expect OFF -DWITH_THING=AUTO
install_thing
expect ON
[ ! -s "$scratch/build/left_out.txt" ] || fail "says that something is left out, and nothing is"
expect OFF -DWITH_THING=OFF
expect OFF
grep -q 'its tests (WITH_THING is OFF)' "$scratch/build/left_out.txt" || fail "does not say that it was asked to"
expect ON -DWITH_THING=AUTO
rm -r "$scratch/prefix"
expect OFF
install_thing
expect OFF -DWITH_THING:BOOL=OFF
expect OFF

# As older versions left a folder: an option that keeps what was found first.
for kept in ON OFF; do
    echo "$project
option(WITH_THING \"Use the thing, or not\" $kept)
message(STATUS \"answer: \${WITH_THING}\")" | write_project
    expect $kept
    echo "$project
$choice" >"$scratch/project/CMakeLists.txt"
    expect ON
done

# A project that clattn is a part of says it by a variable.
echo "$project
set(WITH_THING OFF)
$choice" | write_project
expect OFF
echo "choices: all as they should be"
