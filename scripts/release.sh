#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Check that the last commit can be released: ./scripts/release.sh [--since TAG] [--abi-reviewed]
#
# The version is the one in include/clattn.h. The check fails where
#   - the tree has changes that are not committed, or the version has a tag already,
#   - CHANGELOG.md does not begin with a section "## VERSION (YYYY-MM-DD)",
#   - abidiff (Debian: abigail-tools) finds that the library's interface differs from that of TAG by
#     more than new functions, while the SONAME is the same. Structs may grow at their end
#     (struct_size): read the report, and say --abi-reviewed. TAG is the latest version tag by default;
#     without one there is nothing to compare.
#
# At the end it prints the commands that make and publish the tag. It changes nothing.
set -eu

fail() {
    printf 'release: %s\n' "$*" >&2
    exit 1
}

since=
reviewed=no
while [ $# -gt 0 ]; do
    case $1 in
    --since) [ $# -gt 1 ] || fail "--since needs a tag" && since=$2 && shift ;;
    --abi-reviewed) reviewed=yes ;;
    *)
        sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done
cd "$(dirname "$0")/.."

# ---- the version ----

part() {
    sed -n "s/^#define CLATTN_VERSION_$1 \([0-9]*\).*/\1/p" include/clattn.h
}
version=$(part MAJOR).$(part MINOR).$(part PATCH)
tag=v$version
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
! git rev-parse -q --verify "refs/tags/$tag" >/dev/null || fail "$tag exists: raise the version in include/clattn.h"
heading=$(grep -m 1 '^## ' CHANGELOG.md)
expr "$heading" : "## $version ([0-9]\{4\}-[0-9][0-9]-[0-9][0-9])\$" >/dev/null ||
    fail "CHANGELOG.md begins with \"$heading\", not with \"## $version (YYYY-MM-DD)\""

# ---- the interface ----

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

configure() {
    cmake -S "$1" -B "$1/build" -DCMAKE_BUILD_TYPE=Debug -DCLATTN_BUILD_TESTS=OFF -DCLATTN_BUILD_EXAMPLES=OFF \
        -DCLATTN_BUILD_BENCH=OFF -DCLATTN_BUILD_TOOLS=OFF
}

# build COMMIT NAME: its library, with what abidiff reads.
build() {
    mkdir "$scratch/$2"
    git archive "$1" | tar -x -C "$scratch/$2"
    if ! { configure "$scratch/$2" && cmake --build "$scratch/$2/build" --parallel "$(nproc)" --target clattn; } \
        >"$scratch/log" 2>&1; then
        cat "$scratch/log" >&2
        fail "$1 does not build"
    fi
}

soname() {
    readelf -d "$scratch/$1/build/host/libclattn.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'
}

# The bits of abidiff's status: 1 and 2 it failed, 4 something changed, 8 it cannot be compatible.
compare() {
    status=0
    abidiff --no-added-syms --headers-dir1 "$scratch/old/include" --headers-dir2 "$scratch/new/include" \
        "$scratch/old/build/host/libclattn.so" "$scratch/new/build/host/libclattn.so" >"$scratch/report" 2>&1 || status=$?
    [ $((status & 3)) -eq 0 ] || {
        cat "$scratch/report" >&2
        fail "abidiff failed"
    }
    [ $status -ne 0 ] || return 0
    cat "$scratch/report"
    [ $reviewed = yes ] || fail "the interface differs from that of $since, and the SONAME is still $(soname new): raise \
the minor version, or read the report and say --abi-reviewed"
}

since=${since:-$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)}
if [ -z "$since" ]; then
    echo "no version tag before this one: no interface to compare with"
else
    command -v abidiff >/dev/null || fail "abidiff is missing (Debian: abigail-tools)"
    build "$since" old
    build HEAD new
    if [ "$(soname old)" = "$(soname new)" ]; then
        compare
        echo "interface: as in $since, SONAME $(soname new)"
    else
        echo "interface: SONAME $(soname old) in $since, now $(soname new)"
    fi
fi

echo "clattn $version can be released, when ./.ci/run has passed on this commit:"
echo "    git tag -s -m \"clattn $version\" $tag && git push origin $tag"
