#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run all checks that docs/devices.md records of a device:
# ./scripts/check_gpu.sh BINARIES LOGS [--device WHICH]
#
# BINARIES: a folder with clattn and clattn-bench and, to test the layer too, the test programs
# test_layer*. LOGS: a folder for their output. Lists the devices; runs the whole case table and the
# tensor past 2^31 elements with every engine and type, the quick tier on engine cpu, the layer's
# tests, and the benchmark (LOGS/bench.csv).
set -u

if [ $# -lt 2 ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
binaries=$1
logs=$2
shift 2
mkdir -p "$logs"
rm -f "$logs"/check_*.log
status=0

run() {
    log=$1
    shift
    echo "== $*"
    "$@" >"$logs/$log" 2>&1 || { echo "   exit status $?"; status=1; }
    tail -n 25 "$logs/$log"
}

run devices.log "$binaries/clattn" devices
if grep 'is wrong (' "$logs/devices.log"; then
    echo "   an engine that the device is able to run computes something else"
    status=1
fi

# The whole table: in the cases' own types on the best engine, and in both 16-bit types on each
# available engine. All run in parallel, in parts, as compilers take most of the time.
parts=$((($(getconf _NPROCESSORS_ONLN) + 7) / 8))
in_background() {
    log=$1
    shift
    "$@" >"$logs/$log" 2>&1 || echo "   exit status $?" >>"$logs/$log"
}
in_background check_cpu_engine.log "$binaries/clattn" check --tier quick --engine cpu "$@" &
for part in $(seq "$parts"); do
    in_background "check_full_$part.log" "$binaries/clattn" check --tier full --part "$part/$parts" "$@" &
    for engine in simt $(sed -n 's/.*engine \([a-z_]*\): available/\1/p' "$logs/devices.log" | sort -u); do
        for type in f16 bf16; do
            in_background "check_${engine}_${type}_$part.log" "$binaries/clattn" check --tier full \
                --part "$part/$parts" --engine "$engine" --dtype $type "$@" &
        done
    done
done
wait
for log in "$logs"/check_*.log; do
    echo "== $log"
    tail -n 25 "$log"
    ! grep -q '^   exit status' "$log" || status=1
done

if [ "${1:-}" = --device ]; then
    CLATTN_TEST_DEVICE=$2
    export CLATTN_TEST_DEVICE
fi
for test in "$binaries"/test_layer*; do
    [ ! -x "$test" ] || run "$(basename "$test").log" "$test"
done
run startup_first.log "$binaries/clattn-bench" "$@" --startup
run startup.log "$binaries/clattn-bench" "$@" --startup
run bench.log "$binaries/clattn-bench" "$@" --csv "$logs/bench.csv" \
    "b1 h16 n2048 m2048 d64" "b1 h16 n2048 m2048 d128" \
    "b2 h32 n8192 m8192 d64" "b2 h32 n8192 m8192 d64 causal" \
    "b2 h16 n8192 m8192 d128" "b2 h16 n8192 m8192 d128 causal"
exit $status
