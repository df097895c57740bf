#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The header in programs of users: it prints nothing, in C and C++, with and without a choice of OpenCL's version; a choice
# holds; and where there is none, OpenCL's headers offer all that they have, and the program may still include them.
#
# test_header.sh FOLDER_OF_CLATTN_H FLAGS_FOR_OPENCL...
set -eu

include=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

# compile WHAT COMPILER FLAGS...: no output and success.
compile() {
    what=$1
    shift
    if ! "$@" -Wall -Wextra -pedantic -Werror -I"$include" $opencl -fsyntax-only >"$scratch/output" 2>&1 ||
        [ -s "$scratch/output" ]; then
        cat "$scratch/output" >&2
        echo "test_header: $what" >&2
        failed=1
    fi
}
opencl=$*

cat >"$scratch/none.c" <<'C'
#include <clattn.h>
#ifdef CL_TARGET_OPENCL_VERSION
#error "the header has chosen OpenCL's version for the program"
#endif
#ifndef CL_VERSION_1_2
#error "OpenCL's headers are not there"
#endif
#include <CL/cl.h>
#include <CL/cl_ext.h>
int main(void) { return CLATTN_VERSION == 0; }
C
cat >"$scratch/before.c" <<'C'
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <clattn.h>
#if CL_TARGET_OPENCL_VERSION != 120
#error "the program's choice does not hold"
#endif
int main(void) { clattn_problem p = CLATTN_PROBLEM_INIT; return p.batch != 0; }
C
cat >"$scratch/chosen.c" <<'C'
#include <clattn.h>
#if CL_TARGET_OPENCL_VERSION != CHOSEN || (CHOSEN < 300) == defined(CL_VERSION_3_0)
#error "the program's choice does not hold"
#endif
int main(void) { clattn_tensors t = CLATTN_TENSORS_INIT; return t.q.svm != NULL; }
C
for standard in c99 c11; do
    compile "$standard, no choice" cc -std=$standard "$scratch/none.c"
    compile "$standard, after OpenCL's headers" cc -std=$standard "$scratch/before.c"
    for chosen in 120 200 300; do
        compile "$standard, OpenCL $chosen" cc -std=$standard -DCHOSEN=$chosen -DCL_TARGET_OPENCL_VERSION=$chosen \
            "$scratch/chosen.c"
    done
done
if command -v c++ >/dev/null; then
    compile "C++, no choice" c++ -std=c++11 -x c++ "$scratch/none.c"
    compile "C++, OpenCL 120" c++ -std=c++11 -x c++ -DCHOSEN=120 -DCL_TARGET_OPENCL_VERSION=120 "$scratch/chosen.c"
fi
exit $failed
