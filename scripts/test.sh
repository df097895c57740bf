#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what is missing, build, and run the tests: ./scripts/test.sh [--quick] [--no-intel] [--no-skips]
#
#   --quick      only the quick tests, without the Intel runtime: about two minutes after the build
#   --no-intel   without Intel's OpenCL runtime for CPUs (which is for x86-64 only)
#   --no-skips   fail if anything is not built, or a test is skipped, for lack of a package
#
# Without an option all tests run that a change must pass, some of them again on Intel's runtime, a
# second OpenCL that shares no code with PoCL: about 25 minutes on two cores. ./scripts/nightly.sh runs
# what takes longer. Apart from apt's packages, everything stays in build/. At the end it says what was
# not built and which tests were skipped, and why. To run a single test, see CONTRIBUTING.md.
set -eu

step() {
    printf '\n== %s\n' "$*"
}

# Up to 4 tests in parallel: most of a test's time is an OpenCL compiler, with one thread.
run_tests() {
    log=$PWD/build/ctest.log
    (cd build && ctest --output-on-failure --no-tests=error --output-log "$log" \
        --parallel "$((jobs < 4 ? jobs : 4))" "$@") || status=1
    ./scripts/skipped_tests.sh build "$log" >>build/skipped.txt || skipped=yes
}

# Prints what was left out, and exits with the status.
finish() {
    if [ -s build/skipped.txt ]; then
        step "left out"
        sort -u build/skipped.txt
    fi
    if [ $no_skips = yes ] && [ $skipped = yes ]; then
        echo "test.sh: something was left out, and --no-skips does not allow it" >&2
        status=1
    fi
    exit $status
}

status=0
skipped=no
no_skips=no
quick=no
intel=yes
for argument in "$@"; do
    case $argument in
    --quick) quick=yes ;;
    --no-intel) intel=no ;;
    --no-skips) no_skips=yes ;;
    *)
        sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
done
cd "$(dirname "$0")/.."
jobs=$(nproc)

step "set-up"
./scripts/setup.sh test
mkdir -p build
: >build/skipped.txt

if [ $quick = yes ]; then
    step "build"
    ./scripts/configure.sh build -DCLATTN_BUILD_TESTS=ON -DCLATTN_BUILD_EXAMPLES=ON -DCLATTN_BUILD_BENCH=ON
    cmake --build build --parallel "$jobs"
    step "quick tests"
    run_tests -L '^quick$'
    finish
fi

if [ $intel = yes ]; then
    step "Intel's OpenCL runtime"
    if ! ./scripts/intel_runtime.sh build/intel; then
        echo "test.sh: no Intel runtime, so the second OpenCL implementation cannot be tested." >&2
        echo "test.sh: './scripts/test.sh --no-intel' runs everything else." >&2
        exit 1
    fi
    option=ON
else
    echo "SKIPPED, as --no-intel asks: the tests on Intel's OpenCL runtime"
    option=OFF
fi

step "build"
./scripts/configure.sh build -DCLATTN_BUILD_TESTS=ON -DCLATTN_BUILD_EXAMPLES=ON -DCLATTN_BUILD_BENCH=ON \
    -DCLATTN_INTEL_CPU_RUNTIME=$option
cmake --build build --parallel "$jobs"

step "tests"
run_tests -LE '^nightly$'
finish
