#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every function of OpenCL that the library calls must be one that the fault layer can make fail, or a release that it
# counts.
# Use: test_fault_layer.sh LIBRARY FAULT_CALLS
set -eu

library=$1
source=$2

calls=$(nm -D --undefined-only "$library" | sed -n 's/.* \(cl[A-Z][A-Za-z]*\).*/\1/p' | sort -u)
if [ -z "$calls" ]; then
    echo "FAILED: $library calls no function of OpenCL?"
    exit 1
fi
missing=0
for call in $calls; do
    if ! grep -qE "^[A-Z]+\($call," "$source"; then
        echo "FAILED: the library calls $call, and $source does not have it"
        missing=1
    fi
done
exit $missing
