/* SPDX-License-Identifier: Apache-2.0 */
/* clattn: exact attention and its gradients on any OpenCL device.
 *
 *    S = scale Q K^T, with ALiBi and masks    P = softmax(S)    O = P V    L_i = log sum_j exp S_ij
 *
 * S and P (N x M) are computed tile by tile and never stored (FlashAttention-2: Dao 2023, arXiv
 * 2307.08691; online softmax: Milakov and Gimelshein 2018). Results are bit-identical from run to
 * run on one device.
 *
 * Shapes. B batch size; Hq query heads, Hk key/value heads (Hq is a multiple of Hk; query head h
 * uses key head h / (Hq / Hk)); N queries, M keys; D head dimension of Q and K, Dv of V and O. i is
 * the index of a query, j of a key.
 *
 *    q (B,Hq,N,D)   k (B,Hk,M,D)   v (B,Hk,M,Dv)   out (B,Hq,N,Dv)   float32, float16 or bfloat16
 *    lse (B,Hq,N)                                                    float32
 *
 * Three ways to use it:
 *
 *    with your own OpenCL objects (sections 2 to 5)
 *      clattn_context_create, clattn_plan_create, clattn_enqueue_forward, clattn_enqueue_backward;
 *      then destroy plan and context
 *    a whole multi-head attention layer, projections included (section 6)
 *      clattn_layer_plan_create, clattn_layer_enqueue_forward, clattn_layer_enqueue_backward
 *    either of them on host arrays, with no OpenCL of your own (section 7)
 *      clattn_runner_create, clattn_run_forward, clattn_run_backward, clattn_runner_destroy
 *
 * The library never writes to stdout or stderr (CLBlast, which the layer uses, does when OpenCL
 * fails), never exits, and has no global state except each thread's last error. Only section 7
 * enumerates platforms.
 *
 * Threads: several threads may use a context or a plan at once; a runner serves one thread at a
 * time. Creating and destroying different objects at once is safe. Destroying an object that
 * another thread still uses is not.
 *
 * Processes: after fork, the child must not use any object made before it, and no OpenCL at all if
 * the parent has used OpenCL: the driver's threads do not exist in the child. Fork first, or
 * exec. */
#ifndef CLATTN_H
#define CLATTN_H

/* OpenCL's types. CL_TARGET_OPENCL_VERSION selects the version that the OpenCL headers declare. If
 * the program has not defined it, they declare every version, as they do by default; clattn.h then
 * only suppresses their message that it is not defined. */
#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 300
#define CLATTN_UNDEFINE_TARGET
#endif
#ifdef __APPLE__
#include <OpenCL/cl.h>
#else
#include <CL/cl.h>
#endif
#ifdef CLATTN_UNDEFINE_TARGET
#undef CL_TARGET_OPENCL_VERSION
#undef CLATTN_UNDEFINE_TARGET
#endif
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && !defined(CLATTN_STATIC)
#ifdef CLATTN_BUILDING
#define CLATTN_API __declspec(dllexport)
#else
#define CLATTN_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define CLATTN_API __attribute__((visibility("default")))
#else
#define CLATTN_API
#endif

/* ---- 1. Version and status ---- */

#define CLATTN_VERSION_MAJOR 0 /* breaking changes; while 0, minor versions may break too */
#define CLATTN_VERSION_MINOR 2 /* new features */
#define CLATTN_VERSION_PATCH 0 /* repairs and speed */
#define CLATTN_VERSION (CLATTN_VERSION_MAJOR * 10000 + CLATTN_VERSION_MINOR * 100 + CLATTN_VERSION_PATCH)

/* Version of the linked library, as CLATTN_VERSION and as "major.minor.patch". */
CLATTN_API int clattn_version(void);
CLATTN_API const char *clattn_version_string(void);

/* All statuses: X(name, value, sentence). */
#define CLATTN_STATUS_LIST(X)                                                                                          \
    X(CLATTN_SUCCESS, 0, "success")                                                                                    \
    X(CLATTN_INVALID_ARGUMENT, 1, "an argument is null, unknown or contradicts another")                               \
    X(CLATTN_INVALID_SIZE, 2, "a size is out of range")                                                                \
    X(CLATTN_BUFFER_TOO_SMALL, 3, "a buffer is too small for the sizes and strides")                                   \
    X(CLATTN_OVERLAP, 4, "an output shares elements with another tensor or with itself")                               \
    X(CLATTN_WRONG_CONTEXT, 5, "a queue, buffer or device belongs to another OpenCL context")                          \
    X(CLATTN_NOT_PLANNED, 6, "the plan was not created for this pass")                                                 \
    X(CLATTN_DEVICE_LIMIT, 7, "the device cannot run any configuration of this problem")                               \
    X(CLATTN_BUILD_FAILED, 8, "the OpenCL compiler rejected a kernel")                                                 \
    X(CLATTN_OUT_OF_MEMORY, 9, "out of host memory")                                                                   \
    X(CLATTN_OPENCL_ERROR, 10, "an OpenCL call failed")                                                                \
    X(CLATTN_NO_DEVICE, 11, "no such OpenCL device")                                                                   \
    X(CLATTN_NO_CLBLAST, 12, "the library was built without CLBlast, which the layer needs")

typedef enum clattn_status {
#define CLATTN_STATUS_ENUM(name, value, sentence) name = value,
    CLATTN_STATUS_LIST(CLATTN_STATUS_ENUM)
#undef CLATTN_STATUS_ENUM
} clattn_status;

/* Name ("CLATTN_OVERLAP") and sentence of a status; the name of any other value is
 * "CLATTN_UNKNOWN". Never NULL. */
CLATTN_API const char *clattn_status_name(clattn_status status);
CLATTN_API const char *clattn_status_message(clattn_status status);

/* The calling thread's last error, for people to read: which argument, its value, what is allowed;
 * for a failed build also the compiler's log. "" before the first error; a success does not change
 * it. At most 8191 bytes, the rest is cut. Valid until the thread's next clattn call; never
 * NULL. */
CLATTN_API const char *clattn_last_error(void);

/* OpenCL's error code of that failure (CL_OUT_OF_RESOURCES, ...); CL_SUCCESS if OpenCL did not
 * fail. */
CLATTN_API cl_int clattn_last_opencl_error(void);

/* ---- 2. Context: one device and its compiled kernels ---- */

/* An engine implements tile layout and tile products for one kind of machine; beside each are
 * its work-group or its instructions. AUTO uses, for each pass, the fastest engine that the device
 * can run. CPU is correct on every device, SIMT on every device with work-groups of 64 items and 8
 * KiB of local memory. */
