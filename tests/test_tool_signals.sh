#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Signals that end the tool: its outputs are all old or all new, and no temporary file is left.
# Use: test_tool_signals.sh CLATTN NPY_HELPER SLOW_RENAME. CLATTN_TEST_DEVICE chooses what it runs on.
set -u

clattn=$1
helper=$2
slow_rename=$3
. "$(dirname "$0")/checks.sh"

# that WORD...: the command succeeds.
that() {
    checks=$((checks + 1))
    "$@" || fail "$what: $*"
}

# start WORD...: the tool in the background, which then is $worker; WORDs go before its name.
start() {
    cp old.npy out.npy
    cp old.npy lse.npy
    "$@" "$clattn" forward --device "${CLATTN_TEST_DEVICE:-}" --q q.npy --k k.npy --v v.npy --out out.npy --lse lse.npy \
        2>stderr.txt &
    worker=$!
}

# ended CODE...: waits for the tool, whose exit code is one of these, and looks at what it leaves.
ended() {
    wait "$worker" 2>/dev/null
    code=$?
    case " $* " in
    *" $code "*) ;;
    *) fail "$what: exit code $code" ;;
    esac
    if cmp -s lse.npy old.npy; then
        outputs=old
        that cmp out.npy old.npy
    else
        outputs=new
        that cmp out.npy good.out.npy
        that cmp lse.npy good.lse.npy
    fi
    that test -z "$(find . -name '.clattn-*')"
    rm -f .clattn-*
}

echo old >old.npy
for name in q k v; do
    "$helper" make $name.npy f4 1,2,20,8 1 || exit 1
done
what="without a signal"
start env
wait "$worker" || fail "$what"
mv out.npy good.out.npy
mv lse.npy good.lse.npy

# Between two renames: the signals wait, even if the process has other threads that could take them.
for signals in TERM "TERM TERM" "HUP TERM"; do
    what="$signals between renames"
    start env LD_PRELOAD="$slow_rename" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0"
    tries=0
    while [ ! -e renaming ] && [ $tries -lt 200 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    that test -e renaming
    for signal in $signals; do
        kill -"$signal" $worker
    done
    ended 129 143
    that test $outputs = new
    rm -f renaming
done

# At any time: 24 runs, a fraction of a second later each; every other one with two signals, as timeout sends them.
killed=0
for tenth in 0 1 2; do
    for hundredth in 0 1 2 3 5 6 8 9; do
        what="TERM after 0.$tenth$hundredth s"
        start env
        sleep 0.$tenth$hundredth
        kill -TERM $worker 2>/dev/null
        [ $((hundredth % 2)) -eq 0 ] || kill -TERM $worker 2>/dev/null
        ended 0 143
        [ $code -eq 0 ] || killed=$((killed + 1))
    done
done
that test $killed -gt 0

# What is ignored from the start, as by nohup, ends nothing.
what="HUP that is ignored"
trap '' HUP
start env
kill -HUP $worker
ended 0
that test $outputs = new

finish
