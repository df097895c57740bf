/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration: tiles and build options of one kernel, and what follows from them and the
 * problem. */
#ifndef CLATTN_SELECT_CONFIG_H
#define CLATTN_SELECT_CONFIG_H

#include "opencl/device.h"
#include "select/feature.h"

enum clattn__kernel {
    KERNEL_FORWARD,
    KERNEL_COMBINE,
    KERNEL_DQ,
    KERNEL_DKDV,
    KERNEL_BACKWARD_FUSED,
    KERNEL_DBIAS,
    KERNEL_DSINK,
    KERNEL_DELTA, /* this and the next are chosen after the stages that need them */
    KERNEL_TENSOR_MAPS,
    KERNEL_COUNT
};
/* As in kernels/attention/rows.cl. */
enum clattn__mask { MASK_NONE = 0, MASK_FULL = 1, MASK_PADDING = 2 };

struct clattn__config {
    enum clattn__kernel kernel;
    clattn_engine engine;
    clattn_dtype dtype;
    int tile_rows, tile_cols; /* stationary and streamed rows of a tile */
    int d_pad, dv_pad;        /* D and Dv, rounded up to depth_step */
    int depth_step;           /* depth staged at once for scores */
    int out_block;            /* output block: output depth of a work-group */
    int stationary_resident;  /* 1: the whole stationary tile is staged, once */
    int tx, ty;               /* simt: work-items along streamed, stationary rows */
    /* simt: streamed rows staged at once for the output; unrolling of products. */
    int strip, unroll;
    int decode;                        /* simt, nvidia_mma: 1: the schedule decode */
    int lanes, block_rows, block_cols; /* cpu: vector width, rows and columns of a register block */
    int stages;                        /* nvidia_wgmma: stages of the ring of streamed tiles */
    /* nvidia_wgmma: 1: two consumers ping-pong; 1: the stationary tile is kept in registers. */
    int pingpong, stationary_registers;
    /* nvidia_wgmma: 1: one work-group per compute unit takes work tiles in turn. */
    int persistent;
    bool split_dk_dv; /* dK and dV are computed by different work-groups */
    int warps;        /* nvidia_mma: warps of a work-group */
    bool packed;
    enum clattn__mask mask;
    uint64_t compiled; /* the problem's features that are compiled in (select/feature.h) */
    /* 0: plain sums; 1: each tile is summed first; else rows after which sums are flushed
     * (kernels/attention/long_sums.cl). */
    int long_sums;
    bool want_dk, want_dv;
    bool bias_rows, bias_cols; /* dbias: the bias has a row per query, a column per key */
    int splits;                /* forward: splits of the keys, 1: none; combine: those of forward */
    size_t group_size;         /* work-items of a work-group */
    size_t local_bytes;        /* estimate */
};

/* Tensor maps per batch (of q, k, v and dout), and sets of maps: one for each stage that uses them.
 * As in kernels/engines/nvidia_wgmma/tensor_copy.cl. */
enum { CLATTN__MAPS_A_BATCH = 4, CLATTN__MAP_SETS = 2, CLATTN__MAP_BYTES = 128 };

extern const char *const clattn__kernel_names[KERNEL_COUNT];
/* The passes that each kernel serves. */
extern const unsigned clattn__kernel_passes[KERNEL_COUNT];

/* The features of CLATTN__COMPILED that each kernel has code for. */
extern const uint64_t clattn__kernel_features[KERNEL_COUNT];

/* Whether keys are the stationary rows, and queries streamed. */
bool clattn__config_keys_stationary(enum clattn__kernel kernel);
enum clattn__mask clattn__config_mask(const clattn_problem *problem);
/* Query heads that share a tile: all of a group when queries are few, else 1. */
int clattn__config_pack(const clattn_problem *problem);
/* Whether the kernel has tiles, hence tunables. */
bool clattn__config_has_tiles(enum clattn__kernel kernel);
/* The build options in a fixed order: they are compiler arguments, cache key and log line. */
#define CLATTN__OPTIONS_MAX 512
void clattn__config_options(const struct clattn__config *config, char options[CLATTN__OPTIONS_MAX]);
/* Work-groups of a whole pass. */
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

/* Rows of the stationary and the streamed side, or the requested tile sizes if smaller. */
void clattn__tile_limits(const clattn_problem *problem, enum clattn__kernel kernel, int64_t *tile_rows,
                         int64_t *tile_cols);
/* Depth of the output: Dv, D, or the larger if both dK and dV are computed. */
int clattn__output_depth(const struct clattn__config *config);
/* Number of stationary tiles and score arrays of a work-group, and of its outputs. */
int clattn__stationary_count(const struct clattn__config *config);
int clattn__output_count(const struct clattn__config *config);
/* dbias: bytes of local memory in which work-items add up their shares. */
size_t clattn__shared_bytes(const struct clattn__config *config);
/* The depth step that divides both padded depths with the least padding: a multiple of `unit`, at
 * most `most`. */
int clattn__choose_depth_step(const clattn_problem *problem, int unit, int most);

/* Whether a large tile leaves enough work-groups for the compute units; tiles of up to 64 rows
 * always pass. */
bool clattn__keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config);
/* Halves a tile, in multiples of `unit`, while it still holds all rows. */
int clattn__shrink(int tile, int64_t rows, int unit);

#endif
