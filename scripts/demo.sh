#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what is missing, build, and run the demo: ./scripts/demo.sh [DEVICE]
#
# DEVICE is an index or part of a device's name, as for `clattn --device`; default: the best device.
# Apart from apt's packages, everything stays in build/.
set -eu

if [ $# -gt 1 ] || [ "${1:-}" = --help ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
cd "$(dirname "$0")/.."

./scripts/setup.sh demo
./scripts/configure.sh build -DCLATTN_BUILD_EXAMPLES=ON
cmake --build build --target demo
echo
exec build/examples/demo "$@"
