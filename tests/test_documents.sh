#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# README.md, CONTRIBUTING.md and docs/ name files that exist: test_documents.sh SOURCE_DIR
#
# - a source in backticks, with its path or the end of it; the file of another project that docs/lucidrains.md is about is
#   an exception
# - what a link leads to
# - in the tables of docs/architecture.md whose rows begin with a file: each name in backticks in the row's middle columns,
#   which are all but the last, is a word of that file
set -eu

cd "$1"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
complain() {
    echo "test_documents: $1" >&2
    failed=1
}

find . -path './build*' -prune -o -type f -print | sed 's,^\.,,' >"$scratch/files"
for document in README.md CONTRIBUTING.md docs/*.md; do
    tr '\n' ' ' <"$document" >"$scratch/text"
    # shellcheck disable=SC2016 # backticks of a document
    grep -oE '`[A-Za-z0-9_./-]+\.(c|h|cl|sh|py|txt|csv|md)`' "$scratch/text" | tr -d '`' | sort -u |
        grep -vE 'NAME|^\./|^flash_attention\.py$' >"$scratch/named" || true
    while read -r name; do
        grep -qE "/$(echo "$name" | sed 's/[.]/[.]/g')\$" "$scratch/files" || complain "$document: there is no $name"
    done <"$scratch/named"
    grep -oE '\]\([^)#:]+[)#]' "$scratch/text" | sed -e 's/^](//' -e 's/[)#]$//' | sort -u >"$scratch/links" || true
    while read -r link; do
        [ -e "$(dirname "$document")/$link" ] || complain "$document: a link leads to $link, which is not there"
    done <"$scratch/links"
done

# "FILE NAME .." a row
awk -F'|' '/^\| `[^`]*\/[^`]*` \|/ { line = ""
    for (i = 2; i < NF - 1; ++i) { n = split($i, part, "`"); for (k = 2; k <= n; k += 2) line = line " " part[k] }
    print substr(line, 2) }' docs/architecture.md >"$scratch/rows"
while read -r file names; do
    for name in $names; do
        grep -qw -e "$name" "$file" || complain "docs/architecture.md: $file has no $name"
    done
done <"$scratch/rows"
rows=$(wc -l <"$scratch/rows")
echo "$rows rows of docs/architecture.md"
[ "$rows" -gt 20 ] && [ "$failed" = 0 ]
