#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what clattn needs on Debian (12 or later) and Ubuntu (24.04 or later): ./scripts/setup.sh demo|test|offline
#
#   demo      compiler, CMake, OpenCL headers and loader; PoCL, an OpenCL for the CPU, if there is no
#             other device
#   test      the same, PoCL always, and cmocka; for the layer and some tests also CLBlast, oclgrind,
#             clang, OpenBLAS, Python, abigail-tools, jemalloc
#   offline   as test, plus compilers for GPUs that this machine lacks (about 400 MB, with Intel's
#             OpenCL driver for GPUs), 32-bit headers, and mmdebstrap for scripts/chroot_test.sh
#
# Installs only missing packages, by apt, and with sudo unless run by root. Packages for some tests
# are optional, as not every release has them (oclgrind and most of the compilers are only in Debian
# 12): without them those tests are skipped, and say so. At the end it lists the OpenCL devices. On
# other systems it installs nothing and names the packages.
set -eu

build_packages="build-essential cmake ninja-build pkg-config opencl-headers ocl-icd-opencl-dev libmd-dev clinfo"
test_packages="pocl-opencl-icd libcmocka-dev"
some_tests_packages="libclblast-dev libopenblas-dev oclgrind clang libclang-rt-dev python3 python3-venv abigail-tools \
    libjemalloc2"
offline_packages="clang-19 rocm-device-libs libclc-15 intel-opencl-icd libc6-dev-i386 mmdebstrap"

say() {
    printf '%s: %s\n' setup "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# Prints those packages of the argument list that are not installed.
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

# Whether apt can install the packages of the argument list; if there is no apt, names them.
have_apt() {
    if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
        say "no apt here, so nothing is installed; what is needed goes by these names on Debian: $*"
        return 1
    fi
}

# Updates apt's package lists, once.
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

# Installs those packages of the argument list that apt has; names the others.
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
    for package in $offered; do # one by one: a package that fails must not block the others
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
