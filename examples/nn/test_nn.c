/* SPDX-License-Identifier: Apache-2.0 */
/* Compares every kernel of nn with the same in double, with the device's default group size and
 * with groups that share rows.
 *
 * Environment: CLATTN_TEST_DEVICE as for clattn_find_device. Exit status 1 on any failure. */
#include "test_nn.h"

#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define GUARD 37 /* elements before and after a tensor */
#define GUARD_VALUE 12345.0f

static int failures;

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        nn_fail("calloc", "no memory");
    return memory;
}

struct tensor tensor_new(struct nn *nn, size_t count, uint64_t seed)
{
    struct tensor tensor = {{NULL, 0}, count, allocate(count + 2 * GUARD, sizeof(float))};
    for (size_t i = 0; i < count + 2 * GUARD; ++i)
        tensor.values[i] = GUARD_VALUE;
    check_fill_normal(tensor.values + GUARD, count, seed);
    tensor.block = nn_after(nn_from_floats(nn, tensor.values, count + 2 * GUARD), GUARD);
    for (size_t i = 0; i < count; ++i)
        tensor.values[i] = tensor.values[GUARD + i];
    return tensor;
}

void tensor_free(struct tensor *tensor)
{
    nn_release(tensor->block);
    free(tensor->values);
}

int32_t *ids_new(struct nn *nn, size_t count, int64_t bound, uint64_t seed, clattn_block *block)
{
    struct check_random random = {seed};
    int32_t *ids = allocate(count, sizeof *ids);
    for (size_t i = 0; i < count; ++i)
        ids[i] = (int32_t)check_random_below(&random, bound);
    *block = nn_from_ints(nn, ids, count);
    return ids;
}

double *doubles_new(size_t count)
{
    return allocate(count, sizeof(double));
}

void tensor_check(struct nn *nn, const struct tensor *tensor, double *expected, double tolerance, const char *what)
{
    float *found = allocate(tensor->count + 2 * GUARD, sizeof *found);
    const clattn_block whole = {tensor->block.mem, 0};
    double largest = 0.0, error = 0.0;
    int guarded = 1;
    nn_read(nn, whole, found, tensor->count + 2 * GUARD);
    for (size_t i = 0; i < tensor->count; ++i) {
        const double difference = fabs((double)found[GUARD + i] - expected[i]);
        largest = fmax(largest, fabs(expected[i]));
        error = difference <= error ? error : difference; /* NaN stays */
    }
    for (size_t i = 0; i < GUARD; ++i)
        guarded &= found[i] == GUARD_VALUE && found[GUARD + tensor->count + i] == GUARD_VALUE;
    const int good = error <= tolerance * largest && guarded;
    failures += !good;
    printf("    %-24s largest %9.3g  error %8.1e  of allowed %5.1f %%  %s\n", what, largest, error,
           100.0 * error / (tolerance * largest),
           !guarded ? "WROTE OUTSIDE"
           : good   ? "ok"
                    : "WRONG");
    free(found);
    free(expected);
}

/* Creates any layer plan of clattn, which makes CLBlast compile faster. */
static void warm_up(struct nn *nn)
{
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_layer_plan *plan = NULL;
    layer.batch = layer.len = layer.dim = layer.heads = layer.dim_head = 8;
    nn_try_clattn(clattn_layer_plan_create(nn->attention, &layer, CLATTN_FORWARD, &plan), "clattn_layer_plan_create");
    clattn_layer_plan_destroy(plan);
}

int main(void)
{
    static const size_t row_items[] = {0, 16};
    for (size_t i = 0; i < sizeof row_items / sizeof *row_items; ++i) {
        struct nn nn;
        nn_open(&nn, getenv("CLATTN_TEST_DEVICE"), row_items[i]);
        printf("%s, groups of %zu for elements, %zu for rows\n", nn_device_name(&nn), nn.items, nn.row_items);
        warm_up(&nn);
        test_elements(&nn);
        test_layer_norm(&nn);
        test_gather(&nn);
        test_cross_entropy(&nn);
        test_linear(&nn);
        nn_close(&nn);
    }
    if (failures)
        printf("%d results are wrong.\n", failures);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
