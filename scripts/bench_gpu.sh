#!/bin/sh
# The figures of docs/performance.md on a GPU, beside PyTorch where python3 has it: ./scripts/bench_gpu.sh BINARIES RESULTS
#
# BINARIES: a folder with clattn-bench and the library. RESULTS: a folder for the CSV files and logs. Takes about five minutes.
set -u

if [ $# -ne 2 ]; then
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
binaries=$1
results=$2
here=$(dirname "$0")/..
mkdir -p "$results"
status=0

# The lines of a type: 16k tokens, 2048 wide.
cases() {
    for length in 8192 2048; do
        batch=$((16384 / length))
        for shape in "h32 n$length m$length d64" "h16 n$length m$length d128"; do
            for causal in "" " causal"; do
                echo "b$batch $shape$type$causal"
            done
        done
    done
}

# compare NAME BACKENDS: the lines on standard input, by clattn and by PyTorch.
compare() {
    name=$1
    backends=$2
    set --
    while IFS= read -r line; do
        set -- "$@" "$line"
    done
    "$binaries/clattn-bench" --csv "$results/$name.csv" "$@" || status=1
    if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
        python3 "$here/bench/compare_torch.py" --backends "$backends" --csv "$results/$name-torch.csv" \
            --join "$results/$name.csv" "$@" || status=1
    fi
}

echo "== start-up, first and with compiled kernels on disk"
"$binaries/clattn-bench" --startup
"$binaries/clattn-bench" --startup
"$binaries/clattn-bench" --startup
echo "== memory"
"$binaries/clattn-bench" --memory "b1 h1 n65536 m65536 d64" "b1 h1 n65536 m65536 d128"
type=
cases | compare gpu-float32 efficient,math
echo "b1 h32/8 n1 m131072 d128 dtype=f16 grad=none
b16 h32/8 n1 m8192 d128 dtype=f16 grad=none
b1 h32/8 n1 m8192 d128 dtype=f16 grad=none" | compare gpu-one-query flash,cudnn
type=" dtype=f16"
cases | head -n 4 | compare gpu-float16 flash,cudnn
exit $status
