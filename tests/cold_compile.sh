#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a test many times, each time with nothing compiled beforehand: cold_compile.sh RUNS COMMAND [ARGUMENT ..]
#
# For a compiler that does not always make the same of the same source, as PoCL 6: prints which runs failed, and how many
# different binaries each of PoCL's programs came out as. Ends with 1 where a run failed. By hand, on Debian 13:
#
#   tests/cold_compile.sh 100 env LD_PRELOAD=$PWD/build/tests/libkeep_small.so build/tests/test_engines
#
# and without LD_PRELOAD to see why it is there.
set -eu

[ $# -ge 2 ] || { sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2; exit 2; }
runs=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    mkdir "$scratch/pocl" "$scratch/cache"
    POCL_CACHE_DIR="$scratch/pocl" XDG_CACHE_HOME="$scratch/cache" "$@" >"$scratch/log" 2>&1 || {
        failed=$((failed + 1))
        echo "run $run of $runs failed:"
        grep -a -E 'ERROR|FAILED|wrong' "$scratch/log" || tail -n 20 "$scratch/log"
    }
    (cd "$scratch/pocl" && find . -name '*.so' -exec sha256sum {} +) >>"$scratch/binaries"
    rm -rf "$scratch/pocl" "$scratch/cache"
done
# times a binary came up, its first digits, its program: lines of the same program are what differs
sed 's/^\(........\)[^ ]*  \(.*\)$/\1 \2/' "$scratch/binaries" | sort | uniq -c | sort -k 3
echo "$failed of $runs runs failed"
[ "$failed" = 0 ]