#define CLATTN_ENGINE_LIST(X)                                                                                          \
    X(CLATTN_ENGINE_AUTO, 0, "auto")                                                                                   \
    X(CLATTN_ENGINE_SIMT, 1, "simt")                 /* 64-256 work-items, tiles in local memory */                    \
    X(CLATTN_ENGINE_CPU, 2, "cpu")                   /* 1 work-item, wide vectors */                                   \
    X(CLATTN_ENGINE_NVIDIA_MMA, 3, "nvidia_mma")     /* mma of sm_80 and later, 16 bits */                             \
    X(CLATTN_ENGINE_NVIDIA_WGMMA, 4, "nvidia_wgmma") /* wgmma of sm_90a, 16 bits */

typedef enum clattn_engine {
#define CLATTN_ENGINE_ENUM(name, value, text) name = value,
    CLATTN_ENGINE_LIST(CLATTN_ENGINE_ENUM)
#undef CLATTN_ENGINE_ENUM
} clattn_engine;

/* "simt" etc., as in the tool's options and in descriptions. NULL for any other value: counting
 * from 0 lists all. */
CLATTN_API const char *clattn_engine_name(clattn_engine engine);

/* Host memory: set both functions or neither (then malloc and free). `allocate` returns memory
 * aligned as malloc's, or NULL on failure. Every thread that calls clattn may call both. */
typedef struct clattn_allocator {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *memory);
    void *user;
} clattn_allocator;

/* Structs may grow. A struct whose first member is struct_size (its size in the caller's header)
 * may have more members at its end in a later version; 0 in a new member gives the old behaviour.
 * So, from 0.2.0 on, a program runs with a library of another version:
 *
 *    the caller's struct is older  members that it lacks are 0
 *    the caller's struct is newer  accepted if the bytes that the library does not know are 0;
 *                                  otherwise INVALID_ARGUMENT: the program asks for a feature of a
 *                                  later library
 *    the library writes a struct   it writes struct_size bytes; those that it does not know are 0
 *
 * Uninitialised memory is not 0: start from the struct's CLATTN_..._INIT. Structs without
 * struct_size (clattn_allocator, clattn_tensor, clattn_block, clattn_array, clattn_const_array)
 * never change. Two others without it may grow. clattn_score is always the last member of a struct,
 * and grows with it. clattn_tuned_kernel comes in an array, together with the size of one element,
 * its stride (clattn_tune_result). */

/* Options of a context; 0 means default everywhere. Start from CLATTN_OPTIONS_INIT. */
typedef struct clattn_options {
    size_t struct_size; /* sizeof(clattn_options), see above */
    /* Host memory of the context, its plans and its runner. */
    clattn_allocator allocator;
    /* Folder for compiled kernels and tuned configurations (clattn_tune).
     *
     *    NULL    $XDG_CACHE_HOME/clattn or ~/.cache/clattn; on a driver that caches compiled
     *            kernels itself (PoCL), for tuned configurations only. None if the process is
     *            set-user-ID: it acts for another user than the one who started it.
     *    ""      none
     *    a path  that folder, created if missing
     *
     * The folder's contents are executed. So a folder or file is ignored, even if named here,
     * unless it belongs to the effective user and nobody else may write to it. The folder keeps the
     * most recently used compiled kernels, up to 256 MiB and 4096 files. A cache that cannot be
     * read or written is silently not used. Copied. */
    const char *cache_dir;
    /* Forces an engine. What it does not support runs on simt; clattn_plan_describe says where. Not
     * supported ("query rows" are N, or N Hq / Hk where the query heads of a key head share a tile;
     * they share one when N < 64, unless each head has a padding mask of its own):
     *
     *    both nvidia_..  float32; D or Dv above 256; a negative scale; q_tile or k_tile below their
     *                    smallest tile
     *    nvidia_mma      a forward of up to 4 query rows if D or Dv exceeds 128 or is not a
     *                    multiple of 8; a forward of up to 16 query rows if an offset or stride of
     *                    k or v is not a multiple of 16 bytes
     *    nvidia_wgmma    a forward of up to 16 queries; masks; query heads that share a tile; split
     *                    keys; 2^29 or more queries or keys; a tensor that it reads with an offset
     *                    or stride that is no multiple of 16 bytes, or with a stride of 0 between
     *                    several rows or heads
     *
     * If the device cannot run the engine, plans fail with CLATTN_DEVICE_LIMIT. */
    clattn_engine engine;
    /* 1: CLBlast keeps its own parameters on a CPU device. 0: the context's first layer plan on a
     * CPU device sets faster ones by CLBlastOverrideParameters, for the whole process; kernels then
     * compile and run several times faster. */
    int keep_clblast_parameters;
    /* Most floating-point operations of one kernel launch; 0: no bound. A larger kernel is split
     * into several launches of at least one work-group each. For devices whose display freezes, or
     * whose watchdog fires, during a long kernel. */
    uint64_t max_launch_flops;
    /* Added to the options of every kernel build, for compiler switches ("-cl-opt-disable",
     * "-cl-nv-verbose"); NULL: none. Options that make results wrong are refused:
     * -cl-fast-relaxed-math, -cl-finite-math-only, -cl-unsafe-math-optimizations. Copied. */
    const char *build_options;
} clattn_options;

#define CLATTN_OPTIONS_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(clattn_options), {NULL, NULL, NULL}, NULL, CLATTN_ENGINE_AUTO, 0, 0, NULL                               \
    }

/* CLATTN_OPTIONS_INIT as a function, for languages that cannot read macros; each _INIT macro has
 * such a function. `struct_size` is the size of the caller's struct: exactly that many bytes are
 * written. NULL is ignored. */
CLATTN_API void clattn_options_init(clattn_options *options, size_t struct_size);

typedef struct clattn_context clattn_context;

/* Creates a context for `device` of `cl`, and retains both. `options` may be NULL: all defaults.
 * *context is NULL on failure.
 *    INVALID_ARGUMENT  a null pointer; a struct or an engine that the library does not know; an
 *                      allocator with one function; build options that make results wrong
 *    WRONG_CONTEXT     the device does not belong to cl
 *    DEVICE_LIMIT      no kernel of the library can run on the device: it is not available, has no
 *                      compiler, is big-endian or a custom device, has no infinities, or passes
 *                      fewer bytes of arguments than kernels need (about 650; OpenCL's full profile
 *                      has at least 1024, its embedded profile as few as 256)
 *    OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_context_create(cl_context cl, cl_device_id device, const clattn_options *options,
                                               clattn_context **context);

/* Releases the context; it lives on until its last plan is destroyed. NULL is ignored. */
CLATTN_API void clattn_context_destroy(clattn_context *context);

/* A few lines of text: the device, the engines that clattn would use on it, and why not the others.
 * Long names of devices, drivers and platforms are cut (here as everywhere), never refused. On a
 * GPU the first call may take seconds: it tests the engines that no plan has needed yet. Lives as
 * long as the context. "" for NULL, and while host or device memory is out. */
