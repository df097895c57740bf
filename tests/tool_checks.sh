# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# As checks.sh, for scripts that check the tool: their arguments begin with CLATTN NPY_HELPER.
clattn=$1
helper=$2
. "$(dirname "$0")/checks.sh"

# tool ARGUMENT...: runs it, on what the environment chooses unless the arguments choose themselves.
tool() {
    run_verb=${1:-}
    case $run_verb in
    forward | backward | check | tune | layer-*)
        shift
        case " $* " in
        *" --engine "* | *" --help "*) ;;
        *) [ -z "${CLATTN_TEST_ENGINE:-}" ] || set -- --engine "$CLATTN_TEST_ENGINE" "$@" ;;
        esac
        case " $* " in
        *" --device "* | *" --help "*) ;;
        *) [ -z "${CLATTN_TEST_DEVICE:-}" ] || set -- --device "$CLATTN_TEST_DEVICE" "$@" ;;
        esac
        "$clattn" "$run_verb" "$@"
        ;;
    *) "$clattn" "$@" ;;
    esac
}

# expect CODE TEXT ARGUMENT...: the tool leaves with CODE and says TEXT on standard error (nothing at all where TEXT is empty).
expect() {
    code=$1
    text=$2
    shift 2
    checks=$((checks + 1))
    found=0
    tool "$@" >stdout.txt 2>stderr.txt </dev/null || found=$?
    if [ "$found" -ne "$code" ]; then
        fail "clattn $*: exit code $found, expected $code"
    elif [ -z "$text" ] && [ -s stderr.txt ]; then
        fail "clattn $*: standard error is not empty"
    elif [ -n "$text" ] && ! grep -qF -e "$text" stderr.txt; then
        fail "clattn $*: no \"$text\" on standard error"
    elif [ "$code" -ne 0 ] && [ -s stdout.txt ] && [ "${1:-}" != check ] && [ "${1:-}" != tune ]; then
        fail "clattn $*: standard output is not empty"
    fi
}

# that WORD...: the command succeeds.
that() {
    checks=$((checks + 1))
    "$@" 2>stderr.txt || fail "$*"
}

no_temporaries() {
    checks=$((checks + 1))
    [ -z "$(find . -name '.clattn-*')" ] || fail "$1: temporary files are left"
}

make() {
    "$helper" make "$@" || exit 1
}
