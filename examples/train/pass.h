/* SPDX-License-Identifier: Apache-2.0 */
/* Forward and backward through the model, for one size of batch. All activations are made when a pass is opened. */
#ifndef CLATTN_TRAIN_PASS_H
#define CLATTN_TRAIN_PASS_H

#include "model.h"

/* What a block of the model keeps for backward; R = batch length rows. */
struct pass_block {
    clattn_block x;       /* (R,E)   what goes in */
    clattn_block stats_1; /* (R,2) */
    clattn_block norm_1;  /* (R,E)   what the attention layer gets */
    clattn_block saved;   /*         the layer's own */
    clattn_block middle;  /* (R,E)   x and attention */
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
    clattn_block branch;           /* (R,E)  what a block adds to x, or the gradient of what it branched off */
    clattn_block dx;               /* (R,E)  gradient along the residual stream */
    clattn_block dhidden;          /* (R,4E) */
};

void pass_open(struct pass *pass, struct model *model, size_t batch, int attention);
void pass_close(struct pass *pass);

/* Computes logits of `ids` (R), batch by batch. */
void pass_forward(struct pass *pass, const int32_t *ids);

/* Enqueues the losses of those logits against `targets` (R); with `gradient`, the gradient of their mean then takes the
 * place of the logits, for pass_backward. */
void pass_score(struct pass *pass, const int32_t *targets, int gradient);

/* Gradients of that mean loss, in place of what the model's gradients held. */
void pass_backward(struct pass *pass);

/* That mean loss, in nats a character. Waits. */
double pass_loss(struct pass *pass);

#endif
