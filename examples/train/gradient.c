/* SPDX-License-Identifier: Apache-2.0 */
/* Along a direction d of normal numbers, the loss f of the parameters w changes as
 *
 *   (f(w + h d) - f(w - h d)) / 2h  =  d . gradient + h^2/6 f''' + rounding / h
 *
 * A few directions are of all parameters; one is of each part alone, where no other part can hide it. */
#include "gradient.h"

#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* h: both errors are small. BOUND is of the difference against |gradient|, which d . gradient is on average (root mean
 * square), as d has variance 1: d that happens to be nearly orthogonal to the gradient is not held against it. */
#define STEP 1e-3f
#define BOUND 3e-3

enum { WHOLE = 4, LENGTH = 24, BATCH = 4 }; /* directions of all parameters; sizes of the model */

struct probe {
    struct pass pass;
    struct model model;
    int32_t *ids, *targets;
    float *parameters, *gradients, *direction, *moved; /* (parameters) */
};

static double loss_at(struct probe *p, float step)
{
    const size_t count = model_count(&p->model);
    for (size_t i = 0; i < count; ++i)
        p->moved[i] = p->parameters[i] + step * p->direction[i];
    nn_write(p->model.nn, p->model.parameters, p->moved, count);
    pass_forward(&p->pass, p->ids);
    pass_score(&p->pass, p->targets, 0);
    return pass_loss(&p->pass);
}

/* Moves parameters first .. end - 1; prints a line; 1 if it is good. */
static int check_direction(struct probe *p, const char *name, size_t first, size_t end, uint64_t seed)
{
    const size_t count = model_count(&p->model);
    double analytic = 0.0, square = 0.0;
    check_fill_normal(p->direction, count, seed);
    for (size_t i = 0; i < count; ++i) {
        if (i < first || i >= end)
            p->direction[i] = 0.0f;
        else
            square += (double)p->gradients[i] * p->gradients[i];
        analytic += (double)p->direction[i] * p->gradients[i];
    }
    const double numeric = (loss_at(p, STEP) - loss_at(p, -STEP)) / (2.0 * STEP);
    const double error = fabs(numeric - analytic) / sqrt(square);
    const int good = error <= BOUND;
    printf("    %-10s %8zu  %12.6f  %12.6f  %10.6f  %8.1e  %s\n", name, end - first, analytic, numeric, sqrt(square),
           error, good ? "ok" : "WRONG");
    return good;
}

static void open_probe(struct probe *p, struct nn *nn, const struct text *text, const struct options *options)
{
    const struct sizes sizes = {text->vocabulary, LENGTH, 2, 32, 2};
    struct check_random random = {options->seed + 1};
    model_open(&p->model, nn, &sizes, options->seed);
    pass_open(&p->pass, &p->model, BATCH, 1);
    const size_t count = model_count(&p->model);
    p->ids = malloc(2 * p->pass.rows * sizeof *p->ids);
    p->parameters = malloc(4 * count * sizeof *p->parameters);
    if (!p->ids || !p->parameters)
        nn_fail("malloc", "no memory");
    p->targets = p->ids + p->pass.rows;
    p->gradients = p->parameters + count;
    p->direction = p->gradients + count;
    p->moved = p->direction + count;
    training_batch(&p->pass, text->training, text->training_count, &random, p->ids, p->targets);
}

/* The gradient at parameters that are all at work: a new model's biases are 0 and its last gain so small that every
 * other gradient is too. */
static void find_gradient(struct probe *p, uint64_t seed)
{
    const size_t count = model_count(&p->model);
    nn_read(p->model.nn, p->model.parameters, p->parameters, count);
    check_fill_normal(p->direction, count, seed);
    for (size_t i = 0; i < count; ++i)
        p->parameters[i] += 0.1f * p->direction[i];
    for (size_t i = p->model.start[MODEL_gain_end]; i < p->model.start[MODEL_gain_end + 1]; ++i)
        p->parameters[i] += 0.3f;
    nn_write(p->model.nn, p->model.parameters, p->parameters, count);
    pass_forward(&p->pass, p->ids);
    pass_score(&p->pass, p->targets, 1);
    pass_backward(&p->pass);
    nn_read(p->model.nn, p->model.gradients, p->gradients, count);
}

int gradient_check(struct nn *nn, const struct text *text, const struct options *options)
{
    struct probe p;
    struct check_random seeds = {options->seed};
    int good = 1;
    open_probe(&p, nn, text, options);
    find_gradient(&p, check_random_bits(&seeds));
    printf("    direction     count       d . gradient    difference   |gradient|   error\n");
    for (int i = 0; i < WHOLE; ++i)
        good &= check_direction(&p, "all", 0, model_count(&p.model), check_random_bits(&seeds));
    for (int part = 0; part < MODEL_PARTS; ++part)
        good &= check_direction(&p, model_part_name((enum model_part)part), p.model.start[part],
                                p.model.start[part + 1], check_random_bits(&seeds));
    printf("\n%s: errors of up to %.0e of |gradient| are allowed.\n",
           good ? "The gradient is right" : "THE GRADIENT IS WRONG", BOUND);
    free(p.ids);
    free(p.parameters);
    pass_close(&p.pass);
    model_close(&p.model);
    return good;
}
