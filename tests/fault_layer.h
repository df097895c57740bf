/* SPDX-License-Identifier: Apache-2.0 */
/* A layer for the OpenCL loader (OPENCL_LAYERS names its file) that makes the nth call of OpenCL fail and counts the
 * references to every object. It is in the process of the test, which finds `fault_control` in it with dlsym. */
#ifndef CLATTN_TESTS_FAULT_LAYER_H
#define CLATTN_TESTS_FAULT_LAYER_H

#include "clattn.h"

enum { FAULT_TEXT = 512 };

struct fault_control {
    /* 1 once the loader has taken the layer up. */
    int (*is_loaded)(void);
    /* From now on counts calls that can fail, and makes number `nth` (from 1) fail, with `and_on` all after it too.
     * `error` is what they return; 0: what such a call would most likely return. nth 0: none fails, and the count
     * stands still. */
    void (*arm)(long nth, int and_on, cl_int error);
    /* How many calls have failed since then, and the name and the error of the first. */
    long (*fired)(const char **name, cl_int *error);
    /* References that the application holds to all objects, and releases that had none to give up. *text (FAULT_TEXT
     * bytes, may be NULL) names the objects that have appeared since `arm`. */
    long (*references)(char *text);
};

#endif