CLATTN_API const char *clattn_context_describe(const clattn_context *context);

/* ---- 3. Problem: what is to be computed ---- */

/* The diagonal: query i has key position i + offset; `causal` keeps the keys j <= i + offset.
 *
 *     N = 2, M = 5, bottom-right     N = 2, M = 5, top-left       N = 5, M = 2, bottom-right
 *            1 1 1 1 0                      1 0 0 0 0                     0 0
 *            1 1 1 1 1                      1 1 0 0 0                     0 0
 *                                                                         0 0
 *                                                                         1 0
 *                                                                         1 1
 *
 * With key lengths, M here is the key length of the batch element. */
typedef enum clattn_align {
    CLATTN_ALIGN_BOTTOM_RIGHT = 0, /* offset = M - N, as in FlashAttention */
    CLATTN_ALIGN_TOP_LEFT = 1,     /* offset = 0, as PyTorch's is_causal */
    CLATTN_ALIGN_OFFSET = 2        /* offset = clattn_score.offset, of either sign */
} clattn_align;

#define CLATTN_MAX_HEAD_DIM 576 /* largest D and Dv: multi-head latent attention has D = 576 and Dv = 512 */

/* How q, k, v, out and their gradients are stored. Sums and the softmax are float32 on every
 * device. Engines that multiply by 16-bit matrix instructions (nvidia_..) round P and dS to dtype
 * before they multiply them, as FlashAttention does. Results are rounded to nearest, ties to
 * even. */
typedef enum clattn_dtype {
    CLATTN_FLOAT32 = 0,
    CLATTN_FLOAT16 = 1, /* IEEE 754 binary16 */
    CLATTN_BFLOAT16 = 2 /* the upper half of a float32 */
} clattn_dtype;

/* Converts `count` elements of host memory; arrays must not overlap. Rounding is as on the device:
 * to nearest, ties to even, overflow to infinity. Denormal numbers are kept, and NaN stays NaN. All
 * 65,536 patterns of 16 bits, NaN included, survive conversion to float32 and back. */
CLATTN_API void clattn_float_to_float16(const float *from, uint16_t *to, size_t count);
CLATTN_API void clattn_float16_to_float(const uint16_t *from, float *to, size_t count);
CLATTN_API void clattn_float_to_bfloat16(const float *from, uint16_t *to, size_t count);
CLATTN_API void clattn_bfloat16_to_float(const uint16_t *from, float *to, size_t count);

/* How a score is computed from a query and a key, and which scores are masked: the members that a
 * problem and a layer share. 0 is the default of every member. All options may be combined; their
 * order is scale, softcap, bias, ALiBi, all that hides, sinks. docs/variants.md has each of them
 * with a picture, its cost and an example. */
typedef struct clattn_score {
    /* factor of Q K^T: 0 for 1/sqrt(D), or 1.2e-38 to 2.35e38 in magnitude, of either sign */
    float scale;
    int causal;         /* 1: query i sees only the keys j <= i + offset */
    clattn_align align; /* selects offset, for causality, windows and ALiBi */
    int64_t offset;     /* used with CLATTN_ALIGN_OFFSET; within +-2^62 */

    /* Shape of the boolean mask: (B or 1, Hq or 1, N or 1, M or 1); all 0: no mask. A key padding
     * mask (B,M) is (B,1,1,M). One byte per element; nonzero: may attend. A key is visible if the
     * mask, causality and key lengths all allow it. */
    int64_t mask_dim[4];

    /* 1: a sliding window. Query i sees only the keys i + offset - window_left <= j <= i + offset +
     * window_right: window_left keys before its own position and window_right after it. -1: no
     * bound on that side. Masks, causality and key lengths apply as well. Tiles outside all windows
     * are skipped, so the time of a pass is proportional to the windows' width. */
    int window;
    int64_t window_left, window_right; /* used with window; -1 to 2^60 */

    /* Shape of the ALiBi slopes (Press et al. 2021, arXiv 2108.12409): (B or 1, Hq or 1); both 0:
     * no ALiBi. The score of query i of head h and key j becomes
     *
     *    scale q . k - slope[b,h] |i + offset - j|
     *
     * with the diagonal's offset, causal or not; masks apply after it. Slopes are finite float32
     * numbers of either sign and have no gradient. slope / scale |i + offset - j| must be within
     * +-2^127. */
    int64_t alibi_dim[2];

    /* Shape of the bias, which is added after scale and softcap: (B or 1, Hq or 1, N or 1, M or 1);
     * all 0: no bias. It is indexed by query head. -inf hides the pair from the softmax, whatever
     * its score is; a row that has nothing else sees no key. A key that is -inf for all queries is
     * no padding: NaN in its value may reach results. Elements of pairs that are hidden otherwise
     * may have any value. Elements have the problem's dtype, or with bias_float32 are float32;
     * those of its gradient dbias likewise. */
    int64_t bias_dim[4];
    int bias_float32;

    /* c > 0: S = c tanh(scale q . k / c), before the bias and ALiBi: no score is larger than c. Any
     * scale is good with it. Gradients of q and k have the factor 1 - tanh^2. 0: no cap. 2^-60 to
     * 2^60, INVALID_ARGUMENT else */
    float softcap;

    /* 1: the call has a tensor `sink` of Hq logits, one per query head. A row's softmax has the
     * logit as one more score, which has no key: it takes weight from the others and counts in lse.
     * It is natural and not scaled; finite, or -inf: no sink. A query that sees no key has out = 0
     * and lse = sink, and backward knows it by that: of another row whose lse rounds to the sink,
     * weights below 2^-24 |sink| may be lost in gradients. Gradient of the sink: dsink. */
    int sinks;

    /* 1: lse has a gradient, the tensor `dlse`: backward computes the gradients of sum(dout out) +
     * sum(dlse lse), by dS = P (dP - delta + dlse). dv does not depend on it: a call that computes
     * dv alone does not read it. Of a query that sees no key dlse is ignored and may be NaN. A
     * layer, which has no output lse, refuses 1. */
    int dlse;

    /* 1: forward writes the largest score of each row to the tensor `max_logit`: natural, after scale,
     * softcap, bias, ALiBi and masks, without a sink; -inf for a query that sees no key. out and lse
     * may differ in their last bits from those without it. */
    int max_logit;
} clattn_score;

/* clang-format off */
#define CLATTN_DEFAULT_SCORE \
    {0.0f, 0, CLATTN_ALIGN_BOTTOM_RIGHT, 0, {0, 0, 0, 0}, 0, 0, 0, {0, 0}, {0, 0, 0, 0}, 0, 0.0f, 0, 0, 0}
/* clang-format on */

