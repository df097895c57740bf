/* SPDX-License-Identifier: Apache-2.0 */
/* The header's CLATTN_..._INIT macros as functions, for languages without macros. */
#include "base/sizes.h"

#include <string.h>

/* Copies whole structs, so that padding is 0 as in the macro's: a runner compares problems byte by
 * byte. */
#define DEFINE_INIT(type, value)                                                                                       \
    void type##_init(type *object, size_t struct_size)                                                                 \
    {                                                                                                                  \
        static const type initial = value;                                                                             \
        if (!object || struct_size < sizeof struct_size)                                                               \
            return;                                                                                                    \
        memcpy(object, &struct_size, sizeof struct_size);                                                              \
        clattn__struct_write(&initial, sizeof initial, object);                                                        \
    }

DEFINE_INIT(clattn_options, CLATTN_OPTIONS_INIT)
DEFINE_INIT(clattn_problem, CLATTN_PROBLEM_INIT)
DEFINE_INIT(clattn_tensors, CLATTN_TENSORS_INIT)
DEFINE_INIT(clattn_layer, CLATTN_LAYER_INIT)
DEFINE_INIT(clattn_layer_tensors, CLATTN_LAYER_TENSORS_INIT)
DEFINE_INIT(clattn_arrays, CLATTN_ARRAYS_INIT)
DEFINE_INIT(clattn_run_info, CLATTN_RUN_INFO_INIT)
DEFINE_INIT(clattn_layer_arrays, CLATTN_LAYER_ARRAYS_INIT)
DEFINE_INIT(clattn_tune_options, CLATTN_TUNE_OPTIONS_INIT)
DEFINE_INIT(clattn_tune_result, CLATTN_TUNE_RESULT_INIT)
