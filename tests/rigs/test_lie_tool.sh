#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Test what `clattn devices` prints of a broken platform and of unusable devices besides a good device.
# Usage: test_lie_tool.sh CLATTN LAYER
set -eu

clattn=$1
OPENCL_LAYERS=$2
export OPENCL_LAYERS

# Exit status, then every text in turn.
expect() {
    lie=$1
    status=$2
    shift 2
    found=0
    text=$(CLATTN_TEST_LIE=$lie "$clattn" devices 2>&1) || found=$?
    for part in "$@"; do
        case $text in
        *"$part"*) ;;
        *) echo "FAILED: $lie: no \"$part\" in"; echo "$text"; exit 1 ;;
        esac
    done
    [ "$found" = "$status" ] || { echo "FAILED: $lie: exit status $found instead of $status"; exit 1; }
}

if [ "$("$clattn" devices 2>&1)" = "$(CLATTN_TEST_LIE='a name of 3000 bytes' "$clattn" devices 2>&1)" ]; then
    echo "SKIPPED: this OpenCL loader takes no layers (ocl-icd does from 2.3 on)"
    exit 77
fi
expect broken:-6 0 '[0] device: ' '[-] platform Broken Platform' 'clGetDeviceIDs failed with -6'
expect broken:-30 0 '[0] device: ' 'clGetDeviceIDs failed with -30'
expect beside:custom 0 '[0] device: ' '[-] '
expect big-endian 1 '[-] ' 'CLATTN_DEVICE_LIMIT' 'CL_DEVICE_ENDIAN_LITTLE' 'no OpenCL device that can be used'
expect '256 bytes of arguments' 1 'takes 256 bytes of arguments'
expect 'work-groups of 12' 0 'else simt, else cpu' '12 work-items a group'
