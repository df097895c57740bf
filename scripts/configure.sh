#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Configure a build folder: ./scripts/configure.sh FOLDER [CMake options]
#
# A new folder becomes a release build, with Ninja if installed; an existing one keeps its generator
# and options.
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
