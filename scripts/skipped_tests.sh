#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the last run of the tests went without: ./scripts/skipped_tests.sh BUILD_FOLDER CTEST_LOG
#
# Prints the parts that the build lacks, and of each test that was skipped, or skipped a part, the line that says why: it
# begins with SKIPPED. CTEST_LOG is what `ctest --output-log` wrote. Lines that begin with NOT JUDGED, of a test that ran and
# could not measure all, are printed too. Exit status 1 where something was skipped or is not built.
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
    FNR == NR && /^NOT JUDGED/ { print name ": " $0 }
    FNR == NR && /^SKIPPED/ { print name ": " $0; told[name] = 1; skipped = 1 }
    FNR != NR && /\(Skipped\)$/ && !($(NF - 1) in told) { print $(NF - 1) ": SKIPPED, and does not say why"; skipped = 1 }
    END { exit skipped }
' "$1/Testing/Temporary/LastTest.log" "$2" || exit 1
[ ! -s "$1/left_out.txt" ]
