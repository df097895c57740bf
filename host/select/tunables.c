/* SPDX-License-Identifier: Apache-2.0 */
/* The tunables, in one table that build options, tune file and tuner use. A new one is a line here
 * and a member of struct clattn__config. */
#include "select/tunables.h"

#include "select/feature.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct clattn__config, member)

const struct clattn__tunable clattn__tunables[] = {
    {"TILE_ROWS", AT(tile_rows), CLATTN_ENGINE_AUTO, 1, 4096, STEP_DOUBLE},
    {"TILE_COLS", AT(tile_cols), CLATTN_ENGINE_AUTO, 1, 4096, STEP_DOUBLE},
    {"DEPTH_STEP", AT(depth_step), CLATTN_ENGINE_AUTO, 1, CLATTN_MAX_HEAD_DIM, STEP_DOUBLE},
    {"OUT_BLOCK", AT(out_block), CLATTN_ENGINE_AUTO, 1, CLATTN_MAX_HEAD_DIM, STEP_DOUBLE},
    {"STATIONARY_RESIDENT", AT(stationary_resident), CLATTN_ENGINE_AUTO, 0, 1, STEP_TOGGLE},
    {"LANES", AT(lanes), CLATTN_ENGINE_CPU, 4, 16, STEP_NONE},
    {"BLOCK_ROWS", AT(block_rows), CLATTN_ENGINE_CPU, 1, 16, STEP_NONE},
    {"BLOCK_COLS", AT(block_cols), CLATTN_ENGINE_CPU, 1, 8, STEP_DOUBLE},
    {"TX", AT(tx), CLATTN_ENGINE_SIMT, 4, CLATTN_MAX_HEAD_DIM / 4, STEP_DOUBLE},
    {"TY", AT(ty), CLATTN_ENGINE_SIMT, 1, 64, STEP_DOUBLE},
    {"STRIP", AT(strip), CLATTN_ENGINE_SIMT, 2, 4096, STEP_DOUBLE},
    {"WARPS", AT(warps), CLATTN_ENGINE_NVIDIA_MMA, 1, 16, STEP_DOUBLE},
    {"UNROLL", AT(unroll), CLATTN_ENGINE_SIMT, 1, 16, STEP_DOUBLE},
    {"DECODE", AT(decode), CLATTN_ENGINE_SIMT, 0, 1, STEP_NONE},
    {"DECODE", AT(decode), CLATTN_ENGINE_NVIDIA_MMA, 0, 1, STEP_NONE},
    {"STAGES", AT(stages), CLATTN_ENGINE_NVIDIA_WGMMA, 1, 8, STEP_DOUBLE},
    {"PINGPONG", AT(pingpong), CLATTN_ENGINE_NVIDIA_WGMMA, 0, 1, STEP_TOGGLE},
    {"PERSISTENT", AT(persistent), CLATTN_ENGINE_NVIDIA_WGMMA, 0, 1, STEP_TOGGLE},
    {"STATIONARY_REGISTERS", AT(stationary_registers), CLATTN_ENGINE_NVIDIA_WGMMA, 0, 1, STEP_TOGGLE},
};
const size_t clattn__tunable_count = ARRAY_SIZE(clattn__tunables);

bool clattn__tunable_used(const struct clattn__tunable *tunable, clattn_engine engine)
{
    return tunable->engine == CLATTN_ENGINE_AUTO || tunable->engine == engine;
}

int *clattn__tunable_value(const struct clattn__tunable *tunable, struct clattn__config *config)
{
    return (int *)(void *)((char *)config + tunable->offset);
}

static int value_of(const struct clattn__tunable *tunable, const struct clattn__config *config)
{
    return *(const int *)(const void *)((const char *)config + tunable->offset);
}

const struct clattn__tunable *clattn__tunable_find(clattn_engine engine, const char *name)
{
    for (size_t i = 0; i < clattn__tunable_count; ++i)
        if (clattn__tunable_used(&clattn__tunables[i], engine) && strcmp(clattn__tunables[i].name, name) == 0)
            return &clattn__tunables[i];
    return NULL;
}

