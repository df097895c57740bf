#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scripts/release.sh lets a good version pass and stops the others: test_release.sh SOURCE_FOLDER
set -eu
. "$(dirname "$0")/scratch.sh"
wants 1 "$@"
for program in git abidiff; do
    command -v $program >/dev/null 2>&1 || {
        echo "SKIPPED: $program is not installed"
        exit 77
    }
done

tree=$scratch/tree
mkdir "$tree"
(cd "$1" && tar -c --exclude=./build --exclude=./.git --exclude=./.dev .) | tar -x -C "$tree"
cd "$tree"
git -c init.defaultBranch=main init -q
git config user.name test
git config user.email test@localhost

commit() {
    git add -A
    git commit -qm "$1"
}

# release WORDS ARGUMENT...: it fails, and says so; without words it passes.
release() {
    words=$1
    shift
    status=0
    ./scripts/release.sh "$@" >"$scratch/log" 2>&1 || status=$?
    if [ -z "$words" ]; then
        [ $status -eq 0 ] || fail "it stops a good version"
    else
        [ $status -eq 1 ] || fail "status $status where it should say: $words"
        grep -q -- "$words" "$scratch/log" || fail "it does not say: $words"
    fi
}

version=$(sed -n 's/^#define CLATTN_VERSION_M[AI][JN]OR \([0-9]*\).*/\1/p' include/clattn.h | tr '\n' .)
sed -i '0,/^## .*/s//## '"$version"'0 (unreleased)/; s/^\(#define CLATTN_VERSION_PATCH\) .*/\1 0/' CHANGELOG.md include/clattn.h
commit "as it is"
release "begins with \"## ${version}0 (unreleased)\""
sed -i "0,/^## .*/s//## ${version}0 (2030-01-01)/" CHANGELOG.md
release "not committed"
commit "a date"
release ""
git tag "v${version}0"
release "v${version}0 exists"

# A patch release that adds a function may keep the SONAME; one that changes a function may not.
sed -i "s/^\(#define CLATTN_VERSION_PATCH\) .*/\1 1/; 0,/^## .*/s//## ${version}1 (2030-02-01)\n\n&/" include/clattn.h CHANGELOG.md
sed -i 's/^CLATTN_API void clattn_plan_destroy(clattn_plan \*plan);/&\nCLATTN_API void clattn_plan_added(clattn_plan *plan);/' include/clattn.h
printf '\nvoid clattn_plan_added(clattn_plan *plan)\n{\n    (void)plan;\n}\n' >>host/api/plan.c
commit "one more function"
release ""
grep -q "as in v${version}0" "$scratch/log" || fail "it compares with nothing"
sed -i 's/clattn_plan_added(clattn_plan \*plan)/clattn_plan_added(clattn_plan *plan, int how)/; s/(void)plan;/(void)plan, (void)how;/' include/clattn.h host/api/plan.c
git tag "v${version}0.1" HEAD
commit "another signature"
release "differs from that of v${version}0.1" --since "v${version}0.1"
release "" --since "v${version}0.1" --abi-reviewed
echo "a version without a date, without a commit, with a tag and with another interface is stopped"
