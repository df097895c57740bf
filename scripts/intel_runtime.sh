#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install Intel's OpenCL runtime for CPUs into a folder of its own: ./scripts/intel_runtime.sh FOLDER
#
# A second OpenCL implementation to test on, unrelated to PoCL; it runs on any x86-64 CPU. From the Python packages
# intel-opencl-rt and intel-cmplr-lib-rt (Intel's licence applies; nothing of them is part of clattn). It makes
#
#   FOLDER/venv/lib              the libraries; goes into LD_LIBRARY_PATH
#   FOLDER/vendors/intel.icd     names libintelocl.so; `OCL_ICD_VENDORS=FOLDER/vendors/` makes it the only OpenCL
#
# and does nothing when they are there. Exit status 1, and a message, when they cannot be had.
set -eu

packages="intel-opencl-rt==2026.2.0 intel-cmplr-lib-rt==2026.2.0"

fail() {
    printf 'intel_runtime: %s\n' "$*" >&2
    exit 1
}

# Whether a program sees the runtime's device through the loader.
works() {
    LD_LIBRARY_PATH="$folder/venv/lib" OCL_ICD_VENDORS="$folder/vendors/" clinfo -l 2>/dev/null | grep -q 'Device #'
}

if [ $# -ne 1 ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)

if [ -f "$folder/installed" ] && [ "$(cat "$folder/installed")" = "$packages" ] && works; then
    exit 0
fi
[ "$(uname -m)" = x86_64 ] || fail "Intel's runtime is for x86-64 only; this machine is $(uname -m)"
rm -rf "$folder/venv" "$folder/vendors" "$folder/installed"
python3 -m venv "$folder/venv" || fail "python3 -m venv failed (Debian: apt install python3-venv)"
# shellcheck disable=SC2086 # two packages
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check $packages ||
    fail "pip could not install $packages"
mkdir "$folder/vendors"
printf '%s\n' "$folder/venv/lib/libintelocl.so" >"$folder/vendors/intel.icd"
works || fail "the runtime is installed in $folder, but clinfo finds no device with it"
printf '%s\n' "$packages" >"$folder/installed"
