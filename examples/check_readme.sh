#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sees that the first C program in README.md is examples/minimal.c, but for the line of its licence, and that every further
# C block is a piece of examples/enqueue.c: check_readme.sh README.md minimal.c enqueue.c
set -eu

# The nth block of C.
block() {
    awk -v wanted="$2" '/^```c$/ { inside = ++n == wanted; next } /^```$/ { inside = 0 } inside' "$1"
}

if ! block "$1" 1 | diff -u -I SPDX-License-Identifier: - "$2"; then
    echo "check_readme: the first \`\`\`c block of $1 (-) differs from $2 (+)" >&2
    exit 1
fi
blocks=$(grep -c '^```c$' "$1")
number=2
while [ "$number" -le "$blocks" ]; do
    if ! piece=$(block "$1" "$number") awk '{ text = text $0 "\n" } END { exit !index(text, ENVIRON["piece"] "\n") }' "$3"; then
        echo "check_readme: \`\`\`c block $number of $1 is not in $3 line by line" >&2
        exit 1
    fi
    number=$((number + 1))
done
