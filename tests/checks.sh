# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For scripts that count what they check: they begin with . "$(dirname "$0")/checks.sh" and end with finish. The current folder
# becomes an empty one of their own.
unset POSIXLY_CORRECT
LC_ALL=C
export LC_ALL

folder=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$folder" 2>/dev/null; rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
cd "$folder" || exit 1

failures=0
checks=0

# fail WORD...: says so, with what the last command wrote.
fail() {
    failures=$((failures + 1))
    echo "FAILED: $*"
    for stream in stderr stdout; do
        [ ! -s $stream.txt ] || sed "s/^/    $stream: /" $stream.txt
    done
}

finish() {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
}
