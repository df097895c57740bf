#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measure the figures of docs/performance.md on a GPU, and PyTorch's if python3 has PyTorch:
# ./scripts/bench_gpu.sh BINARIES RESULTS [GROUP ...]
#
# BINARIES: a folder with clattn-bench and the library. RESULTS: a folder for CSV files and, if there is
# python3, plots.
# GROUPs: start float32 query half options; default: all, which takes minutes. options is measured sustained.
set -u

if [ $# -lt 2 ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
binaries=$1
results=$2
shift 2
[ $# -gt 0 ] || set -- start float32 query half options
groups=$*
here=$(dirname "$0")/..
mkdir -p "$results"
status=0
flags= # of clattn-bench and compare_torch.py, without quotes

# Prints the case lines, with the words $1 appended: 16k tokens, heads x head dimension = 2048.
cases() {
    for length in 8192 2048; do
        batch=$((16384 / length))
        for shape in "h32 n$length m$length d64" "h16 n$length m$length d128"; do
            for causal in "" " causal"; do
                echo "b$batch $shape$1$causal"
            done
        done
    done
}

# Prints case lines of type $1 with each option of a score, and without.
option_cases() {
    for shape in "b8 h32 n2048 m2048 d64" "b8 h16 n2048 m2048 d128"; do
        heads=${shape#b8 h}
        echo "$shape dtype=$1"
        echo "$shape dtype=$1 bias=normal:1,${heads%% *},2048,2048"
    done
    shape="b2 h16 n8192 m8192 d128 dtype=$1 causal"
    for option in "" " sink=normal" " softcap=30" " alibi=usual:1,16"; do
        echo "$shape$option"
    done
    shape="b1 h16 n32768 m32768 d128 dtype=$1 causal"
    echo "$shape"
    echo "$shape window=1024,0"
}

# compare NAME BACKENDS ENGINE ...: times the case lines on standard input by clattn's engines and by
# PyTorch. Runs in a pipe's subshell, so it reports failure by its exit status.
compare() {
    failed=0
    name=$1
    backends=$2
    engines=$(shift 2 && echo "$@")
    set --
    while IFS= read -r line; do
        set -- "$@" "$line"
    done
    for engine in $engines; do
        "$binaries/clattn-bench" --engine "$engine" $flags --baseline none --csv "$results/$name-$engine.csv" "$@" || failed=1
    done
    if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        python3 "$here/bench/compare_torch.py" $flags --backends "$backends" --csv "$results/$name-torch.csv" \
            --join "$results/$name-${engines%% *}.csv" "$@" || failed=1
    fi
    return $failed
}

# draw TYPE: plots speed against length for each pass.
draw() {
    type=$1
    failed=0
    set --
    for report in "$type-nvidia_wgmma" "$type-nvidia_mma" "$type-torch"; do
        [ ! -f "$results/$report.csv" ] || set -- "$@" "$results/$report.csv"
    done
    command -v python3 >/dev/null && [ $# -gt 0 ] || return 0
    for pass in forward backward; do
        python3 "$here/scripts/draw_speed.py" "$pass" "$@" >"$results/$type-$pass.svg" || failed=1
    done
    return $failed
}

for group in $groups; do
    case $group in
    start)
        for run in first second third; do
            echo "== start-up, $run: compiled kernels are on disk from the second on"
            "$binaries/clattn-bench" --startup
        done
        echo "== memory"
        "$binaries/clattn-bench" --memory "b1 h1 n65536 m65536 d64" "b1 h1 n65536 m65536 d128"
        ;;
    float32) cases "" | compare float32 efficient simt || status=1 ;;
    query)
        for shape in "b1 h32/8 n1 m131072" "b16 h32/8 n1 m8192" "b64 h32/8 n1 m4096" "b1 h32/8 n1 m8192"; do
            echo "$shape d128 dtype=f16 grad=none"
        done | compare one-query flash,cudnn auto simt || status=1
        ;;
    half)
        for type in f16 bf16; do
            {
                cases " dtype=$type"
                echo "b2 h8 n8192 m8192 d256 dtype=$type"
                echo "b2 h8 n8192 m8192 d256 dtype=$type causal"
                echo "b32 h32 n512 m512 d64 dtype=$type"
                echo "b32 h16 n512 m512 d128 dtype=$type"
            } | compare "$type" flash,cudnn nvidia_wgmma nvidia_mma || status=1
            draw "$type" || status=1
        done
        echo "b2 h32 n8192 m8192 d64 dtype=f16
b2 h16 n8192 m8192 d128 dtype=f16" | compare f16-portable flash simt || status=1
        ;;
    options)
        flags=--sustained
        for type in f16 bf16; do
            option_cases "$type" | compare "options-$type" cudnn,efficient auto || status=1
        done
        flags=
        ;;
    esac
done
exit $status
