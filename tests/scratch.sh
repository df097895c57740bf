# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For scripts that stop at the first check that fails: they begin with . "$(dirname "$0")/scratch.sh", have a folder, $scratch,
# and may leave in $scratch/log what is to be seen of a failure.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM

# wants COUNT ARGUMENT...: unless there are so many, shows what the script's first comment says, and leaves.
wants() {
    [ $# -ne $(($1 + 1)) ] || return 0
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
}

fail() {
    name=${0##*/}
    printf '%s: %s\n' "${name%.sh}" "$*" >&2
    [ ! -f "$scratch/log" ] || cat "$scratch/log" >&2
    exit 1
}
