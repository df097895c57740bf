/* SPDX-License-Identifier: Apache-2.0 */
/* Prints all kernel configurations of the case table on a range of devices, each once, for
 * lint_kernels.sh. A line is "NAME PARAMETERS OPTIONS"; PARAMETERS are the names of the arguments
 * that the host sets, separated by commas. Argument: tiny, quick or full. 16-bit cases of tier full
 * are left out: the code for 16 bits is in storage.cl, independent of tiles. */
#include "cases.h"
#include "plan/arguments.h"
#include "select/choose.h"
#include "select/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = CLATTN__OPTIONS_MAX + 160 };

struct lines {
    char (*line)[LINE_SIZE];
    size_t count, capacity;
};

static void add_once(struct lines *lines, const char *line)
{
    for (size_t i = 0; i < lines->count; ++i)
        if (strcmp(lines->line[i], line) == 0)
            return;
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? 2 * lines->capacity : 256;
        lines->line = realloc(lines->line, lines->capacity * LINE_SIZE);
        if (!lines->line)
            exit(1);
    }
    memcpy(lines->line[lines->count++], line, strlen(line) + 1);
}

static int print_parameters(const struct clattn__config *config, char *text, size_t size)
{
    struct clattn__argument arguments[BUFFER_COUNT];
    const size_t count = clattn__arguments(config, arguments);
    int length = snprintf(text, size, "a");
    for (size_t i = 0; i < count; ++i)
        length += snprintf(text + length, size - (size_t)length, ",%s", arguments[i].name);
    return length;
}

static int kernel_used(enum clattn__kernel kernel, unsigned passes)
{
    const unsigned shared = passes & clattn__kernel_passes[kernel];
    return kernel == KERNEL_BACKWARD_FUSED ? shared == CLATTN_BACKWARD : shared != 0;
}

static void add_case(struct lines *lines, const struct clattn__device *device, clattn_engine engine,
                     const struct test_case *c)
{
    int splits = 1; /* of forward, which comes first */
    for (int kernel = 0; kernel < KERNEL_COUNT; ++kernel) {
        struct clattn__config config = {.kernel = (enum clattn__kernel)kernel, .splits = splits};
        char options[CLATTN__OPTIONS_MAX], line[LINE_SIZE];
        if (!kernel_used(config.kernel, c->passes) ||
            !clattn__engine_supports(engine, device, &c->problem, config.kernel) ||
            (config.kernel == KERNEL_COMBINE && splits == 1))
            continue;
        config.want_dk = (c->passes & CLATTN_BACKWARD_DK) != 0;
        config.want_dv = (c->passes & CLATTN_BACKWARD_DV) != 0;
        if ((kernel == KERNEL_BACKWARD_FUSED && !clattn__config_backward_fused(device, engine, &c->problem)) ||
            !clattn__config_choose(device, engine, &c->problem, 0, &config))
            continue;
        splits = config.kernel == KERNEL_FORWARD ? config.splits : splits;
        clattn__config_options(&config, options);
        int length = snprintf(line, sizeof line, "%s ", clattn__solver_of(&config)->program);
        length += print_parameters(&config, line + length, sizeof line - (size_t)length);
        snprintf(line + length, sizeof line - (size_t)length, " %s", options);
        add_once(lines, line);
    }
}

int main(int argc, char **argv)
{
    static const struct clattn__device devices[] = {
        {.type = CL_DEVICE_TYPE_GPU,
         .local_bytes = 48 << 10,
         .max_group = 1024,
         .float_width = 1,
         .compute_units = 132},
        {.type = CL_DEVICE_TYPE_GPU, .local_bytes = 16 << 10, .max_group = 128, .float_width = 1, .compute_units = 8},
        {.type = CL_DEVICE_TYPE_CPU, .local_bytes = 1 << 20, .max_group = 4096, .float_width = 16, .compute_units = 2},
        {.type = CL_DEVICE_TYPE_CPU, .local_bytes = 256 << 10, .max_group = 4096, .float_width = 8, .compute_units = 8},
        {.type = CL_DEVICE_TYPE_CPU, .local_bytes = 32 << 10, .max_group = 64, .float_width = 4, .compute_units = 64},
    };
    static const struct clattn__device hopper = {.type = CL_DEVICE_TYPE_GPU,
                                                 .local_bytes = (227 << 10) - 4,
                                                 .max_group = 1024,
                                                 .float_width = 1,
                                                 .compute_units = 1};
    static const char *const tiers[] = {"tiny", "quick", "full"};
    int tier = 0;
    while (tier < 3 && (argc != 2 || strcmp(argv[1], tiers[tier]) != 0))
        ++tier;
    if (tier == 3) {
        fputs("usage: list_configs tiny|quick|full\n", stderr);
        return 2;
    }
    struct lines lines = {NULL, 0, 0};
    const size_t count = case_table((enum case_tier)tier, NULL, 0);
    struct test_case *cases = malloc(count * sizeof *cases);
    if (!cases)
        return 1;
    case_table((enum case_tier)tier, cases, count);
    for (size_t d = 0; d < ARRAY_SIZE(devices); ++d)
        for (size_t i = 0; i < count; ++i)
            if (cases[i].problem.dtype == CLATTN_FLOAT32 || cases[i].tier != TIER_FULL)
                add_case(&lines, &devices[d], clattn__device_engine(&devices[d]), &cases[i]);
    for (size_t i = 0; i < count; ++i) { /* every case, as if it were in 16 bits */
        struct test_case c = cases[i];
        c.problem.dtype = i % 2 ? CLATTN_FLOAT16 : CLATTN_BFLOAT16;
        add_case(&lines, &hopper, CLATTN_ENGINE_NVIDIA_WGMMA, &c);
    }
    for (size_t i = 0; i < count; ++i)
        add_case(&lines, &devices[0], CLATTN_ENGINE_NVIDIA_MMA, &cases[i]);
    for (size_t i = 0; i < lines.count; ++i)
        puts(lines.line[i]);
    puts("blank_rows - -cl-std=CL1.2"); /* the layer's only kernel */
    free(lines.line);
    free(cases);
    return 0;
}
