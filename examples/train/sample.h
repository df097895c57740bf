/* SPDX-License-Identifier: Apache-2.0 */
/* Text that a model makes up. */
#ifndef CLATTN_TRAIN_SAMPLE_H
#define CLATTN_TRAIN_SAMPLE_H

#include "options.h"
#include "pass.h"
#include "text.h"

/* Writes options->sample characters to stdout, behind a few from the middle of the held-out text. Each is drawn from
 * softmax(logits / temperature), given the last `length` characters. */
void sample_write(struct model *model, int attention, const struct text *text, const struct options *options);

#endif
