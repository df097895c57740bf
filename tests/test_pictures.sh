#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The pictures in the documents are those that their scripts draw now: test_pictures.sh SOURCE_DIR
set -eu

if ! command -v python3 >/dev/null; then
    echo "SKIPPED: there is no python3; ./scripts/setup.sh test installs it"
    exit 77
fi
cd "$1"
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
failed=0
# same PICTURE COMMAND ..
same() {
    picture=$1
    shift
    if ! "$@" | cmp - "$picture"; then
        echo "test_pictures: $picture is another picture than this draws: $*" >&2
        failed=1
    fi
}

same docs/architecture.svg scripts/draw_folders.py
same docs/speed.svg scripts/draw_speed.py
h200=bench/results/h200-float16
for pass in forward backward; do
    same $h200-$pass.svg scripts/draw_speed.py $pass $h200-nvidia_wgmma.csv $h200-nvidia_mma.csv $h200-torch.csv
done
if scripts/draw_speed.py backward bench/results/h200-one-query.csv 2>/dev/null; then
    echo "test_pictures: draw_speed.py draws cases that differ in more than their lengths" >&2
    failed=1
fi
[ "$failed" = 0 ]
