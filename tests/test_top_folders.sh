#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Which top folder may use which, against what is compiled: test_top_folders.sh SOURCE_DIR COMMANDS, where COMMANDS is
# the build's compile_commands.json. Fails where a target of a folder compiles, or a source of it includes, a file of a
# folder that folders.txt does not declare, where check/ names what is the library's own, and where tests/ has a library that
# others could link.
set -eu

source=$1
commands=$2
build=$(dirname "$commands")

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
complain() {
    echo "test_top_folders: $1" >&2
    failed=1
}

# "FOLDER: FOLDER .."; the targets of the project's own CMakeLists.txt may use all of them
sed -e 's/#.*//' -e '/^ *$/d' "$source/folders.txt" >"$scratch/declared"

# The folder of the project that a path is in, if it is in one. A build folder may lie in the project.
folder_of() {
    case $1 in
    "$build"/*) ;;
    "$source"/*/*) path=${1#"$source"/} && echo "${path%%/*}" ;;
    esac
}

# "FROM FILE" of what targets and sources outside tests/ reach
sed -n -E 's/^ *"(directory|command)": "(.*)",?$/\1 \2/p' "$commands" | sed 's/\\\(.\)/\1/g' |
    while read -r what line; do
        [ "$what" = command ] || { directory=$line; continue; }
        object=$directory/$(echo "$line" | sed 's/.* -o \([^ ]*\) .*/\1/')
        target=${object#"$build"/}
        target=${target%%/*}
        from=$(folder_of "${line##* -c }")
        [ "$target" != tests ] || [ "${from:-tests}" != tests ] || continue
        (cd "$directory" && sh -c "$(echo "$line" | sed 's/ -o [^ ]* -c / -MM /')" </dev/null) >"$scratch/rule" ||
            { echo "no-rule $line" && continue; }
        # paths of the rule, each on a line, without what ".." takes back
        sed -e 's/^[^:]*: *//' -e 's/ *\\$//' "$scratch/rule" | tr ' ' '\n' |
            sed -e '/^$/d' -e ':back' -e 's,/[^/]*/\.\./,/,' -e 't back' >"$scratch/files"
        for user in "$target" $from; do
            sed "s,^,$user ," "$scratch/files"
        done
    done | sort -u >"$scratch/reached"
! grep '^no-rule' "$scratch/reached" >&2 || complain "the compiler does not say what these include"

while read -r user file; do
    folder=$(folder_of "$file")
    [ -z "$folder" ] || [ "$folder" = "$user" ] || echo "$user $folder ${file#"$source"/}"
done <"$scratch/reached" >"$scratch/used"
awk 'NR == FNR { for (i = 2; i <= NF; ++i) declared[$1, $i] = 1; next }
     $1 != "tests" && $1 != "CMakeFiles" && !(($1 ":", $2) in declared) {
         print $1 "/ may not use " $2 "/: it compiles or includes " $3 }' \
    "$scratch/declared" "$scratch/used" >"$scratch/undeclared"
[ ! -s "$scratch/undeclared" ] || complain "$(cat "$scratch/undeclared")"
for folder in check host; do # what is built wherever tests are
    grep -q "^$folder include " "$scratch/used" || complain "nothing of $folder/ was seen to include the header"
done

! grep -n 'clattn__' "$source"/check/* || complain "check/ names functions or types that are the library's own"
! grep -n '# *include' "$source"/check/*.cl || complain "check/ includes kernel text"
! grep -n 'add_library(' "$source/tests/CMakeLists.txt" | grep -v ' MODULE ' ||
    complain "tests/ has a library that others could link: it belongs in check/"

echo "$(wc -l <"$scratch/declared") folders; $(wc -l <"$scratch/reached") uses of files," \
    "$(wc -l <"$scratch/used") of them of another folder"
[ "$failed" = 0 ]
