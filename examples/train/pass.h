/* SPDX-License-Identifier: Apache-2.0 */
/* Forward and backward through the model for one batch size. Opening a pass allocates all
 * activations. */
#ifndef CLATTN_TRAIN_PASS_H
#define CLATTN_TRAIN_PASS_H

#include "model.h"

/* Activations of a block of the model that backward needs; R = batch length rows. */
struct pass_block {
    clattn_block x;       /* (R,E)   the input */
    clattn_block stats_1; /* (R,2) */
    clattn_block norm_1;  /* (R,E)   the attention layer's input */
    clattn_block saved;   /*         the layer's saved data */
    clattn_block middle;  /* (R,E)   x + attention */
    clattn_block stats_2; /* (R,2) */
    clattn_block norm_2;  /* (R,E) */
    clattn_block hidden;  /* (R,4E)  before gelu */
    clattn_block active;  /* (R,4E)  after gelu */
};

struct pass {
    struct model *model;
    size_t batch, rows;
    int attention; /* 0: the output of the layer is zero */
    clattn_layer_plan *plan;
    cl_mem forward_space, backward_space; /* workspaces of the layer, NULL where it needs none */
    clattn_block ids, positions, targets; /* (R) int32 */
    clattn_block memory;                  /* all below */
    struct pass_block *blocks;
    clattn_block end, stats, norm; /* (R,E) (R,2) (R,E)  after the last block */
    clattn_block logits;           /* (R,V), or their gradient */
    clattn_block losses;           /* (R) */
    float *losses_read;            /* (R), on the host */
    clattn_block branch;           /* (R,E)  the output of a branch, or the gradient of its input */
    clattn_block dx;               /* (R,E)  gradient along the residual stream */
    clattn_block dhidden;          /* (R,4E) */
};

void pass_open(struct pass *pass, struct model *model, size_t batch, int attention);
void pass_close(struct pass *pass);

/* Enqueues the logits of `ids` (R). */
void pass_forward(struct pass *pass, const int32_t *ids);

/* Enqueues the losses of the logits against `targets` (R). With `gradient`, the gradient of the
 * mean loss overwrites the logits, for pass_backward. */
void pass_score(struct pass *pass, const int32_t *targets, int gradient);

/* Enqueues the gradients of the mean loss; overwrites the model's gradients. */
void pass_backward(struct pass *pass);

/* The mean loss, in nats per character. Waits. */
double pass_loss(struct pass *pass);

#endif
