/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the configurations of the engines' built-in tables for GPUs of several sizes, for offline
 * compilers. A line is "ENGINE NAME ITEMS LOCAL_BYTES OPTIONS", ITEMS and LOCAL_BYTES being a
 * work-group's; lines may repeat. Every storage type, head dimensions from 32 to 256. With the
 * argument `few`: 128, and 64 in an engine's first type without masks, on large devices only. Score options that
 * are compiled into kernels: all together, in one type, with the head dimensions of `few`. */
#include "select/choose.h"
#include "select/engine.h"

#include <stdio.h>
#include <string.h>

/* Long sequences (large tiles), shorter ones, and a single query, of one head or of four packed
 * heads. */
struct shape {
    int64_t q_len, q_heads, kv_heads, mask_rows; /* mask_rows: 0 no mask, 1 padding, or q_len */
    bool plain;                                  /* list it in every type and on small devices */
    bool options;                                /* with all score options that are compiled in */
};

static void list_kernel(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                        enum clattn__kernel kernel)
{
    char options[CLATTN__OPTIONS_MAX];
    struct clattn__config config = {.kernel = kernel, .splits = 2, .want_dk = true, .want_dv = true};
    if (!clattn__engine_supports(engine, device, problem, kernel) ||
        !clattn__config_choose(device, engine, problem, 0, &config))
        return;
    clattn__config_options(&config, options);
    printf("%s %s %zu %zu %s\n", clattn_engine_name(engine), clattn__solver_of(&config)->program, config.group_size,
           config.local_bytes, options);
}

static void list_shape(const struct clattn__device *device, clattn_engine engine, const struct shape *shape, int dim,
                       bool every_type) /* else the engine's first type */
{
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = 4;
    problem.q_heads = shape->q_heads;
    problem.kv_heads = shape->kv_heads;
    problem.q_len = shape->q_len;
    problem.kv_len = 8192;
    problem.qk_dim = problem.v_dim = dim;
    if (shape->mask_rows) {
        const int64_t mask[] = {1, 1, shape->mask_rows, problem.kv_len};
        memcpy(problem.score.mask_dim, mask, sizeof mask);
    }
    if (shape->options) {
        problem.score.window = 1;
        problem.score.window_left = problem.score.window_right = 1000;
        problem.score.alibi_dim[0] = 1;
        problem.score.alibi_dim[1] = problem.q_heads;
    }
    for (int dtype = 0; dtype <= CLATTN_BFLOAT16; ++dtype) {
        problem.dtype = (clattn_dtype)dtype;
        if (!clattn__engine_supports(engine, device, &problem, KERNEL_FORWARD))
            continue;
        list_kernel(device, engine, &problem, KERNEL_FORWARD);
        if (shape->q_len == 1) {
            list_kernel(device, engine, &problem, KERNEL_COMBINE);
        } else {
            list_kernel(device, engine, &problem, KERNEL_DELTA);
            list_kernel(device, engine, &problem, KERNEL_DQ);
            list_kernel(device, engine, &problem, KERNEL_DKDV);
        }
        list_kernel(device, engine, &problem, KERNEL_TENSOR_MAPS);
        if (!every_type)
            break;
    }
}

int main(int argc, char **argv)
{
    enum { LARGE = 2, SHORT = 2 }; /* the first so many sizes, and dims, are listed with `few` */
    static const struct {
        size_t local_kib, max_group;
        int units;
    } sizes[] = {{224, 1024, 132}, {64, 1024, 64}, {48, 256, 32}, {32, 256, 8}, {16, 128, 8}};
    static const clattn_engine engines[] = {CLATTN_ENGINE_SIMT, CLATTN_ENGINE_NVIDIA_MMA, CLATTN_ENGINE_NVIDIA_WGMMA};
    static const int dims[] = {64, 128, 32, 96, 192, 256};
    static const struct shape shapes[] = {
        {8192, 16, 16, 0, true, false},  {8192, 16, 16, 1, false, false}, {8192, 16, 16, 8192, false, false},
        {2048, 16, 16, 0, false, false}, {1, 16, 16, 0, true, false},     {1, 16, 4, 0, false, false},
        {8192, 16, 16, 0, false, true},  {1, 16, 4, 0, false, true},
    };
    const bool few_only = argc == 2 && strcmp(argv[1], "few") == 0;
    if (argc > 2 || (argc == 2 && !few_only)) {
        fputs("usage: list_table [few]\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < (few_only ? LARGE : ARRAY_SIZE(sizes)); ++i) {
        const struct clattn__device device = {.type = CL_DEVICE_TYPE_GPU,
                                              .local_bytes = sizes[i].local_kib << 10,
                                              .max_group = sizes[i].max_group,
                                              .float_width = 1,
                                              .compute_units = sizes[i].units};
        for (size_t e = 0; e < ARRAY_SIZE(engines); ++e)
            for (size_t d = 0; d < (few_only ? SHORT : ARRAY_SIZE(dims)); ++d)
                for (size_t s = 0; s < ARRAY_SIZE(shapes); ++s)
                    if ((i < LARGE || shapes[s].plain) && (d < SHORT || !shapes[s].options) &&
                        !(few_only && d == 0 && shapes[s].mask_rows))
                        list_shape(&device, engines[e], &shapes[s], dims[d],
                                   i < LARGE && shapes[s].plain && !(few_only && d == 0));
    }
    return 0;
}
