#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs clang's front end, warnings as errors, over kernel configurations: lint_kernels.sh LIST_CONFIGS KERNELS_FOLDER [TIER]
#
# LIST_CONFIGS prints the configurations, and which arguments the host sets: a kernel must have parameters of these names, in
# this order. Also sees that what must be given with -D is asked for: a kernel without its options
# must not compile.
set -eu

list=$1
kernels=$2
tier=${3:-full}
clang=${CLANG:-clang}
if ! command -v "$clang" >/dev/null; then
    echo "SKIPPED: there is no $clang; ./scripts/setup.sh test installs it"
    exit 77
fi
flags="-x cl -target spir64-unknown-unknown -Wall -Wextra -Wundef -Wno-unused-parameter -Werror"
flags="$flags -Xclang -finclude-default-header -I$kernels"
# instructions of other devices than this target, in plain OpenCL C
emulated=$(cd "$(dirname "$0")/../check" && pwd)/emulated_ptx.cl

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$list" "$tier" >"$scratch/configs"
[ -s "$scratch/configs" ] || { echo "lint_kernels: no configuration" >&2; exit 1; }

# What is written in PTX needs NVIDIA's target, and a clang that knows the builtins there.
nvptx_clang=${CLANG_NVPTX:-clang-19}
command -v "$nvptx_clang" >/dev/null || nvptx_clang=
nvptx=$(echo "$flags" | sed 's/spir64-unknown-unknown/nvptx64-nvidia-nvcl/')
skipped=0

file_of() {
    find "$kernels" -name "$1.cl"
}

# Fails where a kernel compiles without its options, or does not say that they are missing.
lint_missing() {
    # shellcheck disable=SC2086 # one word an option
    if "$@" -fsyntax-only -cl-std=CL1.2 "$(file_of "$kernel")" 2>"$scratch/log"; then
        echo "lint_kernels: $kernel.cl compiles without its options" >&2
        exit 1
    fi
    grep -q 'must be given with -D' "$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
}

seen=0
for path in $(grep -rl '^__kernel' "$kernels"); do
    kernel=$(basename "$path" .cl)
    seen=$((seen + 1))
    # shellcheck disable=SC2086
    case $kernel in
    blank_rows) ;; # it has no options
    *_wgmma | tensor_map) [ -z "$nvptx_clang" ] || lint_missing $nvptx_clang $nvptx -Dcl_nv_pragma_unroll ;;
    *) lint_missing $clang $flags ;;
    esac
    # every kernel has its lines below, in the small tier not all; no problem leads to these two
    [ "$kernel" = probe_local ] || [ "$kernel" = blank_rows ] || [ "$tier" = tiny ] || grep -q "^$kernel " "$scratch/configs" ||
        { echo "lint_kernels: no configuration of $kernel.cl" >&2; exit 1; }
done
[ "$seen" -gt 0 ] || { echo "lint_kernels: no kernel in $kernels" >&2; exit 1; }
printf '%s\n' "probe_local - -cl-std=CL1.2 -DLOCAL_BYTES=4096" "blank_rows - -cl-std=CL1.2" >>"$scratch/configs"

# The names of a kernel's parameters, of its preprocessed text.
parameters_of() {
    sed -n "s/.*void $1(//p" | sed 's/).*//' | awk -F, '{
        for (i = 1; i <= NF; ++i) {
            n = split($i, words, " ")
            printf "%s%s", (i > 1 ? "," : ""), words[n]
        }
    }'
}

# Fails unless the kernel has the parameters: check_parameters KERNEL PARAMETERS COMPILER ...
check_parameters() {
    name=$1
    expected=$2
    shift 2
    found=$("$@" -E -P "$(file_of "$name")" | parameters_of "$name")
    [ "$expected" = - ] || [ "$found" = "$expected" ] ||
        { echo "lint_kernels: $name has parameters $found, and the host sets $expected" >&2; return 1; }
}

lint_line() {
    kernel=${1%% *}
    rest=${1#* }
    parameters=${rest%% *}
    options=${rest#* }
    case $1 in
    *-DENGINE=4* | tensor_map\ *)
        [ "$nvptx_clang" ] || { skipped=$((skipped + 1)); return 0; }
        # shellcheck disable=SC2086
        $nvptx_clang -fsyntax-only $nvptx -Dcl_nv_pragma_unroll $options "$(file_of "$kernel")" ||
            { echo "lint_kernels: $1" >&2; return 1; }
        # shellcheck disable=SC2086
        check_parameters "$kernel" "$parameters" $nvptx_clang $nvptx -Dcl_nv_pragma_unroll $options
        return
        ;;
    esac
    # shellcheck disable=SC2086
    $clang -fsyntax-only $flags -DPTX_FILE="<$emulated>" $options "$(file_of "$kernel")" ||
        { echo "lint_kernels: $1" >&2; return 1; }
    # shellcheck disable=SC2086
    check_parameters "$kernel" "$parameters" $clang $flags -DPTX_FILE="<$emulated>" $options
}

count=0
while IFS= read -r line; do
    lint_line "$line"
    count=$((count + 1))
done <"$scratch/configs"
echo "$count configurations, no warning"
[ "$skipped" = 0 ] || echo "SKIPPED $skipped of them, engine nvidia_wgmma: there is no clang-19"
