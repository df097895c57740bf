/* SPDX-License-Identifier: Apache-2.0 */
/* Training a model on a text. */
#ifndef CLATTN_TRAIN_TRAINING_H
#define CLATTN_TRAIN_TRAINING_H

#include "options.h"
#include "pass.h"
#include "random.h"
#include "text.h"

enum { TRAINING_LAST = 20 }; /* "final loss" is the mean of so many last steps */

struct training {
    double *losses; /* of each step, before its update */
    size_t steps;
    double final;    /* mean of the last TRAINING_LAST losses */
    double held_out; /* mean over the held-out text, after training */
    double seconds;  /* of all steps */
};

/* Runs the first `steps` steps of a schedule of options->steps, and computes the held-out loss if
 * those are equal. The same options give the same batches, independent of the model. */
struct training training_run(struct pass *pass, const struct text *text, const struct options *options, size_t steps,
                             const char *label);
void training_free(struct training *training);

/* Fills ids (batch,length), and targets with the character that follows each. */
void training_batch(const struct pass *pass, const int32_t *entries, size_t count, struct check_random *random,
                    int32_t *ids, int32_t *targets);

#endif
