/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations that a search found fastest on a device: kept in a file, looked up by plans. */
#ifndef CLATTN_SELECT_TUNED_H
#define CLATTN_SELECT_TUNED_H

#include "opencl/context.h"
#include "select/config.h"
#include "select/feature.h"

/* What a configuration was tuned for: its key. Members before the logarithms must match exactly;
 * the three logarithms (base 2, rounded down) as closely as possible: stationary rows, streamed
 * rows, B Hq. */
enum clattn__tuned_part {
    TUNED_ENGINE,
    TUNED_KERNEL,
    TUNED_FEATURES, /* the problem's, without CLATTN__NOT_TUNED */
    TUNED_D,
    TUNED_DV,
    TUNED_LOG_ROWS,
    TUNED_LOG_COLS,
    TUNED_LOG_HEADS,
    TUNED_PARTS
};

/* Features that hardly change a kernel's work: a configuration tuned without them serves problems
 * with them. */
#define CLATTN__NOT_TUNED                                                                                              \
    (CLATTN__FEATURE(TOP_LEFT) | CLATTN__FEATURE(OFFSET) | CLATTN__FEATURE(KEY_LENGTHS) |                              \
     CLATTN__FEATURE(NEGATIVE_SCALE) | CLATTN__FEATURE(KEY_SPLITS))

struct clattn__tuned {
    int64_t part[TUNED_PARTS];
    struct clattn__config config; /* only engine, kernel and tunables are set */
};

/* Path of the context's file; check `failed`. */
struct clattn__text clattn__tuned_path(const clattn_context *context, const char *folder);

/* The key of a kernel for the problem. */
void clattn__tuned_key(clattn_engine engine, enum clattn__kernel kernel, const clattn_problem *problem,
                       int64_t part[TUNED_PARTS]);

/* Sets *config to the nearest usable configuration. The caller sets its kernel, want_dk and
 * want_dv. False: none, *config unchanged. The first call reads the file. */
bool clattn__tuned_find(clattn_context *context, clattn_engine engine, const clattn_problem *problem,
                        struct clattn__config *config);

/* Adds rows to the file and the context, or replaces those of the same key. With count 0, tests
 * whether the file can be written. On failure the context is unchanged.
 *    INVALID_ARGUMENT  the file cannot be written
 *    OUT_OF_MEMORY */
clattn_status clattn__tuned_store(clattn_context *context, const struct clattn__tuned *rows, size_t count);

void clattn__tuned_release(clattn_context *context);

/* ---- the file's text, also for tests ---- */

struct clattn__tuned_table {
    struct clattn__tuned *rows;
    size_t count, capacity;
};

/* Adds the rows of a file's text, which it modifies; no rows from a file of another version. False:
 * no memory. */
bool clattn__tuned_parse(const clattn_allocator *allocator, char *text, struct clattn__tuned_table *table);
/* Writes the lines before the rows. */
void clattn__tuned_begin(const struct clattn__device *device, struct clattn__text *text);
void clattn__tuned_print(const struct clattn__tuned *row, struct clattn__text *text);
/* Replaces the row of the same key. False: no memory. */
bool clattn__tuned_add(const clattn_allocator *allocator, struct clattn__tuned_table *table,
                       const struct clattn__tuned *row);
/* The lookup of clattn__tuned_find. */
bool clattn__tuned_nearest(const struct clattn__tuned_table *table, const struct clattn__device *device,
                           clattn_engine engine, const clattn_problem *problem, struct clattn__config *config);

#endif
