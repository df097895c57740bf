#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what clattn needs on Debian (12 or later) and Ubuntu (24.04 or later): ./scripts/setup.sh demo|test|offline
#
#   demo      compiler, CMake, OpenCL headers and loader; PoCL, an OpenCL for the CPU, when no other device is found
#   test      the same, PoCL always, and cmocka; and what parts of the library and some tests use: CLBlast, oclgrind,
#             clang, OpenBLAS, Python, abigail-tools
#   offline   as test, compilers for GPUs that are not here, some 400 MB, which bring Intel's OpenCL driver for GPUs along;
#             headers for 32 bits, and what scripts/chroot_test.sh makes other systems with
#
# Asks apt only for what is missing, and with sudo only when it is not run by root. What only some tests need is installed
# where apt has it (oclgrind and most of the compilers are in Debian 12 alone); without it those tests are skipped, and say so.
# At the end it lists the OpenCL devices. On other systems it installs nothing and says what to look for.
set -eu

build_packages="build-essential cmake ninja-build pkg-config opencl-headers ocl-icd-opencl-dev libmd-dev clinfo"
test_packages="pocl-opencl-icd libcmocka-dev"
some_tests_packages="libclblast-dev libopenblas-dev oclgrind clang libclang-rt-dev python3 python3-venv abigail-tools"
offline_packages="clang-19 rocm-device-libs libclc-15 intel-opencl-icd libc6-dev-i386 mmdebstrap"

say() {
    printf '%s: %s\n' setup "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# The packages of the argument list that are not installed.
missing_packages() {
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
        installed) ;;
        *) printf '%s ' "$package" ;;
        esac
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "not root, and there is no sudo; as root, run: $*"
    fi
}

# Whether apt is here, to install the packages of the argument list.
have_apt() {
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
        say "no apt here, so nothing is installed; what is needed goes by these names on Debian: $*"
        return 1
    fi
}

# Package lists of today, once.
update_lists() {
    [ -z "$updated" ] || return 0
    updated=yes
    as_root apt-get -q update || say "apt-get update failed; trying with the package lists that are there"
}

apt_install() {
    say "installing $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "$@"
}

install_packages() {
    have_apt "$@" || return 0
    # shellcheck disable=SC2046 # one word a package
    set -- $(missing_packages "$@")
    if [ $# -gt 0 ]; then
        update_lists
        apt_install "$@" || fail "apt-get could not install: $*"
    fi
}

# Those of the argument list that apt has and can install; names the others.
install_optional() {
    have_apt "$@" || return 0
    # shellcheck disable=SC2046
    set -- $(missing_packages "$@")
    [ $# -gt 0 ] || return 0
    update_lists
    offered=
    for package in "$@"; do
        if LC_ALL=C apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then
            offered="$offered $package"
        else
            say "apt has no $package here: what needs it is not built, or its tests are skipped"
        fi
    done
    # shellcheck disable=SC2086
    if [ -z "$offered" ] || apt_install $offered; then
        return 0
    fi
    for package in $offered; do # one of them keeps the others from being installed
        apt_install "$package" ||
            say "apt-get could not install $package: what needs it is not built, or its tests are skipped"
    done
}

count_devices() {
    clinfo -l 2>/dev/null | grep -c 'Device #' || true
}

case ${1:-} in
demo | test | offline) ;;
*)
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

updated=
# shellcheck disable=SC2086 # one word a package
install_packages $build_packages
if [ "$1" != demo ]; then
    # shellcheck disable=SC2086
    install_packages $test_packages
    # shellcheck disable=SC2086
    install_optional $some_tests_packages
    if [ "$1" = offline ]; then
        # shellcheck disable=SC2086
        install_optional $offline_packages
    fi
elif [ "$(count_devices)" -eq 0 ]; then
    say "no OpenCL device yet; PoCL makes the CPU one"
    install_packages pocl-opencl-icd
fi

for program in cc cmake clinfo; do
    command -v $program >/dev/null 2>&1 || fail "$program is missing"
done
devices=$(count_devices)
if [ "$devices" -eq 0 ]; then
    fail "clinfo finds no OpenCL device. For a GPU, install its vendor's OpenCL driver; for the CPU, pocl-opencl-icd"
fi
say "OpenCL devices that clinfo finds: $devices"
clinfo -l >&2