/* A problem. Sizes have no default; in all other members 0 is the default. Start from
 * CLATTN_PROBLEM_INIT.
 *
 * A query that sees no key (hidden by causality, windows, masks or key lengths) has out = 0, lse =
 * -inf and zero gradients. It contributes exactly nothing to dk and dv, whatever it and its row of
 * dout hold.
 *
 * A padding key is past its batch element's key length, outside the windows of all queries, or
 * false in a mask with one row for all queries. Its own gradients are 0. It contributes exactly
 * nothing to out and to other gradients, whatever the key and its value hold, NaN and infinity
 * included.
 *
 * NaN in a key does not reach out and lse of a query from which causality, a window or a mask hides
 * that key. But if a key is visible to some queries and hidden from others, NaN or infinity in its
 * row of v may also reach the out of those others. In backward, NaN or infinity in such a key's row
 * of k may likewise reach the gradients of queries that do not see it, and in a row of dout the
 * gradients of keys that its query does not see.
 *
 * With finite inputs, results are finite, provided that the exact results, Q K^T and dO V^T are
 * within the range of their types (Q K^T and dO V^T: float32). However large scores are, the
 * weights in out are exact where one key's score is far above the others. Backward recomputes the
 * weights from lse, a float32: a recomputed weight has a relative error of up to |lse| 2^-23, and
 * is limited to 1. */
typedef struct clattn_problem {
    size_t struct_size; /* sizeof(clattn_problem) */
    int64_t batch;      /* B, 1 to 2^31 - 1 */
    int64_t q_heads;    /* Hq, 1 to 2^31 - 1, a multiple of kv_heads */
    int64_t kv_heads;   /* Hk, 1 to 2^31 - 1 */
    int64_t q_len;      /* N, 1 to 2^58 */
    int64_t kv_len;     /* M, 1 to 2^58 */
    int64_t qk_dim;     /* D, 1 to CLATTN_MAX_HEAD_DIM */
    int64_t v_dim;      /* Dv, 1 to CLATTN_MAX_HEAD_DIM */
    clattn_dtype dtype; /* of q, k, v, out, dout, dq, dk, dv; lse is always float32 */
    /* 1: the call has a tensor of B key lengths, each clamped to 0..M */
    int kv_lengths;

    /* Largest tile: queries (Bm) and keys (Bn); 0: tuned. Any value >= 1 is legal and is fitted to
     * engine and device; clattn_plan_describe shows the tile used. */
    int64_t q_tile, k_tile;

    /* Splits of the keys in forward. Each split has work-groups of its own; a second kernel
     * combines the partial results in a fixed order. More than 1 needs workspace. 0: as many as
     * keep the device busy when queries are few and keys many, else 1. 1: keys are not split. Up to
     * CLATTN_MAX_KV_SPLITS: that many, but at most one per tile of keys. */
    int64_t kv_splits;

    clattn_score score; /* last member, as in clattn_layer: a later clattn adds members to it */
} clattn_problem;

#define CLATTN_MAX_KV_SPLITS 1024

#define CLATTN_PROBLEM_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(clattn_problem), 0, 0, 0, 0, 0, 0, 0, CLATTN_FLOAT32, 0, 0, 0, 0, CLATTN_DEFAULT_SCORE                  \
    }
CLATTN_API void clattn_problem_init(clattn_problem *problem, size_t struct_size);

/* ---- 4. Plan: a problem, checked, with its kernels built ---- */

/* A complete example: examples/enqueue.c, with its own queue, events and packed float16 tensors. */

/* Passes of a plan, or'ed together. Gradients that are not requested are neither built nor
 * computed. */
typedef enum clattn_pass {
    CLATTN_FORWARD = 1,
    CLATTN_BACKWARD_DQ = 2,
    CLATTN_BACKWARD_DK = 4,
    CLATTN_BACKWARD_DV = 8,
    CLATTN_BACKWARD = 14,       /* the gradients of q, k and v */
    CLATTN_BACKWARD_DBIAS = 16, /* only with a bias; alone, or with other gradients */
    CLATTN_BACKWARD_DSINK = 32  /* only with clattn_score.sinks; alone, or with other gradients */
} clattn_pass;

typedef struct clattn_plan clattn_plan;

/* Checks the problem, chooses an engine and tiles for each pass, and builds the kernels: seconds on
 * some drivers, unless they are cached. *plan is NULL on failure. A plan is immutable and shares
 * compiled kernels with other plans of its context.
 *
 * On PoCL only, the plan also launches each kernel once, on its own queue and a 1 MiB buffer and
 * with almost no work, and waits: PoCL compiles a kernel again at its first launch, for the
 * launch's work-group. So no enqueue compiles.
 *    INVALID_ARGUMENT  a null pointer; no pass, or unknown bits in passes; a struct_size, dtype,
 *                      scale, align, flag, or shape of mask or slopes that is not allowed
 *    INVALID_SIZE      a size out of range; Hq not a multiple of Hk; a tensor of more than 2^58
 *                      elements
 *    DEVICE_LIMIT      even the smallest configuration does not fit the device, or the device
 *                      cannot run the forced engine
 *    BUILD_FAILED      the compiler rejected a kernel: clattn_last_error has its log
 *    OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_plan_create(clattn_context *context, const clattn_problem *problem, unsigned passes,
                                            clattn_plan **plan);

/* NULL is ignored. Work enqueued with the plan may still be running. */
CLATTN_API void clattn_plan_destroy(clattn_plan *plan);

/* Bytes of device workspace that a call needs, independent of M unless keys are split:
 *
 *    forward       0. With split keys (clattn_problem.kv_splits) 4 B Hq N (Dv + 2) for each split,
 *                  with Dv rounded up to a multiple of 4. By default only problems with few queries
 *                  are split, into splits of at least 256 keys: at most about Hq N / (256 Hk)
 *                  times the bytes of 16-bit K and V.
 *    backward      at most 4 B Hq N; on engine cpu, with 16-bit types and enough key heads to keep
 *                  the compute units busy, at most 4 B Hq N (1 + D)
 *    nvidia_wgmma  512 B + 256 bytes (B the batch size) for each of its kernels: one in forward,
 *                  two in backward; in addition to the above
 *
 *    INVALID_ARGUMENT  a null pointer; pass is neither CLATTN_FORWARD nor bits of
 *                      CLATTN_BACKWARD */
CLATTN_API clattn_status clattn_plan_workspace_size(const clattn_plan *plan, unsigned pass, size_t *bytes);

/* The plan as text, one line per kernel: engine, tiles requested and used, local memory, where the
 * tiles come from ("built-in table", or "tuned on this device" by clattn_tune), build options.
 * Lives as long as the plan; "" for NULL. */
CLATTN_API const char *clattn_plan_describe(const clattn_plan *plan);

/* ---- 5. Enqueue: the caller's queue and buffers ---- */

