/* SPDX-License-Identifier: Apache-2.0 */
/* Tuned configurations of a context's device: one file per device and driver in the cache folder. A
 * row is trusted no more than a caller: it must pass clattn__config_complete. */
#include "select/tuned.h"

#include "opencl/files.h"
#include "opencl/program.h"
#include "select/choose.h"

#include <string.h>

enum { MAX_FILE_BYTES = 4 << 20 };

struct clattn__text clattn__tuned_path(const clattn_context *context, const char *folder)
{
    const struct clattn__device *device = &context->device;
    const char *const parts[] = {device->name, device->driver, device->platform};
    return clattn__cache_path(&context->allocator, folder, parts, ARRAY_SIZE(parts), ".tuned");
}

/* ---- lookup ---- */

static int floor_log2(int64_t value)
{
    int log = 0;
    while (value >>= 1)
        ++log;
    return log;
}

void clattn__tuned_key(clattn_engine engine, enum clattn__kernel kernel, const clattn_problem *problem,
                       int64_t part[TUNED_PARTS])
{
    const int pack = clattn__config_pack(problem);
    const int queries = floor_log2(problem->q_len * pack), keys = floor_log2(problem->kv_len);
    const bool keys_stationary = clattn__config_keys_stationary(kernel);
    part[TUNED_ENGINE] = (int)engine;
    part[TUNED_KERNEL] = (int)kernel;
    part[TUNED_FEATURES] = (int64_t)(clattn__features(problem) & ~CLATTN__NOT_TUNED);
    part[TUNED_D] = problem->qk_dim;
    part[TUNED_DV] = problem->v_dim;
    part[TUNED_LOG_ROWS] = keys_stationary ? keys : queries;
    part[TUNED_LOG_COLS] = keys_stationary ? queries : keys;
    part[TUNED_LOG_HEADS] = floor_log2(problem->batch * problem->q_heads);
}

static int64_t distance(const int64_t *a, const int64_t *b)
{
    int64_t sum = 0;
    for (int i = TUNED_LOG_ROWS; i < TUNED_PARTS; ++i)
        sum += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    return sum;
}

bool clattn__tuned_nearest(const struct clattn__tuned_table *table, const struct clattn__device *device,
                           clattn_engine engine, const clattn_problem *problem, struct clattn__config *config)
{
    int64_t key[TUNED_PARTS], nearest = -1;
    const struct clattn__config asked = *config;
    clattn__tuned_key(engine, asked.kernel, problem, key);
    for (size_t i = 0; i < table->count; ++i) {
        const int64_t *part = table->rows[i].part, far = distance(part, key);
        struct clattn__config found = table->rows[i].config;
        found.want_dk = asked.want_dk;
        found.want_dv = asked.want_dv;
        if (memcmp(part, key, TUNED_LOG_ROWS * sizeof *part) == 0 && (nearest < 0 || far < nearest) &&
            clattn__config_complete(device, engine, problem, &found)) {
            nearest = far;
            *config = found;
        }
    }
    return nearest >= 0;
}

/* ---- the file ---- */

static bool read_table(const clattn_context *context, struct clattn__tuned_table *table)
{
    size_t size;
    char *text = (char *)clattn__file_read(&context->allocator, context->tuned_path, MAX_FILE_BYTES, false, &size);
    const bool good = text ? clattn__tuned_parse(&context->allocator, text, table) : size == 0;
    clattn__release(&context->allocator, text);
    return good;
}

bool clattn__tuned_find(clattn_context *context, clattn_engine engine, const clattn_problem *problem,
                        struct clattn__config *config)
{
    pthread_mutex_lock(&context->lock);
    if (!context->tuned && context->tuned_path) {
        context->tuned = clattn__allocate(&context->allocator, sizeof *context->tuned);
        if (context->tuned)
            read_table(context, context->tuned);
    }
    const bool found =
        context->tuned && clattn__tuned_nearest(context->tuned, &context->device, engine, problem, config);
    pthread_mutex_unlock(&context->lock);
    return found;
}

static clattn_status write_table(const clattn_context *context, const struct clattn__tuned_table *table)
{
    struct clattn__text text = {.allocator = &context->allocator};
    clattn__tuned_begin(&context->device, &text);
    for (size_t i = 0; i < table->count; ++i)
        clattn__tuned_print(&table->rows[i], &text);
    const struct clattn__part part = {text.chars, text.length};
    clattn_status status = CLATTN_SUCCESS;
    if (text.failed)
        status = clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the file of tuned configurations");
    else if (!clattn__file_replace(&context->allocator, context->tuned_path, &part, 1))
        status = clattn__fail(CLATTN_INVALID_ARGUMENT,
                              "the file of tuned configurations, %s, cannot be written; its folder must belong to the "
                              "user, and nobody else may write to it",
                              context->tuned_path);
    clattn__text_free(&text);
    return status;
}

/* Other processes write the same file, so the new rows are merged with what it holds now, not with
 * what was read earlier. Rows that another process writes between the read and the write may be
 * lost; no row is ever torn. */
clattn_status clattn__tuned_store(clattn_context *context, const struct clattn__tuned *rows, size_t count)
{
    struct clattn__tuned_table *table = clattn__allocate(&context->allocator, sizeof *table);
    bool good = table && read_table(context, table);
    for (size_t i = 0; good && i < count; ++i)
        good = clattn__tuned_add(&context->allocator, table, &rows[i]);
    const clattn_status status =
        good ? write_table(context, table)
             : clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the rows of %s", context->tuned_path);
    if (!status) {
        pthread_mutex_lock(&context->lock);
        struct clattn__tuned_table *old = context->tuned;
        context->tuned = table;
        pthread_mutex_unlock(&context->lock);
        table = old;
    }
    if (table)
        clattn__release(&context->allocator, table->rows);
    clattn__release(&context->allocator, table);
    return status;
}

void clattn__tuned_release(clattn_context *context)
{
    if (context->tuned)
        clattn__release(&context->allocator, context->tuned->rows);
    clattn__release(&context->allocator, context->tuned);
}
