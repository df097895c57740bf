/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the model's gradient with finite differences of its loss. */
#ifndef CLATTN_TRAIN_GRADIENT_H
#define CLATTN_TRAIN_GRADIENT_H

#include "nn.h"
#include "options.h"
#include "text.h"

/* Prints a table for a small model; returns 1 if every line is within the bound. */
int gradient_check(struct nn *nn, const struct text *text, const struct options *options);

#endif