/* A tensor (B,H,rows,depth) in a buffer or in shared virtual memory. Element (b,h,r,d) is
 *
 *    mem[offset + b stride[0] + h stride[1] + r stride[2] + d stride[3]]
 *
 * offset and strides count elements. All four strides 0: contiguous in the order above. Otherwise a
 * stride[3] of 0 means 1. So (B,H,N,D), (B,N,H,D), packed Q K V and sub-views need no copy. Strides
 * of inputs may be 0 (broadcast). The last dimension must be contiguous or of size 1: no engine
 * supports another stride[3] yet.
 *
 * `svm`, instead of `mem`: an address inside a clSVMAlloc allocation, a multiple of 16, on a device
 * with coarse-grained buffer SVM or better (CL_DEVICE_SVM_CAPABILITIES). OpenCL reports neither
 * size nor context of such memory, so the caller must make sure that the tensor lies inside it and
 * that it belongs to the plan's context. Overlap is checked by address; a buffer created on the
 * same memory is not recognised. */
typedef struct clattn_tensor {
    cl_mem mem;
    size_t offset;
    size_t stride[4];
    void *svm;
} clattn_tensor;

/* The tensors of a call. Each must lie within its buffer. Outputs must not share elements with each
 * other, with themselves or with an input of the call; interleaving without sharing is legal.
 * Tensors that the call does not use are ignored. Buffers belong to the caller and must live until
 * the work is done. */
typedef struct clattn_tensors {
    size_t struct_size;       /* sizeof(clattn_tensors) */
    clattn_tensor q;          /* in   (B,Hq,N,D) */
    clattn_tensor k;          /* in   (B,Hk,M,D) */
    clattn_tensor v;          /* in   (B,Hk,M,Dv) */
    clattn_tensor mask;       /* in   clattn_score.mask_dim, bytes; if the problem has a mask */
    clattn_tensor kv_lengths; /* in   (B) int32, stride[0] (0: 1); if the problem has key lengths */
    clattn_tensor out;        /* forward: out, backward: in   (B,Hq,N,Dv) */
    /* forward: out (NULL: not stored), backward: in   (B,Hq,N) float32, natural log; stride[0..2]
     * belong to B, Hq and N */
    clattn_tensor lse;
    clattn_tensor dout; /* backward: in   (B,Hq,N,Dv), the gradient of out */
    clattn_tensor dq;   /* backward: out  (B,Hq,N,D), if the plan has CLATTN_BACKWARD_DQ */
    clattn_tensor dk;   /* backward: out  (B,Hk,M,D), if the plan has CLATTN_BACKWARD_DK */
    clattn_tensor dv;   /* backward: out  (B,Hk,M,Dv), if the plan has CLATTN_BACKWARD_DV */

    /* in   clattn_score.alibi_dim, float32, stride[0..1]; if the problem has slopes */
    clattn_tensor alibi;

    clattn_tensor bias;  /* in   clattn_score.bias_dim; if the problem has a bias */
    clattn_tensor dbias; /* backward: out  the same, if the plan has CLATTN_BACKWARD_DBIAS */
    clattn_tensor sink;  /* in   (Hq) float32, stride[1]; with clattn_score.sinks */
    clattn_tensor dsink; /* backward: out  the same, if the plan has CLATTN_BACKWARD_DSINK */
    /* backward: in   (B,Hq,N) float32, strides as of lse; with clattn_score.dlse, unless the plan
     * has no gradient but dv */
    clattn_tensor dlse;
    /* forward: out (NULL: not stored)   (B,Hq,N) float32, strides as of lse; with
     * clattn_score.max_logit */
    clattn_tensor max_logit;
} clattn_tensors;

/* clang-format off */
#define CLATTN_NO_TENSOR {NULL, 0, {0, 0, 0, 0}, NULL}
/* clang-format on */
#define CLATTN_TENSORS_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(clattn_tensors), CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,                \
            CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,                  \
            CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,                  \
            CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR                                     \
    }
CLATTN_API void clattn_tensors_init(clattn_tensors *tensors, size_t struct_size);

/* Enqueues a pass on `queue`, in order or out of order. The call never waits for the device, builds
 * nothing and allocates no device memory. The pass starts after the `wait_count` events of
 * `wait_list` (0 and NULL: none). *event, unless `event` is NULL, completes with it; the caller
 * releases it. `workspace` is a read-write buffer of clattn_plan_workspace_size bytes (NULL if that
 * is 0); nothing else may touch it until the pass is done.
 *
 * Alignment: a workspace starts at a multiple of 16 bytes, a tensor's buffer at a multiple of its
 * element size. Buffers that OpenCL allocates are aligned so. The origin of a sub-buffer, and the
 * address given with CL_MEM_USE_HOST_PTR, must be too.
 *
 * Forward reads q, k, v, mask, kv_lengths, alibi, bias and sink, and writes out, lse and max_logit.
 * Backward (FlashAttention-2, Algorithm 2) also reads out, lse and dout, and writes every gradient of the
 * plan: those of sum(dout out), plus sum(dlse lse) with clattn_score.dlse.
 *
 * On failure nothing is enqueued, with one exception: if OpenCL refuses a later kernel of the call,
 * earlier ones may run, and outputs are then undefined.
 *    INVALID_ARGUMENT  a null pointer; a tensor that is missing, has both mem and svm, or has an
 *                      invalid svm or stride[3]; a wait list that does not match its count or
 *                      contains NULL; a buffer that is not aligned as above
 *    BUFFER_TOO_SMALL  a tensor or the workspace reaches past the end of its buffer
 *    OVERLAP           an output shares elements as above
 *    WRONG_CONTEXT     the queue or a buffer belongs to another OpenCL context than the plan, or
 *                      the queue to another device
 *    NOT_PLANNED       the plan does not have this pass
 *    OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_enqueue_forward(const clattn_plan *plan, cl_command_queue queue,
                                                const clattn_tensors *tensors, cl_mem workspace, cl_uint wait_count,
                                                const cl_event *wait_list, cl_event *event);
CLATTN_API clattn_status clattn_enqueue_backward(const clattn_plan *plan, cl_command_queue queue,
                                                 const clattn_tensors *tensors, cl_mem workspace, cl_uint wait_count,
                                                 const cl_event *wait_list, cl_event *event);

/* ---- 6. Layer: multi-head attention with its projections ---- */

