/* SPDX-License-Identifier: Apache-2.0 */
/* What a case's run left in its buffers, against the reference and against the guards. Internal to check_case. */
#ifndef CLATTN_CHECK_COMPARE_H
#define CLATTN_CHECK_COMPARE_H

#include "check.h"
#include "data.h"

struct comparison {
    const struct test_case *c;
    unsigned passes; /* that were asked for and are the case's */
    int by_chance;   /* CHECK_CHANCE */
    struct data_set set;
    unsigned char *found[SLOT_COUNT]; /* what the buffers of the set hold after the run */
    struct check_result *result;
};

/* Writes the first failure to result->message and clears result->ok. Always returns 0. */
int compare_fail(struct check_result *result, const char *format, ...);

/* 1 when the run writes the tensor. */
int compare_is_written(const struct comparison *x, enum check_tensor tensor);

/* Compares the outputs with the reference. */
void compare_outputs(struct comparison *x);

/* The name of a tensor that lives in the buffer. */
const char *compare_buffer_name(const struct comparison *x, int buffer);

/* Sees that nothing but the outputs that are written has changed. Overwrites these in `found`. */
void compare_guards(struct comparison *x);

/* A digest of every bit of the outputs and of what lies around them, as they were found. */
uint64_t compare_digest(const struct comparison *x);

/* Sees that `found` holds what `before` does, bit for bit. */
void compare_runs(struct comparison *x, unsigned char *const *before);

#endif
