#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install to a scratch prefix, move it, and build and run consumers of it: test_install.sh BUILD_FOLDER SOURCE_FOLDER
#
# Consumers: tests/install by find_package(clattn), shared, static and from C++; the same program by clattn.pc, shared and
# static. Also: what is installed, the soname, and that nothing but clattn_* is exported.
set -eu
. "$(dirname "$0")/scratch.sh"
wants 2 "$@"

step() {
    printf '== %s\n' "$*"
}

build_with_cmake() {
    cmake -S "$source/tests/install" -B "$scratch/cmake" -DCMAKE_PREFIX_PATH="$prefix" "$@" && cmake --build "$scratch/cmake"
}

build=$(cd "$1" && pwd)
source=$(cd "$2" && pwd)

step "install"
if ! cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log" 2>&1; then
    cat "$scratch/install.log" >&2
    fail "cmake --install failed"
fi
prefix=$scratch/moved
mv "$scratch/first" "$prefix"
(cd "$prefix" && find . ! -type d | sort)
library=$(find "$prefix" -name 'libclattn.so' | head -n 1)
pc=$(find "$prefix" -name clattn.pc | head -n 1)
[ -n "$library" ] || fail "no libclattn.so"
[ -n "$pc" ] || fail "no clattn.pc"
[ -f "$prefix/include/clattn.h" ] || fail "no clattn.h"
for text in LICENSE NOTICE AUTHORS; do
    [ -f "$prefix/share/doc/clattn/$text" ] || fail "no $text"
done
[ -x "$prefix/bin/clattn" ] || fail "no bin/clattn"
LD_LIBRARY_PATH=$(dirname "$library")
export LD_LIBRARY_PATH

step "the tool runs from where it was moved"
"$prefix/bin/clattn" --help >/dev/null || fail "bin/clattn --help failed"

step "where what is installed looks for libraries"
"$source/tests/test_runpath.sh" "$prefix" || fail "a path to libraries is empty or relative"

step "exported symbols and soname"
others=$(nm -D --defined-only "$library" | awk '$3 !~ /^clattn_[a-z]/ { print $3 }')
[ -z "$others" ] || fail "exported, but not clattn_*: $others"
objdump -p "$library" | grep -q 'SONAME *libclattn\.so\.0\.2$' || fail "the soname is not libclattn.so.0.2"

step "find_package"
if ! build_with_cmake >"$scratch/cmake.log" 2>&1; then
    cat "$scratch/cmake.log" >&2
    fail "the consumer with find_package does not build"
fi
for program in consumer_shared consumer_static consumer_cxx; do
    "$scratch/cmake/$program" || fail "$program failed"
done

# What the static library needs is found without pkg-config too: users of CMake need not have it.
step "find_package, where there is no pkg-config"
rm -rf "$scratch/cmake"
if ! build_with_cmake -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON >"$scratch/cmake.log" 2>&1; then
    cat "$scratch/cmake.log" >&2
    fail "the consumer with find_package does not build without pkg-config"
fi
"$scratch/cmake/consumer_static" || fail "consumer_static, built without pkg-config, failed"

if ! command -v pkg-config >/dev/null; then
    echo "SKIPPED the consumers by pkg-config: there is none; ./scripts/setup.sh test installs it"
    exit 77
fi
step "pkg-config"
PKG_CONFIG_PATH=$(dirname "$pc")${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
export PKG_CONFIG_PATH
# Only what pkg-config says, and nothing taken from libraries of libraries.
# shellcheck disable=SC2046 # one word a flag
cc -std=c99 -Wall -Wextra -pedantic -Werror "$source/tests/install/consumer.c" -o "$scratch/shared" \
    -Wl,--no-copy-dt-needed-entries $(pkg-config --cflags --libs clattn) -lm >"$scratch/cc.log" 2>&1 ||
    { cat "$scratch/cc.log" >&2; fail "the consumer with pkg-config does not build"; }
[ ! -s "$scratch/cc.log" ] || { cat "$scratch/cc.log" >&2; fail "the header makes the compiler talk"; }
version=$(sed -n 's/^#define CLATTN_VERSION_M[AI][JN]OR \([0-9]*\).*/\1/p' "$prefix/include/clattn.h" | paste -s -d .)
case $(pkg-config --modversion clattn) in "$version".*) ;; *) fail "clattn.pc is not of version $version" ;; esac
"$scratch/shared" || fail "the consumer with pkg-config failed"
readelf -d "$scratch/shared" | grep -q 'NEEDED.*libclattn' || fail "the consumer does not use the shared library"

mkdir "$scratch/static"
cp "$(dirname "$library")"/libclattn*.a "$scratch/static/libclattn.a"
# Only a static libclattn lies in the first folder that the linker searches.
# shellcheck disable=SC2046
cc -std=c99 "$source/tests/install/consumer.c" -o "$scratch/static/consumer" -L"$scratch/static" \
    $(pkg-config --static --cflags --libs clattn) || fail "the static consumer with pkg-config does not build"
LD_LIBRARY_PATH='' "$scratch/static/consumer" || fail "the static consumer with pkg-config failed"
echo "install: all consumers work"