/* The attention layer of a transformer, from hidden states to hidden states:
 *
 *    Q = x wq^T + bq      K, V = context wkv^T + bkv
 *    O = softmax(scale Q K^T, masked) V, for each head
 *    out = O wo^T + bo
 *
 * E is dim, C context_dim, H heads, Hk kv_heads, D dim_head. Weights are (out, in), row-major, as
 * in PyTorch's nn.Linear. The heads of a row are side by side:
 *
 *    x (B,N,E)        wq (H D, E)      row h D + d: component d of query head h        bq (H D)
 *    context (B,M,C)  wkv (2 Hk D, C)  first all rows of K, then all of V, by head     bkv (2 Hk D)
 *    out (B,N,E)      wo (E, H D)                                                      bo (E)
 *
 * Everything is float32 and contiguous; offsets count elements. CLBlast computes the projections,
 * directly on the caller's buffers; docs/layer.md has the data flow and CLBlast's side effects.
 * CLBlast uses 32-bit indices: no tensor, nor `saved`, nor the workspace may reach past element
 * 2^31 - 1 of its buffer.
 *
 * Context rows that are padding (clattn_problem) in every head reach neither out nor a gradient,
 * whatever they hold, NaN and infinity included; their dcontext is 0. A query that sees no key in
 * any head has bo as its row of out (0 without bo); its row of x reaches nothing, its row of dout
 * only dbo. Without a context, a row of x that is padding as a key is still a query: if it sees
 * keys, its contents reach its own row of out and all gradients. */
typedef struct clattn_layer {
    size_t struct_size;  /* sizeof(clattn_layer) */
    int64_t batch;       /* B >= 1 */
    int64_t len;         /* N >= 1 */
    int64_t context_len; /* M; 0: no context: keys and values come from x, and M = N */
    int64_t dim;         /* E >= 1 */
    int64_t context_dim; /* C; 0: E. Without a context only 0 and E are allowed */
    int64_t heads;       /* H; 0: 8 */
    int64_t kv_heads;    /* Hk, a divisor of H; 0: H */
    int64_t dim_head;    /* D, up to CLATTN_MAX_HEAD_DIM; 0: 64, independent of E */

    /* As in clattn_problem. */
    int kv_lengths;
    int64_t q_tile, k_tile;
    clattn_score score; /* for N queries, M keys, H heads, D dim_head */
} clattn_layer;

#define CLATTN_LAYER_INIT                                                                                              \
    {                                                                                                                  \
        sizeof(clattn_layer), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CLATTN_DEFAULT_SCORE                                    \
    }
CLATTN_API void clattn_layer_init(clattn_layer *layer, size_t struct_size);

/* Draws initial weights as nn.Linear does: uniform within +-1/sqrt(fan in), where fan in is E for
 * wq and bq, C for wkv and bkv, H D for wo and bo. Each argument is a host array, written whole, or
 * NULL. A seed gives the same numbers on every machine, whichever other arrays are NULL.
 *    INVALID_ARGUMENT, INVALID_SIZE  for the layer, as in clattn_layer_plan_create; batch and len
 *                                    may be 0 here */
CLATTN_API clattn_status clattn_layer_init_weights(const clattn_layer *layer, uint64_t seed, float *wq, float *bq,
                                                   float *wkv, float *bkv, float *wo, float *bo);

typedef struct clattn_layer_plan clattn_layer_plan;

/* Checks the layer, plans its attention, and runs each product of the projections once on a scratch
 * buffer, so that CLBlast compiles its kernels now (tens of seconds on some CPU drivers the first
 * time). `passes` is CLATTN_FORWARD, CLATTN_BACKWARD or both; each call chooses its gradients.
 * *plan is NULL on failure.
 *    INVALID_ARGUMENT  as for clattn_plan_create; passes with only some bits of CLATTN_BACKWARD
 *    INVALID_SIZE      a size out of range, a tensor of 2^31 elements or more
 *    NO_CLBLAST        the library was built without CLBlast
 *    DEVICE_LIMIT, BUILD_FAILED, OPENCL_ERROR, OUT_OF_MEMORY  as for clattn_plan_create */
CLATTN_API clattn_status clattn_layer_plan_create(clattn_context *context, const clattn_layer *layer, unsigned passes,
                                                  clattn_layer_plan **plan);
CLATTN_API void clattn_layer_plan_destroy(clattn_layer_plan *plan); /* NULL is ignored */

/* The plan as text: the sizes of each projection, and the plans of its attention. Lives as long as
 * the plan; "" for NULL. */
CLATTN_API const char *clattn_layer_plan_describe(const clattn_layer_plan *plan);

/* Bytes of workspace that a call needs; the buffer is aligned as in clattn_enqueue_forward. `pass`
 * is CLATTN_FORWARD or CLATTN_BACKWARD. 0 for a pass that the plan does not have. Calls that run
 * one after the other may share a workspace.
 *    INVALID_ARGUMENT  a null pointer, another pass */
CLATTN_API clattn_status clattn_layer_workspace_size(const clattn_layer_plan *plan, unsigned pass, size_t *bytes);

/* Bytes of `saved`, the tensors that forward stores for backward, in this order and as float32:
 *
 *    Q (B,N,H,D)   K and V (B,M,2,Hk,D)   O (B,N,H,D)   L (B,H,N)
 *
 *    INVALID_ARGUMENT  a null pointer */
CLATTN_API clattn_status clattn_layer_saved_size(const clattn_layer_plan *plan, size_t *bytes);

/* A contiguous tensor in a buffer; offset in elements. */
typedef struct clattn_block {
    cl_mem mem;
    size_t offset;
} clattn_block;

/* The tensors of a call, with the rules of clattn_tensors. A NULL mem means absent. If the layer
 * has no context, a context or dcontext is INVALID_ARGUMENT. */
typedef struct clattn_layer_tensors {
    size_t struct_size; /* sizeof(clattn_layer_tensors) */
    /* backward: 1: adds the gradients of weights and biases to their buffers (not dx, dcontext) */
    int accumulate;
    clattn_block x;           /* in   (B,N,E) */
    clattn_block context;     /* in   (B,M,C); if the layer has a context */
    clattn_tensor mask;       /* in   mask_dim, bytes; if the layer has a mask */
    clattn_tensor kv_lengths; /* in   (B) int32; if the layer has key lengths */
    clattn_block wq, wkv, wo; /* in   weights, as above */
    clattn_block bq, bkv, bo; /* in   biases, forward only; absent: none */
    clattn_block out;         /* forward: out  (B,N,E) */
    /* forward: out, or absent for inference; backward: in   clattn_layer_saved_size bytes */
    clattn_block saved;
    clattn_block dout; /* backward: in   (B,N,E), the gradient of out */

    /* backward: out, in the shapes of x, context and the weights; absent ones are not computed.
     * Without a context, dx is the sum of the gradients as queries and as keys and values. */
    clattn_block dx;
    clattn_block dcontext; /* if the layer has a context */
    clattn_block dwq, dwkv, dwo;
    clattn_block dbq, dbkv, dbo;

    clattn_tensor alibi; /* in   as in clattn_tensors; if the layer has slopes */

    /* As in clattn_tensors. forward: max_logit, and backward: dbias and dsink, are computed if they
     * are present. */
    clattn_tensor bias, dbias, sink, dsink, max_logit;
} clattn_layer_tensors;

