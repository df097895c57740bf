/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of npy_helper. */
#ifndef CLATTN_TESTS_NPY_HELPER_H
#define CLATTN_TESTS_NPY_HELPER_H

#include "clattn.h"
#include "npy.h"

/* Prints both texts and exits with code 2. */
void die(const char *what, const char *why);

/* Zeroed memory that is never freed. */
void *take(size_t bytes);

/* Reads a whole file as float32, int32 or bytes; its shape goes to *header. */
void *load(const char *path, unsigned allowed, npy_header *header);

/* Applies a word: causal, offset=X, window=L,R, scale=X, mask=F, kvlen=F. Ignores other words with
 * a '='. */
void take_word(clattn_problem *p, clattn_arrays *a, const char *word);

/* The verbs of these names. They return the exit code. */
int make(int argc, char **argv);
int lengths(char **argv);
int constant(char **argv);
int layer(int argc, char **argv);

#endif
