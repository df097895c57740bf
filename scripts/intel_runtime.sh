#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install Intel's OpenCL runtime for CPUs into a folder: ./scripts/intel_runtime.sh FOLDER
#
# A second OpenCL implementation to test on, which shares no code with PoCL, for any x86-64 CPU. It
# comes from the Python packages intel-opencl-rt and intel-cmplr-lib-rt (Intel's licence applies;
# clattn contains nothing of them). Makes
#
#   FOLDER/venv/lib              the libraries, for LD_LIBRARY_PATH
#   FOLDER/vendors/intel.icd     names libintelocl.so; OCL_ICD_VENDORS=FOLDER/vendors/ hides other OpenCL
#
# and does nothing if they exist. Exit status 1, with a message, if they cannot be installed.
set -eu

packages="intel-opencl-rt==2026.2.0 intel-cmplr-lib-rt==2026.2.0"

fail() {
    printf 'intel_runtime: %s\n' "$*" >&2
    exit 1
}

# Whether the OpenCL loader finds the runtime's device.
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