int clattn__tunables_print(const struct clattn__config *config, const char *before, char *text, size_t size)
{
    int length = 0;
    for (size_t i = 0; i < clattn__tunable_count; ++i)
        if (clattn__tunable_used(&clattn__tunables[i], config->engine))
            length += snprintf(text + length, size - (size_t)length, "%s%s=%d", before, clattn__tunables[i].name,
                               value_of(&clattn__tunables[i], config));
    return length;
}

bool clattn__tunables_equal(const struct clattn__config *a, const struct clattn__config *b)
{
    bool equal = true;
    for (size_t i = 0; i < clattn__tunable_count; ++i)
        if (clattn__tunable_used(&clattn__tunables[i], a->engine))
            equal = equal && value_of(&clattn__tunables[i], a) == value_of(&clattn__tunables[i], b);
    return equal;
}

bool clattn__tunables_in_range(const struct clattn__config *config)
{
    bool good = true;
    for (size_t i = 0; i < clattn__tunable_count; ++i) {
        const struct clattn__tunable *tunable = &clattn__tunables[i];
        const int value = value_of(tunable, config);
        if (clattn__tunable_used(tunable, config->engine))
            good = good && value >= tunable->least && value <= tunable->most;
    }
    return good;
}

/* Prints " -DNAME=1" for each feature; returns the length. */
static int print_compiled(uint64_t features, char *text, size_t size)
{
#define NAME(name, sentence) #name,
    static const char *const names[FEATURE_COUNT] = {CLATTN__FEATURE_LIST(NAME)};
#undef NAME
    int length = 0;
    for (int i = 0; i < FEATURE_COUNT; ++i)
        if (features >> i & 1)
            length += snprintf(text + length, size - (size_t)length, " -D%s=1", names[i]);
    return length;
}

void clattn__config_options(const struct clattn__config *c, char options[CLATTN__OPTIONS_MAX])
{
    const bool scores = clattn__config_has_tiles(c->kernel);
    int length = snprintf(options, CLATTN__OPTIONS_MAX, "-cl-std=CL1.2 -DSTORAGE=%d -DPACKED=%d -DMASK=%d",
                          (int)c->dtype, scores && c->packed, scores ? (int)c->mask : 0);
    length += print_compiled(c->compiled, options + length, CLATTN__OPTIONS_MAX - (size_t)length);
    if (c->kernel == KERNEL_DELTA)
        snprintf(options + length, CLATTN__OPTIONS_MAX - (size_t)length, " -DTX=%d -DTY=%d -DTILE_ROWS=%d", c->tx,
                 c->ty, c->tile_rows);
    if (c->kernel == KERNEL_COMBINE || c->kernel == KERNEL_DSINK)
        snprintf(options + length, CLATTN__OPTIONS_MAX - (size_t)length, " -DITEMS=%zu", c->group_size);
    if (!scores)
        return;
    length += snprintf(options + length, CLATTN__OPTIONS_MAX - (size_t)length,
                       " -DENGINE=%d -DLONG_SUMS=%d -DD_PAD=%d -DDV_PAD=%d", (int)c->engine, c->long_sums, c->d_pad,
                       c->dv_pad);
    length += clattn__tunables_print(c, " -D", options + length, CLATTN__OPTIONS_MAX - (size_t)length);
    if (c->kernel == KERNEL_FORWARD)
        snprintf(options + length, CLATTN__OPTIONS_MAX - (size_t)length, " -DSPLIT=%d", c->splits > 1);
    if (c->kernel == KERNEL_DBIAS)
        snprintf(options + length, CLATTN__OPTIONS_MAX - (size_t)length, " -DBIAS_ROWS=%d -DBIAS_COLS=%d", c->bias_rows,
                 c->bias_cols);
    if (clattn__config_keys_stationary(c->kernel))
        snprintf(options + length, CLATTN__OPTIONS_MAX - (size_t)length, " -DWANT_DK=%d -DWANT_DV=%d", c->want_dk,
                 c->want_dv);
}
