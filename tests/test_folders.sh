#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The arrows between the folders of host/, as host/folders.txt declares them, against what the objects call and the
# files include: test_folders.sh HOST OBJECTS, where OBJECTS is a ;-list of .../FOLDER/FILE.c.o. Fails on an arrow that
# is not declared, on a declared one that nothing uses, on a circle among folders, and on one among files.
set -eu

host=$1
objects=$2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
complain() {
    echo "test_folders: $1" >&2
    failed=1
}

# "FROM TO" a line, of a "FROM: TO .." each
sed -e 's/#.*//' "$host/folders.txt" | awk -F: 'NF { n = split($2, to, " "); for (i = 1; i <= n; ++i) print $1, to[i] }' |
    sort >"$scratch/declared"
sed -e 's/#.*//' -e 's/:.*//' -e '/^ *$/d' "$host/folders.txt" | sort >"$scratch/folders"

# "FILE SYMBOL" of what objects define, and of what they need; FILE without the build's folder and without its suffix
echo "$objects" | tr ';' '\n' | while IFS= read -r object; do
    folder=${object#*clattn_objects.dir/}
    folder=${folder#./}
    nm -g "$object" | awk -v file="${folder%.c.o}" '$NF ~ /^clattn_/ { print (NF == 2 ? "needs" : "has"), $NF, file }'
done >"$scratch/symbols"
[ -s "$scratch/symbols" ] || { echo "test_folders: no symbols in $objects" >&2; exit 1; }
awk '$1 == "has" { where[$2] = $3 } $1 == "needs" { need[$2, $3] = 1 }
     END { for (pair in need) { split(pair, of, SUBSEP); if (of[1] in where) print of[2], where[of[1]], of[1] } }' \
    "$scratch/symbols" | sort >"$scratch/calls"

# What a file includes by path, where it is of host/.
(cd "$host" && grep -rE '^#include "[a-z]+/' --include='*.[ch]' .) | sed 's,^\./\(.*\):#include "\(.*\)".*,\1 \2 #include,' |
    awk 'NR == FNR { folder[$1] = 1; next } { split($2, of, "/"); if (of[1] in folder) print }' "$scratch/folders" - \
        >"$scratch/includes"

# "FROM TO FILE WHAT" of every use that leaves its folder
awk '{ split($1, from, "/"); split($2, to, "/"); if (from[1] != to[1]) print from[1], to[1], $1, $3, $2 }' \
    "$scratch/calls" "$scratch/includes" | sort >"$scratch/used"

awk 'NR == FNR { declared[$1, $2] = 1; next } !(($1, $2) in declared) { print $1 " may not use " $2 ": " $3 " has " $4 " of " $5 }' \
    "$scratch/declared" "$scratch/used" >"$scratch/undeclared"
[ ! -s "$scratch/undeclared" ] || complain "$(cat "$scratch/undeclared")"
cut -d ' ' -f 1,2 "$scratch/used" | sort -u | comm -13 - "$scratch/declared" >"$scratch/unused"
[ ! -s "$scratch/unused" ] || complain "declared in folders.txt, and nothing uses it: $(tr '\n' ';' <"$scratch/unused")"
tsort "$scratch/declared" >"$scratch/order" 2>"$scratch/circle" || complain "folders in a circle: $(tr '\n' ' ' <"$scratch/circle")"
awk '$1 != $2 { print $1, $2 }' "$scratch/calls" | sort -u >"$scratch/files"
tsort "$scratch/files" >"$scratch/order" 2>"$scratch/circle" || complain "files in a circle: $(tr '\n' ' ' <"$scratch/circle")"

echo "$(wc -l <"$scratch/folders") folders, $(wc -l <"$scratch/declared") arrows; $(wc -l <"$scratch/calls") calls and" \
    "$(wc -l <"$scratch/includes") includes of other files"
[ "$failed" = 0 ]
