#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Where the programs and libraries of a build folder look for libraries: test_runpath.sh BUILD_FOLDER
#
# An empty or relative entry of RPATH or RUNPATH is a folder below the current one: whoever may write there would have
# their libraries loaded. Entries must be absolute, or begin with $ORIGIN.
set -eu
. "$(dirname "$0")/scratch.sh"
wants 1 "$@"

# The entries of a file, one a line, each with a dot in front: an empty one shows.
entries() {
    readelf -d "$1" 2>/dev/null | sed -n 's/.*(R[A-Z]*PATH).*\[\(.*\)\]$/\1/p' | tr ':' '\n' | sed 's/^/./'
}

# What others made, below names of their own, is not ours to judge.
find "$1" \( -name venv -o -name cache -o -name CMakeFiles \) -prune -o \
    -type f \( -perm -u+x -o -name '*.so*' \) -print >"$scratch/files"
seen=0
wrong=0
while IFS= read -r file; do
    readelf -h "$file" >/dev/null 2>&1 || continue
    seen=$((seen + 1))
    entries "$file" >"$scratch/entries"
    # shellcheck disable=SC2016 # $ORIGIN is the loader's
    if grep -Ev '^\.(/|\$ORIGIN(/|$))' "$scratch/entries" >"$scratch/bad"; then
        echo "test_runpath: $file looks for libraries in [$(sed 's/^\.//' "$scratch/bad" | tr '\n' ':')]" >&2
        wrong=$((wrong + 1))
    fi
done <"$scratch/files"
[ "$seen" -gt 0 ] || { echo "test_runpath: no program in $1" >&2; exit 1; }
echo "$seen programs and libraries, $wrong with an empty or relative entry"
[ "$wrong" -eq 0 ]
