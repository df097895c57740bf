#!/bin/sh
# The library without its layer: test_without_clblast.sh SOURCE_FOLDER
#
# Builds with CLATTN_WITH_CLBLAST off into a scratch folder; sees that nothing links CLBlast, that the tool says what is
# missing, and that the layer's functions give their status.
set -eu

fail() {
    printf 'test_without_clblast: %s\n' "$*" >&2
    exit 1
}

if [ $# -ne 1 ]; then
    sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
source=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

build() {
    cmake -S "$source" -B "$scratch/build" -DCLATTN_WITH_CLBLAST=OFF -DCLATTN_BUILD_TESTS=ON \
        -DCLATTN_BUILD_EXAMPLES=OFF -DCLATTN_BUILD_BENCH=OFF &&
        cmake --build "$scratch/build" --target clattn clattn_tool test_layer_absent
}
if ! build >"$scratch/log" 2>&1; then
    cat "$scratch/log" >&2
    fail "the library does not build without CLBlast"
fi

if readelf -d "$scratch/build/host/libclattn.so" | grep -qi clblast; then
    fail "the library links CLBlast all the same"
fi
"$scratch/build/tools/clattn" devices | grep -q 'layer: not available, built without CLBlast' ||
    fail "'clattn devices' does not say that the layer is missing"
"$scratch/build/tests/test_layer_absent" || fail "test_layer_absent failed"
echo "without_clblast: all as it should be"
