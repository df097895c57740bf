/* SPDX-License-Identifier: Apache-2.0 */
#include "training.h"

#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 20     /* steps until the highest rate */
#define LEAST_RATE 0.1 /* final rate / highest rate */

/* Linear warm-up, then cosine decay (Loshchilov and Hutter 2017, arXiv 1608.03983). */
static double rate_at(const struct options *o, size_t step)
{
    const double pi = 3.14159265358979323846;
    const double warm = fmin(1.0, (double)(step + 1) / WARM_UP);
    const double fall = 0.5 + 0.5 * cos(pi * (double)step / (double)o->steps);
    return o->rate * warm * (LEAST_RATE + (1.0 - LEAST_RATE) * fall);
}

static void copy_window(const struct pass *pass, const int32_t *from, size_t sequence, int32_t *ids, int32_t *targets)
{
    const size_t length = pass->model->sizes.length;
    memcpy(ids + sequence * length, from, length * sizeof *from);
    memcpy(targets + sequence * length, from + 1, length * sizeof *from);
}

void training_batch(const struct pass *pass, const int32_t *entries, size_t count, struct check_random *random,
                    int32_t *ids, int32_t *targets)
{
    const size_t places = count - pass->model->sizes.length;
    for (size_t sequence = 0; sequence < pass->batch; ++sequence)
        copy_window(pass, entries + check_random_below(random, (int64_t)places), sequence, ids, targets);
}

/* The mean loss over consecutive windows, in whole batches; a text shorter than one batch wraps
 * around. */
static double held_out_loss(struct pass *pass, const struct text *text, int32_t *ids, int32_t *targets)
{
    const size_t windows = (text->held_out_count - 1) / pass->model->sizes.length;
    const size_t batches = windows < pass->batch ? 1 : windows / pass->batch;
    double sum = 0.0;
    for (size_t b = 0; b < batches; ++b) {
        for (size_t i = 0; i < pass->batch; ++i)
            copy_window(pass, text->held_out + (b * pass->batch + i) % windows * pass->model->sizes.length, i, ids,
                        targets);
        pass_forward(pass, ids);
        pass_score(pass, targets, 0);
        sum += pass_loss(pass);
    }
    return sum / (double)batches;
}

static void update(struct model *model, double rate, size_t step)
{
    const struct nn_adamw how = {(float)rate,      0.9f, 0.95f, 1e-8f, 0.1f, model->start[MODEL_FIRST_VECTOR],
                                 (int64_t)step + 1};
    nn_adamw(model->nn, model_count(model), &how, model->parameters, model->gradients, model->mean, model->square);
}

struct training training_run(struct pass *pass, const struct text *text, const struct options *options, size_t steps,
                             const char *label)
{
    struct training t = {calloc(steps, sizeof *t.losses), steps, 0.0, NAN, 0.0};
    struct check_random random = {options->seed + 1};
    int32_t *ids = malloc(2 * pass->rows * sizeof *ids), *targets = ids + pass->rows;
    if (!t.losses || !ids)
        nn_fail("malloc", "no memory");
    struct progress progress = progress_begin(label, steps, pass->rows);
    for (size_t step = 0; step < steps; ++step) {
        training_batch(pass, text->training, text->training_count, &random, ids, targets);
        pass_forward(pass, ids);
        pass_score(pass, targets, 1);
        pass_backward(pass);
        update(pass->model, rate_at(options, step), step);
        t.losses[step] = pass_loss(pass);
        progress_step(&progress, step + 1, t.losses[step]);
    }
    t.seconds = progress_clock() - progress.started;
    const size_t last = steps < TRAINING_LAST ? steps : TRAINING_LAST;
    for (size_t step = steps - last; step < steps; ++step)
        t.final += t.losses[step] / (double)last;
    if (steps == options->steps)
        t.held_out = held_out_loss(pass, text, ids, targets);
    free(ids);
    return t;
}

void training_free(struct training *training)
{
    free(training->losses);
}
