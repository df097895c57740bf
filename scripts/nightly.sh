#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run the tests that take too long for every change: ./scripts/nightly.sh PART ...
#
#   cases     the case table on engines cpu and simt with PoCL's optimiser, as users' kernels are
#             compiled; the small tier on nvidia_mma; engine cpu with other tiles; more on oclgrind, and
#             more faults in the layer's calls
#   pairs     every pair of two options on engines cpu and simt, and on all three engines cases whose options are
#             drawn; the seed is the date
#   random    random problems, 15 minutes per engine; the seed is the date
#   fuzz      libFuzzer on tuned rows and on .npy files, 15 minutes each
#   offline   every configuration of the built-in tables for nine GPUs, and the kernel lint of all cases
#   intel     every device test on Intel's OpenCL runtime for CPUs, and all other tests labelled nightly
#   all       all parts, one after the other
#
# Needs the build folder of ./scripts/test.sh. A part is meant to take at most an hour on two cores. All parts run,
# even if one fails; the exit status is 1 then. CLATTN_NIGHTLY_SECONDS replaces the 15 minutes.
set -eu

status=0
nightly_tests='^(oclgrind_uninitialized_(simt|nvidia_mma)|layer_faults)$' # CLATTN_TEST_NIGHTLY makes them longer

run() {
    printf '\n== %s\n' "$*"
    "$@" || failed "$@"
}

failed() {
    echo "nightly.sh: failed: $*" >&2
    status=1
}

# table ENGINE [VARIABLE=VALUE ...] TIER|--ARGUMENT: cases, with separate caches.
table() (
    engine=$1
    shift
    status=0
    export XDG_CACHE_HOME="$tests/nightly" POCL_CACHE_DIR="$tests/nightly/pocl" POCL_SIGFPE_HANDLER=0
    export CLATTN_TEST_ENGINE="$engine"
    while [ $# -gt 1 ]; do
        export "${1?}"
        shift
    done
    case $1 in
    --*) run "$tests/test_cases" "$1" ;;
    *) run "$tests/test_cases" "--tier=$1" ;;
    esac
    exit $status
)

cases() {
    table simt full &
    simt=$!
    table cpu full || status=1
    for tile in 1x1 16x48 96x32; do
        table cpu POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable CLATTN_TEST_TILE=$tile full || status=1
    done
    table nvidia_mma CLATTN_TEST_DTYPE=f16 "CLATTN_TEST_BUILD_OPTIONS=-DPTX_FILE=<$PWD/check/emulated_ptx.cl>" \
        LD_PRELOAD="$keep_small" tiny || status=1
    run ctest --test-dir build --output-on-failure --no-tests=error -R "$nightly_tests"
    wait $simt || failed "table simt"
}

pairs() {
    without=POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable
    (
        table cpu $without --pairs || status=1
        table cpu $without "--mixes=$day,100" || status=1
        exit $status
    ) &
    cpu=$!
    table simt $without --pairs || status=1
    wait $cpu || failed "pairs on cpu"
    table simt $without "--mixes=$day,30" &
    simt=$!
    table nvidia_mma $without CLATTN_TEST_DTYPE=f16 "CLATTN_TEST_BUILD_OPTIONS=-DPTX_FILE=<$PWD/check/emulated_ptx.cl>" \
        LD_PRELOAD="$keep_small" "--mixes=$day,30" || status=1
    wait $simt || failed "mixes on simt"
}

random() {
    for engine in cpu simt; do
        run env POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable "$tests/random_problems" --engine $engine --seed "$day" \
            --seconds "$seconds"
    done
    run env POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable LD_PRELOAD="$keep_small" \
        CLATTN_TEST_BUILD_OPTIONS="-DPTX_FILE=<$PWD/check/emulated_ptx.cl>" \
        "$tests/random_problems" --engine nvidia_mma --seed "$day" --seconds "$seconds"
}

fuzz() {
    for name in tuned npy; do
        run tests/rigs/fuzz.sh $name "$PWD" "$tests/nightly" "$seconds"
    done
}

offline() {
    run scripts/compile_offline.py "$tests/list_table" --jobs "$(nproc)"
    run tests/lint_kernels.sh "$tests/list_configs" kernels full
}

intel() {
    run ./scripts/intel_runtime.sh build/intel
    run ./scripts/configure.sh build -DCLATTN_INTEL_CPU_RUNTIME=ON
    run cmake --build build
    run ctest --test-dir build --output-on-failure --no-tests=error --parallel "$(nproc)" -L '^(intel|nightly)$'
}

cd "$(dirname "$0")/.."
tests=$PWD/build/tests
keep_small=$(ls "$tests/libkeep_small.so" 2>/dev/null || true) # where PoCL needs it
export CLATTN_TEST_NIGHTLY=1
day=$(date +%Y%m%d)
seconds=${CLATTN_NIGHTLY_SECONDS:-900}
[ $# -gt 0 ] || set -- help
[ "$*" != all ] || set -- cases pairs random fuzz offline intel
for part in "$@"; do
    case $part in
    cases | pairs | random | fuzz | offline | intel) ;;
    *)
        sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done
if [ ! -x "$tests/test_cases" ]; then
    echo "nightly.sh: there is no build; ./scripts/test.sh makes it" >&2
    exit 1
fi
mkdir -p "$tests/nightly"
for part in "$@"; do
    began=$(date +%s)
    case $part in
    cases) cases ;;
    pairs) pairs ;;
    random) random ;;
    fuzz) fuzz ;;
    offline) offline ;;
    intel) intel ;;
    esac
    printf '\n== %s ended after %d s\n' "$part" $(($(date +%s) - began))
done
exit $status
