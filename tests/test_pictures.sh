#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The pictures in docs/ are those that their scripts draw now: test_pictures.sh SOURCE_DIR
set -eu

if ! command -v python3 >/dev/null; then
    echo "SKIPPED: there is no python3; ./scripts/setup.sh test installs it"
    exit 77
fi
failed=0
same() {
    if ! python3 "$1/scripts/$2" | cmp - "$1/docs/$3"; then
        echo "test_pictures: scripts/$2 draws another docs/$3 now: scripts/$2 >docs/$3" >&2
        failed=1
    fi
}
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
same "$1" draw_folders.py architecture.svg
[ "$failed" = 0 ]
