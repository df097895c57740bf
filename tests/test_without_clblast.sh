#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library without its layer: test_without_clblast.sh SOURCE_FOLDER
#
# Builds into a scratch folder where CMake finds no CLBlast; sees that nothing links it, that the tool says what is missing,
# and that the layer's functions give their status. Then CLBlast is found, and the same folder takes it.
set -eu
. "$(dirname "$0")/scratch.sh"
wants 1 "$@"
source=$(cd "$1" && pwd)

build() {
    cmake -S "$source" -B "$scratch/build" -DCMAKE_DISABLE_FIND_PACKAGE_CLBlast=ON -DCLATTN_BUILD_TESTS=ON \
        -DCLATTN_BUILD_EXAMPLES=OFF -DCLATTN_BUILD_BENCH=OFF &&
        cmake --build "$scratch/build" --target clattn clattn_tool test_layer_absent
}
build >"$scratch/log" 2>&1 || fail "the library does not build without CLBlast"

if readelf -d "$scratch/build/host/libclattn.so" | grep -qi clblast; then
    fail "the library links CLBlast all the same"
fi
"$scratch/build/tools/clattn" devices | grep -q 'layer: not available, built without CLBlast' ||
    fail "'clattn devices' does not say that the layer is missing"
"$scratch/build/tests/test_layer_absent" || fail "test_layer_absent failed"

grep -q 'the layer and its tests (CLBlast was not found)' "$scratch/build/left_out.txt" ||
    fail "the build does not say that it is without its layer"
cmake -S "$source" -B "$scratch/build" -DCMAKE_DISABLE_FIND_PACKAGE_CLBlast=OFF >"$scratch/log" 2>&1 ||
    fail "the folder cannot be configured again"
if grep -q '^CLBlast_DIR:PATH=.*NOTFOUND' "$scratch/build/CMakeCache.txt"; then
    echo "SKIPPED the last part: there is no CLBlast here to be found later"
elif [ -s "$scratch/build/left_out.txt" ]; then
    cat "$scratch/build/left_out.txt" >&2
    fail "CLBlast is there now, and the build is still without it"
fi
echo "without_clblast: all as it should be"
