#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs cases under oclgrind: oclgrind_gate.sh races|uninitialized ENGINE TEST_CASES
# or a whole test, for both:  oclgrind_gate.sh program ENGINE TEST
#
# oclgrind simulates a device and sees data races, reads of what was never written, accesses outside of buffers, and barriers that
# not all work-items reach. Its exit status says nothing: the log must be empty, and the results right.
set -eu

what=$1
engine=$2
test_cases=$3
vendor=
for candidate in /usr/lib/oclgrind/liboclgrind-rt-icd.so /usr/lib/*/oclgrind/liboclgrind-rt-icd.so \
    /usr/local/lib/liboclgrind-rt-icd.so; do
    [ -e "$candidate" ] && vendor=$candidate
done
if [ -z "$vendor" ]; then
    echo "SKIPPED: oclgrind is not installed; ./scripts/setup.sh test does so where apt has it"
    exit 77
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export OCL_ICD_VENDORS="$vendor" OCLGRIND_LOG="$log" OCLGRIND_MAX_ERRORS=20 CLATTN_TEST_ENGINE="$engine"
unset CLATTN_TEST_DEVICE

finish() {
    if [ -s "$log" ]; then
        head -n 60 "$log"
        echo "oclgrind_gate: $what, engine $engine: findings above" >&2
        exit 1
    fi
}

case $what in
races)
    OCLGRIND_DATA_RACES=1 "$test_cases" --tier=tiny
    finish
    if [ "$engine" = cpu ]; then # sums long enough for a flush; with simt that takes minutes
        OCLGRIND_DATA_RACES=1 "$test_cases" b1 h1 n5 m1060 d8
        finish
    fi
    ;;
uninitialized)
    # Without optimisation: the simulator does not know the instruction `freeze` that the optimiser makes.
    export OCLGRIND_UNINITIALIZED=1 CLATTN_TEST_BUILD_OPTIONS="${CLATTN_TEST_BUILD_OPTIONS:-} -cl-opt-disable"
    # Work-groups of more than one item take ten seconds a line: by night all lines, else those that differ most.
    if [ "$engine" != cpu ] && [ -z "${CLATTN_TEST_NIGHTLY:-}" ]; then
        "$test_cases" --lines "b1 h2/1 n3 m17 d8 causal mask=random:1,2,3,17" "b1 h2 n7 m9 d8/5 dtype=f16 causal layout=padded" \
            "b1 h2/1 n3 m40 d8 causal kvlen splits=2 tile=12x16 grad=none" \
            "b1 h1 n17 m19 d8 align=3 window=4,2 tile=12x16 data=nanpad" "b1 h2/1 n3 m17 d8 alibi=usual:1,2 kvlen"
        finish
        exit 0
    fi
    # In one process: an engine that is tried out first takes a minute for that.
    "$test_cases" --lines "b1 h1 n7 m9 d8" "b2 h2 n17 m19 d8 causal kvlen" "b1 h2/1 n3 m17 d8 causal mask=random:1,2,3,17" \
        "b1 h1 n9 m18 d40/24 mask=suffix:1,1,1,18 data=nanpad" "b1 h2 n7 m9 d8/5 dtype=f16 causal layout=padded" \
        "b1 h1 n9 m9 d7/8 dtype=bf16 layout=packed" "b1 h2/1 n3 m40 d8 causal kvlen splits=2 tile=12x16 grad=none" \
        "b1 h1 n9 m17 d1 grad=dv" "b1 h1 n17 m19 d8 align=3 window=4,2 tile=12x16 data=nanpad" \
        "b1 h2 n9 m17 d8 causal alibi=varied:1,2" "b1 h2/1 n3 m17 d8 alibi=usual:1,2 kvlen" \
        "b1 h2 n9 m17 d8 causal dlse" "b1 h2/1 n3 m40 d8 maxlogit kvlen splits=2 tile=12x16 grad=none"
    finish
    ;;
program)
    OCLGRIND_DATA_RACES=1 "$test_cases"
    finish
    OCLGRIND_UNINITIALIZED=1 CLATTN_TEST_BUILD_OPTIONS="${CLATTN_TEST_BUILD_OPTIONS:-} -cl-opt-disable" "$test_cases"
    finish
    ;;
*)
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
