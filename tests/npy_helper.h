/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of npy_helper share. */
#ifndef CLATTN_TESTS_NPY_HELPER_H
#define CLATTN_TESTS_NPY_HELPER_H

#include "clattn.h"
#include "npy.h"

/* Prints both and ends with code 2. */
void die(const char *what, const char *why);

/* Zeroed memory that lives until the end. */
void *take(size_t bytes);

/* A whole file as float32, int32 or bytes; its shape goes to *header. */
void *load(const char *path, unsigned allowed, npy_header *header);

/* causal, offset=X, window=L,R, scale=X, mask=F, kvlen=F; any other word with a '=' is left to the caller. */
void take_word(clattn_problem *p, clattn_arrays *a, const char *word);

/* The verb "layer". Returns the exit code. */
int layer(int argc, char **argv);

#endif