/* clang-format off */
#define CLATTN_NO_BLOCK {NULL, 0}
/* clang-format on */
#define CLATTN_LAYER_TENSORS_INIT                                                                                      \
    {                                                                                                                  \
        sizeof(clattn_layer_tensors), 0, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,         \
            CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK,      \
            CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK,      \
            CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_TENSOR,     \
            CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR                   \
    }
CLATTN_API void clattn_layer_tensors_init(clattn_layer_tensors *tensors, size_t struct_size);

/* Enqueues a pass of the layer, as clattn_enqueue_forward and clattn_enqueue_backward do and with
 * the same statuses; a backward without any gradient is INVALID_ARGUMENT. CLBlast takes no wait
 * list, so the call enqueues barriers between products. On an out-of-order queue, a later command
 * therefore waits for part of the pass, but may start before all of it is complete: wait for
 * *event.
 *
 * Backward reads forward's inputs except the biases, and `saved`. mask, kv_lengths, slopes and
 * sizes must be those of forward. */
CLATTN_API clattn_status clattn_layer_enqueue_forward(const clattn_layer_plan *plan, cl_command_queue queue,
                                                      const clattn_layer_tensors *tensors, cl_mem workspace,
                                                      cl_uint wait_count, const cl_event *wait_list, cl_event *event);
CLATTN_API clattn_status clattn_layer_enqueue_backward(const clattn_layer_plan *plan, cl_command_queue queue,
                                                       const clattn_layer_tensors *tensors, cl_mem workspace,
                                                       cl_uint wait_count, const cl_event *wait_list, cl_event *event);

/* ---- 7. Runner: the same on arrays of the host ---- */

/* Lists the OpenCL devices of all platforms, in the loader's order: the first `capacity` of them in
 * `devices` (may be NULL if capacity is 0), their total number in *count. Platforms and devices
 * that fail to answer are skipped, as are devices that clattn_context_create refuses with
 * DEVICE_LIMIT; `clattn devices` names these. No platform at all is a count of 0, not an error.
 *    INVALID_ARGUMENT             a null pointer
 *    OPENCL_ERROR, OUT_OF_MEMORY  also if no device is left: the error of the first one skipped */
CLATTN_API clattn_status clattn_list_devices(cl_device_id *devices, size_t capacity, size_t *count);

/* Finds one of these devices; *device is NULL on failure. `which` is NULL or "" for the best (the
 * first GPU, else the first accelerator, else the first device), an index into the list, or text in
 * the name of a device or its platform (ignoring case; only a name's first 127 bytes count): the
 * first match.
 *    INVALID_ARGUMENT  device is NULL
 *    NO_DEVICE         no match; the error lists the devices, or says why none is usable
 *    OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_find_device(const char *which, cl_device_id *device);

/* A runner owns a device, a context, a queue and, during a run, the device buffers. */
typedef struct clattn_runner clattn_runner;

/* `which` as in clattn_find_device, `options` as in clattn_context_create, and the errors of both.
 * *runner is NULL on failure. */
CLATTN_API clattn_status clattn_runner_create(const char *which, const clattn_options *options, clattn_runner **runner);
CLATTN_API void clattn_runner_destroy(clattn_runner *runner); /* NULL is ignored */

/* The runner's context and device; they live as long as the runner. NULL for NULL. */
CLATTN_API clattn_context *clattn_runner_context(clattn_runner *runner);
CLATTN_API cl_device_id clattn_runner_device(const clattn_runner *runner);

/* A host array with clattn_tensor's strides; data[0] is its first element. Inputs have a const type
 * of their own: const data needs no cast and cannot be passed as an output. */
typedef struct clattn_array {
    void *data;
    size_t stride[4];
} clattn_array;

typedef struct clattn_const_array {
    const void *data;
    size_t stride[4];
} clattn_const_array;

/* As clattn_tensors, member for member. In forward lse and max_logit may be NULL, in backward any
 * gradient: what is NULL is not computed. */
typedef struct clattn_arrays {
    size_t struct_size; /* sizeof(clattn_arrays) */
    clattn_const_array q, k, v, mask, kv_lengths;
    clattn_array out, lse; /* backward reads them, unless it runs forward itself */
    clattn_const_array dout;
    clattn_array dq, dk, dv;
    clattn_const_array alibi;
    clattn_const_array bias;
    clattn_array dbias;
    clattn_const_array sink;
    clattn_array dsink;
    clattn_const_array dlse;
    clattn_array max_logit;
} clattn_arrays;

/* clang-format off */
#define CLATTN_NO_ARRAY {NULL, {0, 0, 0, 0}} /* for both types */
/* clang-format on */
#define CLATTN_ARRAYS_INIT                                                                                             \
    {                                                                                                                  \
        sizeof(clattn_arrays), CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY,    \
            CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY,      \
            CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY,      \
            CLATTN_NO_ARRAY                                                                                            \
    }
CLATTN_API void clattn_arrays_init(clattn_arrays *arrays, size_t struct_size);

/* Time and memory of a run; filled on success. */
typedef struct clattn_run_info {
    size_t struct_size;      /* sizeof(clattn_run_info), set by the caller */
    const char *plan;        /* clattn_plan_describe; valid until the runner's next run */
    double plan_seconds;     /* checking, choosing, building; not part of kernel_seconds */
    double upload_seconds;   /* creating the buffers and copying to the device */
    double kernel_seconds;   /* the pass itself, from enqueue to completion */
    double download_seconds; /* copying back */
    size_t device_bytes;     /* of all buffers of the run, workspace included */
    size_t workspace_bytes;
} clattn_run_info;

#define CLATTN_RUN_INFO_INIT                                                                                           \
    {                                                                                                                  \
        sizeof(clattn_run_info), NULL, 0.0, 0.0, 0.0, 0.0, 0, 0                                                        \
    }
CLATTN_API void clattn_run_info_init(clattn_run_info *info, size_t struct_size);

/* Runs a pass and waits for it. `info` may be NULL. A strided array is copied as the whole span
 * from its first to its last element; of an output, only the tensor's elements are written. On
 * failure no output is written.
 *
 * Backward reads out and lse of an earlier forward. If either is NULL, it runs forward first, and
 * writes the one that is not NULL, and max_logit.
 *    INVALID_ARGUMENT  also: a missing array, or no gradient requested
 *    and the errors of clattn_plan_create and clattn_enqueue_forward; OVERLAP is judged by host
 *    address */
CLATTN_API clattn_status clattn_run_forward(clattn_runner *runner, const clattn_problem *problem,
                                            const clattn_arrays *arrays, clattn_run_info *info);
CLATTN_API clattn_status clattn_run_backward(clattn_runner *runner, const clattn_problem *problem,
                                             const clattn_arrays *arrays, clattn_run_info *info);

