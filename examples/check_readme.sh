#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sees that every block of C in README.md is a piece of one of the programs, line by line but for indentation:
# check_readme.sh README.md minimal.c enqueue.c
set -eu

# The nth block of C.
block() {
    awk -v wanted="$2" '/^```c$/ { inside = ++n == wanted; next } /^```$/ { inside = 0 } inside' "$1"
}

# Whether the block, in $piece, is in the program.
has() {
    awk '{ sub(/^ +/, ""); text = text "\n" $0 }
         END { piece = "\n" ENVIRON["piece"] "\n"; gsub(/\n +/, "\n", piece); exit !index(text "\n", piece) }' "$1"
}

readme=$1
shift
blocks=$(grep -c '^```c$' "$readme")
number=1
while [ "$number" -le "$blocks" ]; do
    piece=$(block "$readme" "$number")
    export piece
    found=0
    for program; do
        ! has "$program" || found=1
    done
    if [ "$found" = 0 ]; then
        echo "check_readme: \`\`\`c block $number of $readme is not in $* line by line" >&2
        exit 1
    fi
    number=$((number + 1))
done
[ "$blocks" -gt 0 ]
