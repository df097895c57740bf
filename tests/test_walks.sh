#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tables of docs/architecture.md name files that there are, and in them what they say: test_walks.sh SOURCE_DIR
#
# A row begins with a file in backticks; every name in backticks in its middle columns, which are all but the last, must be a
# word of that file.
set -eu

cd "$1"
rows=0
failed=0
scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
# "FILE NAME .." a row
awk -F'|' '/^\| `[^`]*\/[^`]*` \|/ { line = ""
    for (i = 2; i < NF - 1; ++i) { n = split($i, part, "`"); for (k = 2; k <= n; k += 2) line = line " " part[k] }
    print substr(line, 2) }' docs/architecture.md >"$scratch"
while read -r file names; do
    rows=$((rows + 1))
    for name in $names; do
        if ! grep -qw -e "$name" "$file"; then
            echo "test_walks: $file has no $name" >&2
            failed=1
        fi
    done
done <"$scratch"
echo "$rows rows"
[ "$rows" -gt 20 ] && [ "$failed" = 0 ]
