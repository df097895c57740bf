#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzz a parser with clang's libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, starting from
# the corpus in this folder: fuzz.sh tuned|npy SOURCE_FOLDER WORK_FOLDER SECONDS [planted]
#
#   planted   plant a bug in the use of the parsed input, and fail unless the fuzzer finds it
#
# Exit status 77: clang or its run-time libraries (Debian: clang, libclang-rt-dev) are missing. The
# corpus is copied, so that new inputs stay in WORK_FOLDER. Prints an input that fails.
set -eu
unset LD_PRELOAD # another allocator, which AddressSanitizer cannot replace

name=$1
source=$2
work=$3
seconds=$4
planted=${5:-}
corpus=$source/tests/rigs/corpus/$name
folder=$work/fuzz_$name${planted:+_$planted}

skip() {
    echo "SKIPPED: $*"
    exit 77
}

rm -rf "$folder"
mkdir -p "$folder/corpus"
command -v clang >/dev/null 2>&1 || skip "clang is not installed (Debian: clang libclang-rt-dev)"
flags="-std=gnu99 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all"
echo 'int LLVMFuzzerTestOneInput(const unsigned char *d, unsigned long n) { return d && n > 9 ? 0 : 0; }' \
    >"$folder/try.c"
# shellcheck disable=SC2086 # one word a flag
clang $flags "$folder/try.c" -o "$folder/try" 2>"$folder/try.log" ||
    skip "clang cannot build for libFuzzer (Debian: libclang-rt-dev): $(head -1 "$folder/try.log")"

# Sources that a row passes through. They refer to functions of the rest of the library, but never call
# them: those are left undefined, and a call would crash at address 0.
case $name in
tuned)
    host=$source/host
    set -- "$host"/select/*.c "$host"/select/engines/*.c "$host/base/text.c" "$host/base/memory.c" \
        -I"$host" -I"$source/kernels" -I"$source/include" -DCL_TARGET_OPENCL_VERSION=120 \
        -no-pie -fno-pie -Wl,--unresolved-symbols=ignore-all
    ;;
npy)
    set -- "$source/tools/npy.c" "$source/tools/npy_header.c" -I"$source/tools"
    ;;
*)
    echo "fuzz.sh: \"$name\": there is fuzz_tuned and fuzz_npy" >&2
    exit 1
    ;;
esac
# shellcheck disable=SC2086
clang $flags ${planted:+-DPLANTED_BUG} "$source/tests/rigs/fuzz_$name.c" "$@" -o "$folder/fuzz"

cp "$corpus"/* "$folder/corpus/"
words=
if [ -f "$corpus.dict" ]; then
    words=-dict=$corpus.dict
fi
status=0
(cd "$folder" && ./fuzz -seed=1 -max_total_time="$seconds" -runs=5000000 -max_len=4096 -timeout=10 \
    -print_final_stats=1 ${words:+"$words"} -artifact_prefix="$folder/" corpus) >"$folder/log" 2>&1 || status=$?
found=$(find "$folder" -maxdepth 1 -name 'crash-*' -o -maxdepth 1 -name 'leak-*' -o -maxdepth 1 -name 'timeout-*' \
    -o -maxdepth 1 -name 'oom-*')

if [ -n "$planted" ]; then
    if [ -z "$found" ]; then
        tail -20 "$folder/log"
        echo "the planted bug was not found in $seconds s"
        exit 1
    fi
    grep -m 3 -e 'ERROR: AddressSanitizer' -e 'runtime error' -e 'SUMMARY' "$folder/log" || true
    exit 0
fi
if [ $status -ne 0 ]; then
    tail -60 "$folder/log"
    for input in $found; do
        echo "the input, $input (give it to $folder/fuzz):"
        od -A d -c "$input" | sed 100q
    done
    exit 1
fi
grep -e 'DONE' -e 'number_of_executed_units' "$folder/log"
