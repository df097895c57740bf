/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of a kernel, from its list in args_list.h.
 *
 *   PARAMETERS(list)    all parameters: struct call as `a`, then the arguments that are compiled in
 *   ABSENT(list)        at the head of the body: the other names, as NULL, for unreached code
 *   GIVEN_INPUTS        after ABSENT: the initialiser of a struct score_inputs */
#ifndef PARAMETERS_CL
#define PARAMETERS_CL

#include "attention/args.h"
#include "attention/storage.cl"

#ifdef ENGINE /* defines MAKES_DELTA and TENSOR_MAPS */
#include "attention/engine.cl"
#endif

#include "attention/args_list.h"

#define PARAMETERS(list) const struct call a list(PARAMETER)
#define ABSENT(list) list(ABSENT_PARAMETER)

#define PARAMETER(when, kind, name) JOIN(PARAMETER_, JOIN(HAS_, when))(kind, name)
#define PARAMETER_0(kind, name)
#define PARAMETER_1(kind, name) , KIND_##kind name
#define ABSENT_PARAMETER(when, kind, name) JOIN(ABSENT_, JOIN(HAS_, when))(kind, name)
#define ABSENT_0(kind, name)                                                                                           \
    KIND_##kind name = 0;                                                                                              \
    (void)name;
#define ABSENT_1(kind, name)

#define GIVEN_INPUTS                                                                                                   \
    {                                                                                                                  \
        SCORE_INPUTS(GIVEN_INPUT)                                                                                      \
    }
#define GIVEN_INPUT(when, kind, name) name,
#define INPUT_MEMBER(when, kind, name) KIND_##kind name;

#define KIND_TENSOR const __global stored *restrict
#define KIND_TENSOR_OUT __global stored *restrict
#define KIND_FLOATS const __global float *restrict
#define KIND_FLOATS_OUT __global float *restrict
#define KIND_INTS const __global int *restrict
#define KIND_BYTES const __global uchar *restrict
#define KIND_BYTES_OUT __global uchar *restrict

/* Members that are not compiled in are NULL. */
struct score_inputs {
    SCORE_INPUTS(INPUT_MEMBER)
};

#endif
