/* SPDX-License-Identifier: Apache-2.0 */
/* The run-time arguments of every kernel: one struct, passed by value. OpenCL C and the host's C99
 * compiler both read it, so 64-bit members come first, followed by an even number of 32-bit ones:
 * no padding, the same layout in both. */
#ifndef CLATTN_ARGS_H
#define CLATTN_ARGS_H

#ifdef __OPENCL_C_VERSION__
typedef long arg_long;
typedef int arg_int;
typedef float arg_float;

/* Features that a problem needs are compiled in by -D. Kernels without an engine compute no scores
 * and are the same for all problems: they have WINDOW 1. */
#ifndef WINDOW
#ifdef ENGINE
#define WINDOW 0
#else
#define WINDOW 1
#endif
#endif

/* Kernels without any of these options have no members for them. */
#if defined(BIAS) || defined(SOFTCAP) || defined(SINKS) || defined(DLSE) || defined(MAX_LOGIT)
#define HAS_CALL_OPTIONS 1
#else
#define HAS_CALL_OPTIONS 0
#endif

/* Whether rows of a tensor may begin after row 0 (`begin` of struct rows). If not, no code compares
 * with it. */
#define ROWS_BEGIN_LATE WINDOW
#else
#include <stddef.h>
#include <stdint.h>
#define HAS_CALL_OPTIONS 1
typedef int64_t arg_long;
typedef int32_t arg_int;
typedef float arg_float;
#endif

/* Element (b,h,r,d) of a tensor is at data[offset + b batch + h head + r row + d]. */
struct view {
    arg_long offset, batch, head, row;
};

struct call {
    struct view q, k, v, out, dout, dq, dk, dv, lse;
    struct view dq_sums;        /* float32, for backward_fused */
    struct view mask;           /* strides are 0 along dimensions of size 1 */
    arg_long mask_column;       /* its stride along keys: 1 or 0 */
    struct view alibi;          /* like the mask, with one row of one element */
    arg_long kv_lengths;        /* first element of the key lengths */
    arg_long kv_lengths_stride; /* elements from one batch's length to the next */
    arg_long N, M;              /* query and key length */
    arg_long offset;            /* of the diagonal, unless bottom_right */
    arg_long window_begins;     /* 1: query i sees only keys j >= i + offset - window_left */
    arg_long window_left, window_right;
    arg_long first_group; /* number of this launch's first work-group, within the whole pass */
    arg_long end_group;   /* one past its last; persistent work-groups take several numbers in turn */
    arg_long tensor_maps; /* nvidia_wgmma: byte in the workspace; maps begin at the next multiple of 128 */
    arg_int B, Hq, Hk, D, Dv;
    arg_int pack;         /* query heads that share a stationary tile: 1, or Hq / Hk */
    arg_int causal;       /* 1: query i sees only keys j <= i + offset + window_right, 0 without a window */
    arg_int bottom_right; /* 1: the diagonal's offset is the batch's key length - N, not `offset` */
    arg_int has_kv_lengths;
    arg_int store_lse;
    arg_int splits;                     /* of the keys, in a split forward */
    arg_int partial_depth;              /* elements in a row of a partial O */
    arg_int query_rows[2], key_rows[2]; /* nvidia_wgmma: rows of a tile, by set of tensor maps */
    arg_float scale;                    /* the unit of S, see score.cl: of Q K^T; a softcap; 1 with a bias */
    arg_float scale_log2;               /* |scale| log2(e): from units of |scale| to powers of two, see score.cl */
    arg_float headroom, headroom_log2;  /* factor of the forward's P, a power of two: see softmax.cl */
    arg_float large;                    /* scores beyond it are large: see score_weight */
    arg_float zero;                     /* 0, unknown to compilers */
#if HAS_CALL_OPTIONS
    struct view bias, dbias; /* strides are 0 along dimensions of size 1 */
    arg_long bias_column;    /* their stride along keys: 1 or 0 */
    struct view sink, dsink; /* a head has one row of one element */
    struct view dlse, max_logit;
    arg_float softcap;
    arg_float softcap_step;  /* scale of Q K^T / softcap */
    arg_float product_scale; /* of Q K^T, with a softcap or a bias */
    arg_int store_max_logit;
#endif
};

#ifndef __OPENCL_C_VERSION__
/* The bytes of struct call in kernels without these options. */
#define CLATTN__PLAIN_CALL_BYTES offsetof(struct call, bias)
#endif

#endif
