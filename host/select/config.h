/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration: tiles and build options of one kernel, and what follows from it and the problem. */
#ifndef CLATTN_SELECT_CONFIG_H
#define CLATTN_SELECT_CONFIG_H

#include "opencl/device.h"

enum clattn__kernel {
    KERNEL_FORWARD,
    KERNEL_COMBINE,
    KERNEL_DQ,
    KERNEL_DKDV,
    KERNEL_BACKWARD_FUSED,
    KERNEL_DELTA, /* this and the next: behind the stages that need them */
    KERNEL_TENSOR_MAPS,
    KERNEL_COUNT
};
enum clattn__mask { MASK_NONE = 0, MASK_FULL = 1, MASK_PADDING = 2 }; /* as in kernels/attention/rows.cl */

struct clattn__config {
    enum clattn__kernel kernel;
    clattn_engine engine;
    clattn_dtype dtype;
    int tile_rows, tile_cols;           /* rows of a stationary tile, and of a tile of the streamed side */
    int d_pad, dv_pad;                  /* D and Dv rounded up to depth step */
    int depth_step;                     /* depth staged at a time for scores */
    int out_block;                      /* output depth of one work-group */
    int stationary_resident;            /* 1: the stationary tile is staged once, whole */
    int tx, ty;                         /* simt: work-items along streamed and stationary rows */
    int strip, unroll;                  /* simt: streamed rows staged at a time for the output; steps of products */
    int decode;                         /* simt, nvidia_mma: 1: the schedule for few query rows */
    int lanes, block_rows, block_cols;  /* cpu: vector width, register block */
    int stages;                         /* nvidia_wgmma: tiles of a streamed tensor that are on their way or in use */
    int pingpong, stationary_registers; /* 1: two consumers take turns; the stationary tile is kept in registers */
    int persistent;                     /* 1: a launch has a work-group a compute unit, which take tiles in turn */
    bool split_dk_dv;                   /* dK and dV have work-groups of their own */
    int warps;                          /* nvidia_mma: of a work-group */
    bool packed;
    enum clattn__mask mask;
    uint64_t compiled; /* features of the problem that are compiled in (select/feature.h) */
    int long_sums;     /* kernels/attention/long_sums.cl: 0; 1, sums are of tiles; rows after which they are flushed */
    bool want_dk, want_dv;
    int splits;         /* forward: parts of the keys, 1: all in one; combine: as the forward */
    size_t group_size;  /* work-items of a work-group */
    size_t local_bytes; /* estimate */
};

/* Tensor maps of a batch, as in kernels/engines/nvidia_wgmma/tensor_copy.cl: of q, k, v and dout; and sets of them
 * that one kernel makes, for each stage its own. */
enum { CLATTN__MAPS_A_BATCH = 4, CLATTN__MAP_SETS = 2, CLATTN__MAP_BYTES = 128 };

extern const char *const clattn__kernel_names[KERNEL_COUNT];
/* The passes that each may have a part in. */
extern const unsigned clattn__kernel_passes[KERNEL_COUNT];

/* Whether keys are the stationary rows. */
bool clattn__config_keys_stationary(enum clattn__kernel kernel);
enum clattn__mask clattn__config_mask(const clattn_problem *problem);
/* Query heads that share a tile: 1, or the whole group where queries are few. */
int clattn__config_pack(const clattn_problem *problem);
/* Whether the kernel works on tiles, so that there is something to tune. */
bool clattn__config_has_tiles(enum clattn__kernel kernel);
/* The build options, in canonical order: compiler argument, cache key and log line in one. */
#define CLATTN__OPTIONS_MAX 512
void clattn__config_options(const struct clattn__config *config, char options[CLATTN__OPTIONS_MAX]);
/* Work-groups that the whole pass takes. */
uint64_t clattn__config_groups(const struct clattn__config *config, const clattn_problem *problem);

/* ---- for the engines' choices ---- */

static inline int clattn__min_int(int64_t a, int b)
{
    return a < b ? (int)a : b;
}

static inline int clattn__round_up(int value, int unit)
{
    return (value + unit - 1) / unit * unit;
}

static inline int clattn__max_int(int a, int b)
{
    return a > b ? a : b;
}

/* Rows of the stationary and of the streamed side that there are, or the tiles that were asked for them if those are less. */
void clattn__tile_limits(const clattn_problem *problem, enum clattn__kernel kernel, int64_t *tile_rows,
                         int64_t *tile_cols);
/* Depth of the output: Dv, D, or the larger where dK and dV are both made. */
int clattn__output_depth(const struct clattn__config *config);
/* Tensors of which a work-group keeps a stationary tile and score arrays, and outputs. */
int clattn__stationary_count(const struct clattn__config *config);
int clattn__output_count(const struct clattn__config *config);
/* A depth step that divides both padded depths, no longer than `most`, with the least padding. Multiples of `unit`. */
int clattn__choose_depth_step(const clattn_problem *problem, int unit, int most);

/* Tiles larger than others that would do must not leave compute units without work. */
bool clattn__keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config);
/* Halves a tile, in whole units, as long as it holds all rows. */
int clattn__shrink(int tile, int64_t rows, int unit);

#endif