/* As clattn_layer_tensors, member for member, without `saved`. Arrays are contiguous, except those
 * that have strides. */
typedef struct clattn_layer_arrays {
    size_t struct_size; /* sizeof(clattn_layer_arrays) */
    int accumulate;
    const float *x, *context;
    clattn_const_array mask, kv_lengths;
    const float *wq, *wkv, *wo, *bq, *bkv, *bo;
    float *out;
    const float *dout;
    float *dx, *dcontext, *dwq, *dwkv, *dwo, *dbq, *dbkv, *dbo;
    clattn_const_array alibi;
    clattn_const_array bias;
    clattn_array dbias;
    clattn_const_array sink;
    clattn_array dsink, max_logit;
} clattn_layer_arrays;

#define CLATTN_LAYER_ARRAYS_INIT                                                                                       \
    {                                                                                                                  \
        sizeof(clattn_layer_arrays), 0, NULL, NULL, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, NULL, NULL, NULL, NULL, NULL,    \
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY,        \
            CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY                                         \
    }
CLATTN_API void clattn_layer_arrays_init(clattn_layer_arrays *arrays, size_t struct_size);

/* Runs a pass of the layer and waits for it, as clattn_run_forward and clattn_run_backward do.
 * Backward always runs forward first, and writes out and max_logit unless they are NULL. */
CLATTN_API clattn_status clattn_run_layer_forward(clattn_runner *runner, const clattn_layer *layer,
                                                  const clattn_layer_arrays *arrays, clattn_run_info *info);
CLATTN_API clattn_status clattn_run_layer_backward(clattn_runner *runner, const clattn_layer *layer,
                                                   const clattn_layer_arrays *arrays, clattn_run_info *info);

/* ---- 8. Tuning ---- */

/* Plans take their tiles from a built-in table, unless clattn_tune has found faster ones on the
 * same device and driver. It times candidate configurations and writes the fastest to a file in
 * options.cache_dir; a context reads the file once, with its first plan. A tuned configuration
 * serves problems with the same type, D, Dv, kind of mask, causality, sharing of tiles by heads,
 * and use of windows and ALiBi. Among those for other lengths, batch sizes and heads, the nearest
 * is used. q_tile and k_tile take precedence: a configuration with larger tiles is not used. See
 * docs/tuning.md. */

/* Progress of a search. Times are for one run of the kernel; in backward they include the small
 * kernel that runs before it. */
typedef struct clattn_tune_progress {
    /* Size of the struct in the library's header. A program that was compiled with a later header
     * must not read members past it. */
    size_t struct_size;
    const char *kernel;     /* as in clattn_plan_describe: "forward", .. */
    size_t done, known;     /* configurations of this kernel: tried, and found so far */
    double seconds, budget; /* of this kernel's search: spent so far, and in total */
    double builtin_seconds, best_seconds;
} clattn_tune_progress;

typedef struct clattn_tune_options {
    size_t struct_size; /* sizeof(clattn_tune_options) */
    /* Seconds of trying configurations, shared equally by the kernels; 0: 60. The configuration
     * being tried at the end is finished. Set-up, and building and timing the untuned plan, come on
     * top. */
    double seconds;
    /* Called before each configuration, on the calling thread; may be NULL. A nonzero result ends
     * the search as if its time were up. */
    int (*progress)(void *user, const clattn_tune_progress *progress);
    void *user;
} clattn_tune_options;

#define CLATTN_TUNE_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        sizeof(clattn_tune_options), 0.0, NULL, NULL                                                                   \
    }
CLATTN_API void clattn_tune_options_init(clattn_tune_options *options, size_t struct_size);

/* Result for one kernel. */
typedef struct clattn_tuned_kernel {
    const char *kernel;     /* as in clattn_tune_progress */
    double builtin_seconds; /* medians, measured one after the other */
    double best_seconds;
    int is_builtin;          /* 1: no configuration was more than 2 percent faster */
    size_t tried, refused;   /* configurations; refused: not built, not run or wrong */
    char configuration[256]; /* the fastest: "TILE_ROWS=64 TILE_COLS=64 ..." */
    char engine[16];         /* "simt", .. */
} clattn_tuned_kernel;

/* Result of a search. `kernels` is an array of the caller's, whose elements have kernel_size bytes:
 * the size of clattn_tuned_kernel in the header that the caller was compiled with. */
typedef struct clattn_tune_result {
    size_t struct_size;           /* sizeof(clattn_tune_result) */
    int stopped;                  /* out  1: the progress callback ended the search */
    clattn_tuned_kernel *kernels; /* in   where to write; NULL: not written */
    size_t capacity;              /* in   elements of `kernels`; 0 with NULL */
    size_t kernel_size;           /* in   sizeof(clattn_tuned_kernel): the array's stride */
    /* out  kernels tuned, which may be more than capacity; at most 4 so far */
    size_t count;
} clattn_tune_result;

#define CLATTN_TUNE_RESULT_INIT                                                                                        \
    {                                                                                                                  \
        sizeof(clattn_tune_result), 0, NULL, 0, 0, 0                                                                   \
    }
CLATTN_API void clattn_tune_result_init(clattn_tune_result *result, size_t struct_size);

/* Searches for the fastest configuration of each kernel of `passes` for this problem, on its own
 * queue and buffers, with random tensors. Each candidate's results are compared with those of the
 * built-in configuration before it is timed. If at least one configuration besides the built-in one
 * was tried, the kernel's result is written to the file as soon as it is found, and the context's
 * later plans use it. `options` may be NULL. The problem's q_tile and k_tile are ignored. `result`
 * may be NULL; it is written on success only.
 *
 * Unlike an enqueue, this call waits, builds kernels and allocates memory: all tensors of the
 * problem on the device, and twice as much on the host. Nothing else should use the device
 * meanwhile. Several threads or processes may tune at once as far as the file is concerned (the
 * last writer wins), but their timings would be meaningless.
 *    INVALID_ARGUMENT  as for clattn_plan_create; options or result of an unknown version (section
 *                      2); kernels NULL with a capacity, or a kernel_size of no version; seconds
 *                      negative or not finite; the context has no folder, or the file cannot be
 *                      written
 *    and the errors of clattn_plan_create and clattn_enqueue_forward */
CLATTN_API clattn_status clattn_tune(clattn_context *context, const clattn_problem *problem, unsigned passes,
                                     const clattn_tune_options *options, clattn_tune_result *result);

/* Path of the tuned configurations of the context's device and driver, whether or not the file
 * exists. "" for NULL, and if the context has no folder. Lives as long as the context. */
CLATTN_API const char *clattn_tune_file(const clattn_context *context);

#ifdef __cplusplus
}
#endif

#endif /* CLATTN_H */
