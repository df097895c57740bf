#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Test this checkout on a new bare Debian: ./scripts/chroot_test.sh bookworm|trixie readme|newcomer [FOLDER]
#
#   readme     install only README's packages; run its install line and the tool; then add
#              pkg-config and run the compile line on README's program. Two minutes
#   newcomer   ./scripts/demo.sh and ./scripts/test.sh --quick, which install what they need
#
# Tests the last commit (HEAD); changes that are not committed are left out. mmdebstrap makes the
# system from this machine's Debian mirror in a new folder below FOLDER (default: TMPDIR or /tmp),
# which is removed at the end. Needs root for chroot, and uses sudo.
set -eu

fail() {
    printf 'chroot_test: %s\n' "$*" >&2
    exit 1
}

# The Debian mirror that apt uses here.
mirror() {
    # shellcheck disable=SC2016 # apt's variables
    apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(RELEASE) $(SITE)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }'
}

# README's packages: the words between apt install and the closing parenthesis.
readme_packages() {
    # shellcheck disable=SC2016 # README's quotes
    tr '\n' ' ' <README.md | sed -n 's/.*(`apt install \([^`]*\)`).*/\1/p'
}

# The line of README that begins with $1, without sudo.
readme_line() {
    grep "^$1" README.md | sed 's/sudo //g'
}

# inside COMMAND: runs COMMAND in a shell of the new system. Its mounts are in a separate mount
# namespace and end with the command.
inside() {
    # shellcheck disable=SC2016 # the inner shell's arguments
    unshare --mount sh -c 'mount -t proc proc "$1/proc" && mount --rbind /sys "$1/sys" && mount --rbind /dev "$1/dev" &&
        exec chroot "$1" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive sh -euxc "$2"' sh "$root" "$1"
}

try_readme() {
    packages=$(readme_packages)
    install_line=$(readme_line 'cmake -S . -B build')
    compile_line=$(readme_line 'cc program.c')
    for part in "$packages" "$install_line" "$compile_line"; do
        [ -n "$part" ] || fail "README.md has other lines now"
    done
    inside "apt-get -q update
        apt-get -q install -y --no-install-recommends $packages
        if command -v pkg-config; then exit 1; fi
        cd /clattn
        $install_line
        ldconfig -p | grep libclattn.so
        clattn --help >/dev/null
        cp examples/minimal.c /tmp/program.c"
    inside "apt-get -q install -y --no-install-recommends pkg-config
        cd /tmp
        $compile_line
        ldd a.out
        if ldd a.out | grep 'not found'; then exit 1; fi"
}

try_newcomer() {
    inside "cd /clattn
        ./scripts/demo.sh
        ./scripts/test.sh --quick"
}

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    sed -n -e '1,2d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
    exec sudo "$0" "$@"
fi
suite=$1
what=$2
case $what in
readme | newcomer) ;;
*) fail "there is no $what to be tried" ;;
esac
cd "$(dirname "$0")/.."
for program in mmdebstrap unshare chroot git apt-get; do
    command -v $program >/dev/null || fail "there is no $program"
done
mirror=$(mirror)
[ -n "$mirror" ] || fail "apt has no Debian mirror here"

folder=$(mktemp -d "${3:-${TMPDIR:-/tmp}}/clattn_chroot.XXXXXX")
root=$folder/root
trap 'rm -rf --one-file-system "$folder"' EXIT
trap 'exit 1' INT TERM
mmdebstrap --quiet --mode=root --variant=apt --include=ca-certificates "$suite" "$root" "$mirror"
mkdir "$root/clattn"
git archive HEAD | tar -x -C "$root/clattn"

"try_$what"
echo "chroot_test: $what on $suite: all as README says"
