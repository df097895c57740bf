#!/bin/sh
# Sees that the C program in README.md is examples/minimal.c: check_readme.sh README.md minimal.c
set -eu

if ! awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$1" | diff -u - "$2"; then
    echo "check_readme: the \`\`\`c block of $1 (-) differs from $2 (+)" >&2
    exit 1
fi
