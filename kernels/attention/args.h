/* SPDX-License-Identifier: Apache-2.0 */
/* What every kernel is told at run time: one struct, passed by value. Read by OpenCL C and by the host's C99 compiler,
 * so 64-bit members come first and the rest is an even number of 32-bit ones: no padding, one layout. */
#ifndef CLATTN_ARGS_H
#define CLATTN_ARGS_H

#ifdef __OPENCL_C_VERSION__
typedef long arg_long;
typedef int arg_int;
typedef float arg_float;

/* What is compiled in where a problem has it, by -D. Kernels without scores, which have no engine either, are the same for
 * all problems. */
#ifndef WINDOW
#ifdef ENGINE
#define WINDOW 0
#else
#define WINDOW 1
#endif
#endif

/* Whether there may be keys before the first that a query sees. Else nobody compares with 0. */
#define ROWS_BEGIN_LATE WINDOW
#else
#include <stdint.h>
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
    struct view dq_sums;        /* float32, of backward_fused */
    struct view mask;           /* strides are 0 along dimensions of size 1 */
    arg_long mask_column;       /* and along keys: 1 or 0 */
    struct view alibi;          /* as the mask, with one row of one element */
    arg_long kv_lengths;        /* first element of the key lengths */
    arg_long kv_lengths_stride; /* elements from one batch's length to the next */
    arg_long N, M;              /* query and key length */
    arg_long offset;            /* diagonal, where it is fixed */
    arg_long window_begins;     /* 1: keys j >= i + offset - window_left only */
    arg_long window_left, window_right;
    arg_long first_group;       /* number of this launch's first work-group within the whole pass */
    arg_long end_group;         /* and behind its last; there are fewer where work-groups take several in turn */
    arg_long tensor_maps;              /* nvidia_wgmma: byte of the workspace at or behind which the tensor maps begin */
    arg_int B, Hq, Hk, D, Dv;
    arg_int pack;         /* query heads that share a stationary tile: 1, or Hq / Hk */
    arg_int causal;       /* keys j <= i + offset + window_right only, which is 0 but for a window */
    arg_int bottom_right; /* offset is the batch's key length - N, not `offset` */
    arg_int has_kv_lengths;
    arg_int store_lse;
    arg_int splits; /* of the keys, where a forward is split; and the depth of a part's rows of O */
    arg_int partial_depth;
    arg_int query_rows[2], key_rows[2]; /* nvidia_wgmma: rows of a tile that the copy engine brings, by set of maps */
    arg_float scale;                    /* of Q K^T */
    arg_float scale_log2;                     /* |scale| log2(e): powers of two in a unit of S, see score.cl */
    arg_float headroom, headroom_log2;          /* what P of the forward are made smaller by, see softmax.cl: a power of two */
    arg_float large;                    /* scores up to here are scaled and made relative to m at once, see softmax.cl */
    arg_float zero;                     /* 0, which no compiler knows */
};

#endif
