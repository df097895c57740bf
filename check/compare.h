/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the buffers of a case after its run with the reference, and checks the guards. Internal
 * to check_case. */
#ifndef CLATTN_CHECK_COMPARE_H
#define CLATTN_CHECK_COMPARE_H

#include "check.h"
#include "data.h"

struct comparison {
    const struct test_case *c;
    unsigned passes; /* both requested and in the case */
    int by_chance;   /* CHECK_CHANCE */
    struct data_set set;
    unsigned char *found[SLOT_COUNT]; /* the contents of the set's buffers after the run */
    struct check_result *result;
};

/* Writes the first failure to result->message and clears result->ok. Always returns 0. */
int compare_fail(struct check_result *result, const char *format, ...);

/* 1 when the run writes the tensor. */
int compare_is_written(const struct comparison *x, enum check_tensor tensor);

/* Compares the outputs with the reference. */
void compare_outputs(struct comparison *x);

/* The name of the buffer's first tensor. */
const char *compare_buffer_name(const struct comparison *x, int buffer);

/* Checks that nothing outside the written outputs has changed. Overwrites those outputs in
 * `found`. */
void compare_guards(struct comparison *x);

/* FNV-1a (64 bits) of the output buffers, guards included. */
uint64_t compare_digest(const struct comparison *x);

/* Checks that `found` and `before` are bit-identical. */
void compare_runs(struct comparison *x, unsigned char *const *before);

#endif
