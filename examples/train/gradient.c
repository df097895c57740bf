/* SPDX-License-Identifier: Apache-2.0 */
/* Compares gradients with finite differences. Along a direction d of normal numbers, the loss f of
 * the parameters w changes as
 *
 *   (f(w + h d) - f(w - h d)) / 2h  =  d . gradient + h^2/6 f''' + rounding / h
 *
 * Some directions move all parameters; the others move one kind of parameter each, so that none
 * hides another. */
#include "gradient.h"

#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* STEP is h, for which both errors are small. BOUND is relative to |gradient|, the root mean square
 * of d . gradient, as d has variance 1: so a d that is nearly orthogonal to the gradient does not
 * fail. */
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

/* Moves parameters first .. end - 1 and prints a line; returns 1 if the error is within BOUND. */
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

/* Changes all parameters of the new model, then computes the gradient. In a new model biases are 0,
 * and the last gain is so small that all other gradients are small too. */
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
