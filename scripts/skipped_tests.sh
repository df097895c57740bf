#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# List what the last run of the tests skipped: ./scripts/skipped_tests.sh BUILD_FOLDER CTEST_LOG
#
# Prints what was not built, and the SKIPPED line, with the reason, of each test that was skipped
# wholly or partly. Also prints lines that begin with NOT JUDGED: that test could not measure
# everything, because no package of Debian's main section has what it needs. CTEST_LOG is the file of
# `ctest --output-log`. Exit status 1 if anything else was skipped, or not built.
set -eu

if [ $# -ne 2 ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
if [ -s "$1/left_out.txt" ]; then
    sed 's/^/built without /' "$1/left_out.txt"
fi
awk '
    FNR == NR && /^[0-9]+\/[0-9]+ Testing: / { name = $3 }
    FNR == NR && /^NOT JUDGED/ { print name ": " $0; told[name] = 1 }
    FNR == NR && /^SKIPPED/ { print name ": " $0; told[name] = 1; skipped = 1 }
    FNR != NR && /\(Skipped\)$/ && !($(NF - 1) in told) { print $(NF - 1) ": SKIPPED, and does not say why"; skipped = 1 }
    END { exit skipped }
' "$1/Testing/Temporary/LastTest.log" "$2" || exit 1
[ ! -s "$1/left_out.txt" ]
