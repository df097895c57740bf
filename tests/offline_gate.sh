#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs scripts/compile_offline.py on a part of the configurations: offline_gate.sh LIST_TABLE TARGET ...
set -eu

if ! command -v python3 >/dev/null; then
    echo "SKIPPED: there is no python3; ./scripts/setup.sh test installs it"
    exit 77
fi
list=$1
shift
exec python3 "$(dirname "$0")/../scripts/compile_offline.py" "$list" --few "$@"
