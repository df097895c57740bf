#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What scripts/setup.sh does where apt lacks a package: test_setup.sh SOURCE_FOLDER
#
# With programs in the place of apt's that keep a list of installed packages and offer what a file says.
set -eu
. "$(dirname "$0")/scratch.sh"
wants 1 "$@"
source=$(cd "$1" && pwd)

# program NAME: a stand-in, its text on standard input.
program() {
    { printf '#!/bin/sh\nstate=%s\n' "$scratch/state" && cat; } >"$scratch/bin/$1"
    chmod +x "$scratch/bin/$1"
}

# run WHAT WITHOUT ...: setup.sh WHAT on a bare system whose apt lacks these packages.
run() {
    what=$1
    shift
    : >"$scratch/state/installed"
    printf '%s\n' "$@" >"$scratch/state/lacks"
    PATH="$scratch/bin:$PATH" "$source/scripts/setup.sh" "$what" >"$scratch/log" 2>&1
}

installed() {
    grep -qx "$1" "$scratch/state/installed"
}

mkdir "$scratch/bin" "$scratch/state"

echo 'echo 0' | program id
echo 'echo "   Device #0: a device"' | program clinfo
program dpkg-query <<'END'
for package; do :; done
if grep -qx "$package" "$state/installed"; then echo installed; else exit 1; fi
END
program apt-cache <<'END'
if grep -qx "$2" "$state/lacks"; then exit 0; fi
if [ "$2" = "$(cat "$state/virtual" 2>/dev/null)" ]; then printf '%s:\n  Candidate: (none)\n' "$2"; exit 0; fi
printf '%s:\n  Installed: (none)\n  Candidate: 1.0-1\n' "$2"
END
# Installs all that it is asked for, or nothing.
program apt-get <<'END'
case " $* " in *" install "*) ;; *) exit 0 ;; esac
for word; do
    case $word in -* | install) continue ;; esac
    if grep -qx "$word" "$state/lacks" "$state/broken"; then echo "E: Unable to install $word"; exit 100; fi
done
for word; do
    case $word in -* | install) ;; *) echo "$word" >>"$state/installed" ;; esac
done
END
: >"$scratch/state/broken"

run test nothing || fail "failed where apt has everything"
for package in cmake libmd-dev libcmocka-dev oclgrind libclblast-dev; do
    installed $package || fail "did not install $package"
done
run test oclgrind libclblast-dev || fail "failed for want of packages that only some tests need"
grep -q 'apt has no oclgrind here' "$scratch/log" || fail "does not say that oclgrind is missing"
grep -q 'apt has no libclblast-dev here' "$scratch/log" || fail "does not say that libclblast-dev is missing"
installed libopenblas-dev || fail "left out what apt has"
! run test libcmocka-dev || fail "went on without cmocka, which all tests need"
run offline oclgrind rocm-device-libs libclc-15 intel-opencl-icd || fail "failed for want of compilers"
installed clang-19 || fail "left out a compiler that apt has"
run demo oclgrind libcmocka-dev || fail "the demo wants what only tests need"

echo python3-venv >"$scratch/state/virtual"
run test nothing || fail "failed at a package that is only a name"
grep -q 'apt has no python3-venv here' "$scratch/log" || fail "takes a name that nothing stands behind for a package"
rm "$scratch/state/virtual"
echo oclgrind >"$scratch/state/broken"
run test nothing || fail "failed at a package that cannot be installed"
installed libclblast-dev || fail "one package that cannot be installed kept the others away"
echo "setup: all as it should be"
