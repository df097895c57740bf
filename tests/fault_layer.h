/* SPDX-License-Identifier: Apache-2.0 */
/* A layer of the OpenCL loader (OPENCL_LAYERS names its file) that makes the nth OpenCL call fail
 * and counts the references to every object. It runs in the test's process; the test finds
 * `fault_control` with dlsym. */
#ifndef CLATTN_TESTS_FAULT_LAYER_H
#define CLATTN_TESTS_FAULT_LAYER_H

#include "clattn.h"

enum { FAULT_TEXT = 512 };

struct fault_control {
    /* 1 once the loader has loaded the layer. */
    int (*is_loaded)(void);
    /* Starts counting calls that can fail; call `nth` (from 1) fails, with `and_on` also all later
     * ones. They return `error`; 0: the call's most likely error. nth = 0: no call fails, and
     * counting stops. */
    void (*arm)(long nth, int and_on, cl_int error);
    /* The number of calls that failed since then, and the name and error of the first. */
    long (*fired)(const char **name, cl_int *error);
    /* The application's references to all objects, plus the number of releases without a reference.
     * *text (FAULT_TEXT bytes, may be NULL) names the objects made since `arm`. */
    long (*references)(char *text);
};

#endif
