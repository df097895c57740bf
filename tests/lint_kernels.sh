#!/bin/sh
# Runs clang's front end, warnings as errors, over kernel configurations: lint_kernels.sh LIST_CONFIGS KERNELS_FOLDER [TIER]
#
# LIST_CONFIGS prints the configurations. Also sees that what must be given with -D is asked for: a kernel without its options
# must not compile.
set -eu

list=$1
kernels=$2
tier=${3:-full}
clang=${CLANG:-clang}
flags="-x cl -target spir64-unknown-unknown -fsyntax-only -Wall -Wextra -Wundef -Wno-unused-parameter -Werror"
flags="$flags -Xclang -finclude-default-header -I$kernels"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$list" "$tier" >"$scratch/configs"
[ -s "$scratch/configs" ] || { echo "lint_kernels: no configuration" >&2; exit 1; }

for kernel in forward forward_few forward_combine backward_dq backward_dkdv backward_head; do
    # shellcheck disable=SC2086 # one word an option
    if $clang $flags -cl-std=CL1.2 "$kernels/$kernel.cl" 2>"$scratch/log"; then
        echo "lint_kernels: $kernel.cl compiles without its options" >&2
        exit 1
    fi
    grep -q 'must be given with -D' "$scratch/log"
done

lint_line() {
    kernel=${1%% *}
    # shellcheck disable=SC2086
    $clang $flags ${1#* } "$kernels/$kernel.cl" || { echo "lint_kernels: $1" >&2; return 1; }
}

count=0
while IFS= read -r line; do
    lint_line "$line"
    count=$((count + 1))
done <"$scratch/configs"
echo "$count configurations, no warning"
