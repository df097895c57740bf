#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Syntax and warnings of every C file, all of them errors, by one compiler: lint_host.sh COMPILER BITS COMMANDS
#
# COMPILER is gcc or clang, BITS 64 or 32, COMMANDS the build's compile_commands.json, whose options are used. 32 bits need
# headers alone: nothing is linked. Ends with 77 where the compiler or the headers are not there.
set -eu

compiler=$1
bits=$2
commands=$3

skip() {
    echo "SKIPPED: $*"
    exit 77
}

command -v "$compiler" >/dev/null || skip "there is no $compiler"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# where Debian has the kernel's headers, which are the same for both
machine=$([ "$bits" = 64 ] || echo "-m$bits -idirafter /usr/include/$(uname -m)-linux-gnu")
printf '#include <errno.h>\nint main(void) { return 0; }\n' >"$scratch/empty.c"
# shellcheck disable=SC2086 # several words, or none
"$compiler" $machine -fsyntax-only "$scratch/empty.c" 2>/dev/null ||
    skip "$compiler has no headers for $bits bits (Debian: libc6-dev-i386)"

# "command": "/usr/bin/cc OPTIONS -o OBJECT -c SOURCE", a line each
sed -n 's/^ *"command": "\(.*\)",\{0,1\}$/\1/p' "$commands" |
    sed -e 's/\\\(.\)/\1/g' -e "s,^[^ ]* ,$compiler $machine -fsyntax-only -Werror ," \
        -e 's/ -o [^ ]* -c / /' -e 's/ -fsanitize[^ ]*//g' | sort -u >"$scratch/commands"
[ -s "$scratch/commands" ] || { echo "lint_host: no command in $commands" >&2; exit 1; }

failed=0
while IFS= read -r line; do
    sh -c "$line" </dev/null || { echo "lint_host: $line" >&2; failed=$((failed + 1)); }
done <"$scratch/commands"
echo "$compiler, $bits bits: $(wc -l <"$scratch/commands") commands, $failed of them failed"
[ "$failed" = 0 ]
