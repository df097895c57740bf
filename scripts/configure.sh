#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Configure a build folder: ./scripts/configure.sh FOLDER [CMake options]
#
# A new folder is a release build, with Ninja where that is installed; one that exists keeps its generator and its options.
set -eu

folder=$1
shift
cd "$(dirname "$0")/.."

if [ -f "$folder/CMakeCache.txt" ]; then
    exec cmake -S . -B "$folder" "$@"
fi
if command -v ninja >/dev/null 2>&1; then
    set -- -G Ninja "$@"
fi
exec cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release "$@"
