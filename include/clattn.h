/* SPDX-License-Identifier: Apache-2.0 */
/* clattn: exact attention and its gradients on any OpenCL device.
 *
 *   S = scale Q K^T, with ALiBi, masked     P = softmax(S)     O = P V     L_i = log sum_j exp S_ij
 *
 * computed tile by tile (FlashAttention-2: Dao 2023, arXiv 2307.08691; online softmax: Milakov and Gimelshein 2018),
 * so that the N x M matrices S and P are never stored. Results are bit-identical from run to run on one device.
 *
 * Shapes. B batch, Hq query heads, Hk key/value heads (Hq a multiple of Hk; query head h reads key head h / (Hq / Hk)),
 * N query length, M key length, D head dimension of Q and K, Dv head dimension of V and O. i runs over queries, j over
 * keys.
 *
 *   q (B,Hq,N,D)   k (B,Hk,M,D)   v (B,Hk,M,Dv)   out (B,Hq,N,Dv)      float32, float16 or bfloat16
 *   lse (B,Hq,N)      float32
 *
 * Use, with your own OpenCL objects (section 2 to 5):
 *
 *   clattn_context_create -> clattn_plan_create -> clattn_enqueue_forward, clattn_enqueue_backward -> destroy both
 *
 * or a whole multi-head attention layer, projections included (section 6):
 *
 *   clattn_layer_plan_create -> clattn_layer_enqueue_forward, clattn_layer_enqueue_backward
 *
 * or either of them with plain arrays and no OpenCL of your own (section 7):
 *
 *   clattn_runner_create -> clattn_run_forward, clattn_run_backward -> clattn_runner_destroy
 *
 * The library never writes to stdout or stderr (CLBlast, in a layer, does where OpenCL fails it), never exits, and
 * holds no global state but the last error of each thread. Outside section 7 it never enumerates platforms.
 *
 * Threads: a context and a plan may be used from several threads at once; a runner from one thread at a time. Creating
 * and destroying different objects at once is safe; destroying an object that another thread still uses is not.
 *
 * Processes: after fork, a child uses nothing that was made before it, and no OpenCL at all if its parent did already:
 * the threads of a driver are not in it. Fork first, or exec.
 */
#ifndef CLATTN_H
#define CLATTN_H

/* OpenCL's types. Which of its functions the headers declare is the program's choice, by CL_TARGET_OPENCL_VERSION;
 * where it made none, all of them, as ever, but without the headers' note that none was made. */
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

#define CLATTN_VERSION_MAJOR 0 /* breaking changes of this header (while it is 0, minor versions may break too) */
#define CLATTN_VERSION_MINOR 2 /* new features */
#define CLATTN_VERSION_PATCH 0 /* repairs and speed */
#define CLATTN_VERSION (CLATTN_VERSION_MAJOR * 10000 + CLATTN_VERSION_MINOR * 100 + CLATTN_VERSION_PATCH)

/* The version of the library that is linked, as CLATTN_VERSION and as "major.minor.patch". */
CLATTN_API int clattn_version(void);
CLATTN_API const char *clattn_version_string(void);

/* Every status: X(name, value, sentence). */
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

/* "CLATTN_OVERLAP" and its sentence; a value that is no status gives "CLATTN_UNKNOWN". Never NULL. */
CLATTN_API const char *clattn_status_name(clattn_status status);
CLATTN_API const char *clattn_status_message(clattn_status status);

/* The last failure on the calling thread, for people: which argument, what was found, what is allowed; for a failed
 * build, also the compiler's log. "" when nothing failed yet; successes leave it as it is. At most 8191 bytes, cut at
 * the end. Valid until the next clattn call on this thread; never NULL. */
CLATTN_API const char *clattn_last_error(void);

/* OpenCL's own error code of that failure (CL_OUT_OF_RESOURCES, ...), or CL_SUCCESS when it was not OpenCL that
 * failed. */
CLATTN_API cl_int clattn_last_opencl_error(void);

/* ---- 2. Context: one device and its compiled kernels ---- */

/* How kernels are mapped to a machine. AUTO takes, for each pass, the fastest that the device is able to run. */
#define CLATTN_ENGINE_LIST(X)                                                                                          \
    X(CLATTN_ENGINE_AUTO, 0, "auto")                                                                                   \
    X(CLATTN_ENGINE_SIMT, 1, "simt") /* work-groups of 64 to 256 items, tiles in local memory: right everywhere */     \
    X(CLATTN_ENGINE_CPU, 2, "cpu")   /* one work-item a work-group, wide vectors: right everywhere */                  \
    X(CLATTN_ENGINE_NVIDIA_MMA, 3, "nvidia_mma")     /* matrix instructions of sm_80 and later, 16-bit types */        \
    X(CLATTN_ENGINE_NVIDIA_WGMMA, 4, "nvidia_wgmma") /* those of sm_90a, 16-bit types */

typedef enum clattn_engine {
#define CLATTN_ENGINE_ENUM(name, value, text) name = value,
    CLATTN_ENGINE_LIST(CLATTN_ENGINE_ENUM)
#undef CLATTN_ENGINE_ENUM
} clattn_engine;

/* "simt", as the tool and descriptions call it; NULL for what is no engine, so that counting from 0 lists them all. */
CLATTN_API const char *clattn_engine_name(clattn_engine engine);

/* Host memory: both functions or neither (malloc and free). `allocate` returns NULL on failure, memory aligned as
 * malloc's otherwise; both may be called from any thread that calls clattn. */
typedef struct clattn_allocator {
    void *(*allocate)(void *user, size_t bytes);
    void (*release)(void *user, void *memory);
    void *user;
} clattn_allocator;

/* Structs grow. A struct that begins with struct_size, which is the size that the caller's header gives it, may have
 * more members at its end in a later version; 0 in them is what was before. So a program runs with a library of another
 * version, from 0.2.0 on:
 *
 *   an older struct              what it lacks is 0
 *   a newer one                  taken where all that the library does not know is 0, otherwise refused with
 *                                INVALID_ARGUMENT: the program asks for what only a later library does
 *   one that the library writes  is written up to the caller's size; what the library does not know is 0
 *
 * What is not initialised is not 0: start from the CLATTN_..._INIT of the struct. Members without a struct_size of
 * their own (clattn_allocator, clattn_tensor, clattn_block, clattn_array, clattn_const_array) never change; but
 * clattn_score is a last member, and grows with the struct that it is in. An array of structs comes with the size of
 * one, which is what lies between two of them (clattn_tune_result). */

/* Options of a context; 0 means default everywhere. Start from CLATTN_OPTIONS_INIT. */
typedef struct clattn_options {
    size_t struct_size; /* sizeof(clattn_options), see above */
    /* Host memory of the context, its plans and its runner. */
    clattn_allocator allocator;
    /* Folder for compiled kernels and for tuned configurations (clattn_tune). NULL: $XDG_CACHE_HOME/clattn or
     * ~/.cache/clattn, and no compiled kernels on a driver that keeps a cache itself (PoCL); none where the process acts
     * for another user than the one who started it (set-user-ID). "": none. A path: that folder, made if it is missing.
     * What is in it is run: a folder or a file of another user than the effective one, or that others may write to, is
     * as good as none, also where it is named here. Of compiled kernels 256 MiB and 4096 files are kept, those that
     * were used last. A cache that cannot be read or written is silently not used. Copied. */
    const char *cache_dir;
    /* Forces an engine. What it does not do is left to simt: of nvidia_mma and nvidia_wgmma float32, heads deeper than
     * 256, a negative scale, tiles smaller than theirs; of nvidia_mma a forward of up to 4 query rows in heads deeper
     * than 128 or of other than a multiple of 8, and of up to 16 where offsets or strides of k and v are other than
     * multiples of 16 bytes; of nvidia_wgmma any forward of up to 16 queries, masks, query heads that share a tile,
     * keys shared out, 2^29 queries or keys and more, such offsets and strides of any tensor that it reads, and a
     * stride of 0 between several rows or heads. clattn_plan_describe tells.
     * A device that cannot run the engine refuses plans with CLATTN_DEVICE_LIMIT. */
    clattn_engine engine;
    /* 1: CLBlast keeps its own parameters on a CPU device. Otherwise the first layer plan of a context on such a device
     * gives it some that compile and run several times faster, by CLBlastOverrideParameters: for the whole process. */
    int keep_clblast_parameters;
    /* Largest work of one kernel launch in floating-point operations; 0: no bound. More is split into several launches,
     * each of at least one work-group: for devices whose display freezes, or whose watchdog fires, during a long
     * kernel. */
    uint64_t max_launch_flops;
    /* Appended to the options of every kernel build, for a compiler's own switches ("-cl-opt-disable",
     * "-cl-nv-verbose"); NULL: none. Copied. Refused are those with which results would be wrong:
     * -cl-fast-relaxed-math, -cl-finite-math-only, -cl-unsafe-math-optimizations. */
    const char *build_options;
} clattn_options;

#define CLATTN_OPTIONS_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(clattn_options), {NULL, NULL, NULL}, NULL, CLATTN_ENGINE_AUTO, 0, 0, NULL                               \
    }

/* The same by a function, for languages that do not read macros; there is one for each struct that has a macro.
 * `struct_size` is the size of the caller's struct: so many bytes are written, and no more. NULL is ignored. */
CLATTN_API void clattn_options_init(clattn_options *options, size_t struct_size);

typedef struct clattn_context clattn_context;

/* Makes a context for `device` of `cl`. Retains both. `options` may be NULL (all defaults). *context is NULL on
 * failure.
 *   INVALID_ARGUMENT  a null pointer, a struct or an engine of another version, half an allocator, build options that
 *                     make results wrong
 *   WRONG_CONTEXT     the device is not one of cl
 *   DEVICE_LIMIT      kernels cannot run on it, whatever the problem: it is not available, has no compiler, is
 *                     big-endian or a custom device, has no infinities, or takes fewer bytes of arguments than kernels
 *                     have (about 650; OpenCL's full profile has 1024 or more, its embedded one as few as 256)
 *   OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_context_create(cl_context cl, cl_device_id device, const clattn_options *options,
                                               clattn_context **context);

/* Gives the context up; it lives on until its last plan is destroyed. NULL is ignored. */
CLATTN_API void clattn_context_destroy(clattn_context *context);

/* What clattn found out about the device, which engines it would use, and why not others: a few lines of text. Names of
 * devices, drivers and platforms are cut, here as everywhere, not refused, however long they are. The first call on a
 * GPU may take seconds, for what no plan has needed yet is tried now. Lives as long as the context; "" for NULL, and
 * while memory is out, the host's or the device's. */
CLATTN_API const char *clattn_context_describe(const clattn_context *context);

/* ---- 3. Problem: what is to be computed ---- */

/* Where the diagonal lies: query i stands at key position i + offset, and `causal` keeps the keys j <= i + offset.
 *
 *     N = 2, M = 5, bottom-right     N = 2, M = 5, top-left       N = 5, M = 2, bottom-right
 *            1 1 1 1 0                      1 0 0 0 0                     0 0
 *            1 1 1 1 1                      1 1 0 0 0                     0 0
 *                                                                         0 0
 *                                                                         1 0
 *                                                                         1 1
 *
 * With per-batch key lengths, M is that batch's own length. */
typedef enum clattn_align {
    CLATTN_ALIGN_BOTTOM_RIGHT = 0, /* offset = M - N: FlashAttention's */
    CLATTN_ALIGN_TOP_LEFT = 1,     /* offset = 0: PyTorch's is_causal */
    CLATTN_ALIGN_OFFSET = 2        /* offset = clattn_score.offset, of either sign */
} clattn_align;

#define CLATTN_MAX_HEAD_DIM 512 /* largest D and Dv */

/* How q, k, v, out and their gradients are stored. All arithmetic is float32, on every device; results are rounded
 * once, to the nearest, ties to even. */
typedef enum clattn_dtype {
    CLATTN_FLOAT32 = 0,
    CLATTN_FLOAT16 = 1, /* IEEE 754 binary16 */
    CLATTN_BFLOAT16 = 2 /* the upper half of a float32 */
} clattn_dtype;

/* `count` elements of host memory from float32 to 16 bits and back; arrays do not overlap. Rounded as on the device:
 * to the nearest, ties to even, what is too large to infinity; denormal numbers are numbers, and NaN stays NaN. All
 * 65,536 patterns, NaN included, come back as they were from float32. */
CLATTN_API void clattn_float_to_float16(const float *from, uint16_t *to, size_t count);
CLATTN_API void clattn_float16_to_float(const uint16_t *from, float *to, size_t count);
CLATTN_API void clattn_float_to_bfloat16(const float *from, uint16_t *to, size_t count);
CLATTN_API void clattn_bfloat16_to_float(const uint16_t *from, float *to, size_t count);

/* How a score is made of a query and a key, and which scores there are: what a problem and a layer have in common. 0
 * means default in all members. */
typedef struct clattn_score {
    float scale;        /* factor of Q K^T, of either sign, 1.2e-38 to 2.35e38 in size; 0: 1/sqrt(D) */
    int causal;         /* 1: query i sees the keys j <= i + offset only */
    clattn_align align; /* what offset is, of causality, a window and ALiBi */
    int64_t offset;     /* read with CLATTN_ALIGN_OFFSET; within +-2^62 */

    /* Shape of the boolean mask: (B or 1, Hq or 1, N or 1, M or 1); all 0: no mask. A key padding mask (B,M) is
     * (B,1,1,M). One byte an element, nonzero = may attend. Masks, causality and key lengths all apply. */
    int64_t mask_dim[4];

    /* 1: a sliding window. Query i sees the keys i + offset - window_left <= j <= i + offset + window_right only; -1
     * is no end on that side. So it sees window_left keys before its own position, and window_right behind. Masks,
     * causality and key lengths all apply as well. Tiles outside all windows are not visited: a pass takes as long as
     * its windows are wide. */
    int window;
    int64_t window_left, window_right; /* read with window; -1 to 2^60 */

    /* Shape of the slopes of ALiBi (Press et al. 2021, arXiv 2108.12409): (B or 1, Hq or 1); both 0: none. The score of
     * query i of head h and key j is then
     *
     *   scale q . k - slope[b,h] |i + offset - j|
     *
     * with the offset of the diagonal, causal or not; masks apply to that. Slopes are finite float32 numbers of either
     * sign, without a gradient; slope / scale |i + offset - j| must be within +-2^127. */
    int64_t alibi_dim[2];
} clattn_score;

/* clang-format off */
#define CLATTN_DEFAULT_SCORE {0.0f, 0, CLATTN_ALIGN_BOTTOM_RIGHT, 0, {0, 0, 0, 0}, 0, 0, 0, {0, 0}}
/* clang-format on */

/* A problem. Sizes have no default; in all other members 0 means default. Start from CLATTN_PROBLEM_INIT.
 *
 * A query that sees no key (hidden by causality, windows, masks or key lengths) gives out = 0, lse = -inf, and zero
 * gradients. A padding key (past the batch's key length, outside the windows of all queries where there are any, or
 * false in a mask with one row for all queries) contributes exactly nothing to out and to the other gradients,
 * whatever it and its value hold, NaN and infinity included; its own gradients are 0. So does a query that sees no key
 * to dk and dv, whatever it and its row of dout hold. NaN in a key does not reach out and lse of a query from which
 * causality, a window or a mask hides the key. Where some queries see a row and others do not, nothing is promised of
 * NaN or infinity in its value, nor, in gradients, in the row itself or in dout.
 *
 * For finite inputs results are finite where they are representable, as long as Q K^T and dO V^T are: scores of any size
 * have exact weights in out, where one key's is far above the others. The backward knows scores through lse, a float32:
 * a weight is off by up to lse 2^-23 of its size, and never more than 1. */
typedef struct clattn_problem {
    size_t struct_size; /* sizeof(clattn_problem) */
    int64_t batch;      /* B >= 1 */
    int64_t q_heads;    /* Hq >= 1, a multiple of kv_heads */
    int64_t kv_heads;   /* Hk >= 1 */
    int64_t q_len;      /* N >= 1 */
    int64_t kv_len;     /* M >= 1 */
    int64_t qk_dim;     /* D, 1 to CLATTN_MAX_HEAD_DIM */
    int64_t v_dim;      /* Dv, 1 to CLATTN_MAX_HEAD_DIM */
    clattn_dtype dtype; /* of q, k, v, out, dout, dq, dk, dv; lse is always float32 */
    /* 1: a tensor of B key lengths comes with the call, each clamped to 0..M. */
    int kv_lengths;

    /* Largest number of queries (Bm) and of keys (Bn) that a tile may have; 0: tuned. Any value >= 1 is legal: it is
     * fitted to engine and device; clattn_plan_describe shows what came of it. */
    int64_t q_tile, k_tile;

    /* Parts of the keys that forward gives to work-groups of their own, and combines in a fixed order; more than one
     * take a workspace. 0: as many as keep the device busy where queries are few and keys many, else 1. Any other value
     * up to CLATTN_MAX_KV_SPLITS: so many, but no more than there are tiles of keys; 1: never more than one. */
    int64_t kv_splits;

    clattn_score score; /* the last member, as in clattn_layer: a later clattn appends to it */
} clattn_problem;

#define CLATTN_MAX_KV_SPLITS 1024

#define CLATTN_PROBLEM_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(clattn_problem), 0, 0, 0, 0, 0, 0, 0, CLATTN_FLOAT32, 0, 0, 0, 0, CLATTN_DEFAULT_SCORE                  \
    }
CLATTN_API void clattn_problem_init(clattn_problem *problem, size_t struct_size);

/* ---- 4. Plan: a problem, checked, with its kernels built ---- */

/* examples/enqueue.c is a whole program that plans and enqueues: its own queue, events, packed float16 tensors. */

/* The passes a plan is created for, or'ed together. What is not asked for is neither built nor computed. */
typedef enum clattn_pass {
    CLATTN_FORWARD = 1,
    CLATTN_BACKWARD_DQ = 2,
    CLATTN_BACKWARD_DK = 4,
    CLATTN_BACKWARD_DV = 8,
    CLATTN_BACKWARD = 14 /* all three gradients */
} clattn_pass;

typedef struct clattn_plan clattn_plan;

/* Checks the problem, chooses an engine and tiles for each pass, and builds the kernels (seconds on some drivers,
 * unless they are in a cache). PoCL compiles a kernel once more, for its work-group, when it is first launched: on
 * PoCL, and nowhere else, the plan launches each of its kernels once, on a queue and a buffer of 1 MiB of its own and
 * on next to no work, and waits, so that no enqueue compiles. A plan is immutable and shares compiled kernels with
 * other plans of its context.
 * *plan is NULL on failure.
 *   INVALID_ARGUMENT  a null pointer; passes with unknown bits, or none; struct_size, scale, align, a flag or the shape
 *                     of the mask or of the slopes not allowed
 *   INVALID_SIZE      a size out of the range above, Hq not a multiple of Hk, a tensor of more than 2^58 elements
 *   DEVICE_LIMIT      not even the smallest configuration fits the device, or it cannot run the engine that was forced
 *   BUILD_FAILED      clattn_last_error holds the log
 *   OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_plan_create(clattn_context *context, const clattn_problem *problem, unsigned passes,
                                            clattn_plan **plan);

/* NULL is ignored. Work that was enqueued with the plan may still be running. */
CLATTN_API void clattn_plan_destroy(clattn_plan *plan);

/* Bytes of device workspace that a call needs, whatever M is. Forward 0, or, where the keys are split
 * (clattn_problem.kv_splits), 4 B Hq N (Dv + 2) for each part, with Dv rounded up to a multiple of 4; only problems
 * with few queries are split without being asked to, into parts of 256 keys or more, so that their workspace is at most
 * about Hq N / (256 Hk) of what K and V take in 16 bits. Backward at most 4 B Hq N, and in 16 bits 4 B Hq N (1 + D),
 * which is needed on CPUs where key heads are enough to keep the compute units busy. Engine nvidia_wgmma takes 512 B +
 * 256 more for each kernel of its own: one of the forward, two of the backward.
 *   INVALID_ARGUMENT  a null pointer, or pass neither CLATTN_FORWARD nor CLATTN_BACKWARD (any of its bits) */
CLATTN_API clattn_status clattn_plan_workspace_size(const clattn_plan *plan, unsigned pass, size_t *bytes);

/* The plan for people: one line a kernel with engine, tiles requested and used, local memory, where the tiles come from
 * ("built-in table", or "tuned on this device" by clattn_tune), and build options.
 * Lives as long as the plan; "" for NULL. */
CLATTN_API const char *clattn_plan_describe(const clattn_plan *plan);

/* ---- 5. Enqueue: the caller's queue and buffers ---- */

/* A tensor (B,H,rows,depth) inside a buffer, or in shared virtual memory. Element (b,h,r,d) is at
 *
 *   mem[offset + b stride[0] + h stride[1] + r stride[2] + d stride[3]]
 *
 * offset and strides count elements. All four strides 0: contiguous in the order above; otherwise a stride[3] of 0 is
 * 1. So (B,H,N,D), (B,N,H,D), packed Q K V and sub-views need no copy. Strides of inputs may be 0 (broadcast). Engines
 * need a last dimension that is contiguous, so far: another stride[3] is refused, unless that dimension is of one.
 *
 * `svm` is given in place of `mem`: an address in memory of clSVMAlloc, a multiple of 16, on a device that has
 * coarse-grained buffer SVM or better (CL_DEVICE_SVM_CAPABILITIES). OpenCL does not tell how large that memory is, nor
 * whose: that the tensor lies in it, and that it is of the plan's context, is for the caller to see. Overlap is judged
 * by addresses; a buffer that was made on the same memory is not recognised as that. */
typedef struct clattn_tensor {
    cl_mem mem;
    size_t offset;
    size_t stride[4];
    void *svm;
} clattn_tensor;

/* The tensors of a call. Every one lies within its buffer; outputs share no element with each other, with themselves,
 * or with an input of the call (views that interleave without sharing are legal). A tensor that the call does not use
 * is left zero or ignored. Buffers belong to the caller and must live until the work is done. */
typedef struct clattn_tensors {
    size_t struct_size;       /* sizeof(clattn_tensors) */
    clattn_tensor q;          /* in   (B,Hq,N,D) */
    clattn_tensor k;          /* in   (B,Hk,M,D) */
    clattn_tensor v;          /* in   (B,Hk,M,Dv) */
    clattn_tensor mask;       /* in   clattn_score.mask_dim, bytes; when the problem has a mask */
    clattn_tensor kv_lengths; /* in   (B) int32, stride[0] between them (0: 1); when the problem has key lengths */
    clattn_tensor out;        /* forward: out, backward: in   (B,Hq,N,Dv) */
    clattn_tensor lse;  /* forward: out (NULL: not wanted), backward: in   (B,Hq,N) float32, natural log; its first
                                 three strides are those of B, Hq and N */
    clattn_tensor dout; /* backward: in   (B,Hq,N,Dv), the gradient of out */
    clattn_tensor dq;   /* backward: out  (B,Hq,N,D), when the plan has CLATTN_BACKWARD_DQ */
    clattn_tensor dk;   /* backward: out  (B,Hk,M,D), when the plan has CLATTN_BACKWARD_DK */
    clattn_tensor dv;   /* backward: out  (B,Hk,M,Dv), when the plan has CLATTN_BACKWARD_DV */

    clattn_tensor alibi; /* in   clattn_score.alibi_dim, float32, its first two strides; when the problem has slopes */
} clattn_tensors;

/* clang-format off */
#define CLATTN_NO_TENSOR {NULL, 0, {0, 0, 0, 0}, NULL}
/* clang-format on */
#define CLATTN_TENSORS_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(clattn_tensors), CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,                \
            CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,                  \
            CLATTN_NO_TENSOR, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR                                                       \
    }
CLATTN_API void clattn_tensors_init(clattn_tensors *tensors, size_t struct_size);

/* Enqueue a pass on `queue`, in order or out of order. The call never waits for the device, builds nothing, and
 * allocates no device memory. The work starts after the `wait_count` events of `wait_list` (NULL and 0: none); *event,
 * unless `event` is NULL, completes with it and is the caller's to release. `workspace` is a read-write buffer of
 * clattn_plan_workspace_size bytes that nothing else touches until then (NULL where that is 0).
 *
 * A workspace begins at a multiple of 16 bytes, and a tensor's buffer at one of its element's size: OpenCL's own memory
 * does; of a sub-buffer its origin has to, and of host memory (CL_MEM_USE_HOST_PTR) its address.
 *
 * Forward reads q, k, v, mask, kv_lengths, alibi; writes out and lse.
 * Backward (FlashAttention-2, Algorithm 2) reads also out, lse and dout, and writes every gradient of the plan. lse is
 * not differentiated.
 *
 * On failure nothing is enqueued, with one exception: where OpenCL itself refuses a later kernel of the same call,
 * earlier ones may run, and outputs then hold no result.
 *   INVALID_ARGUMENT  a null pointer, a tensor missing, or with a mem and an svm, or with an svm or a stride[3] that
 *                     cannot be, a wait list that does not fit its count or holds a NULL, a buffer that is not aligned
 *                     as told above
 *   BUFFER_TOO_SMALL  a tensor or the workspace reaches past the end of its buffer
 *   OVERLAP           an output shares elements as told above
 *   WRONG_CONTEXT     the queue or a buffer is not of the plan's context, or the queue is of another device
 *   NOT_PLANNED       the plan has no such pass
 *   OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_enqueue_forward(const clattn_plan *plan, cl_command_queue queue,
                                                const clattn_tensors *tensors, cl_mem workspace, cl_uint wait_count,
                                                const cl_event *wait_list, cl_event *event);
CLATTN_API clattn_status clattn_enqueue_backward(const clattn_plan *plan, cl_command_queue queue,
                                                 const clattn_tensors *tensors, cl_mem workspace, cl_uint wait_count,
                                                 const cl_event *wait_list, cl_event *event);

/* ---- 6. Layer: multi-head attention with its projections ---- */

/* The layer of a transformer, from hidden states to hidden states:
 *
 *   Q = x wq^T + bq       K, V = context wkv^T + bkv       O = softmax(scale Q K^T, masked) V, head by head
 *   out = O wo^T + bo
 *
 * E is dim, C context_dim, H heads, Hk kv_heads, D dim_head. Weights are (out, in), rows one after the other, as
 * PyTorch's nn.Linear keeps them; heads are side by side in their rows:
 *
 *   x (B,N,E)    wq (H D, E)         row h D + d is component d of query head h       bq (H D)
 *   context (B,M,C)  wkv (2 Hk D, C) first all rows of K, then all of V, head by head  bkv (2 Hk D)
 *   out (B,N,E)  wo (E, H D)                                                           bo (E)
 *
 * Everything is float32 and contiguous; offsets count elements. Projections are done by CLBlast, straight on the
 * caller's buffers; docs/layer.md shows what goes where and what CLBlast does besides. CLBlast counts in 32 bits: no
 * tensor, nor `saved`, nor the workspace may reach past element 2^31 - 1 of its buffer.
 *
 * Rows of the context that are padding in every head (clattn_problem) reach neither out nor a gradient, whatever they
 * hold, NaN and infinity included; their dcontext is 0. A query that sees no key in any head gives bo (0 without): its
 * row of x reaches nothing, its row of dout dbo alone. Without a context, a row of x that is padding as a key is still a
 * query: where it sees keys, what it holds is in its own row of out and in all gradients. */
typedef struct clattn_layer {
    size_t struct_size;  /* sizeof(clattn_layer) */
    int64_t batch;       /* B >= 1 */
    int64_t len;         /* N >= 1 */
    int64_t context_len; /* M; 0: there is no context, keys and values come from x, and M = N */
    int64_t dim;         /* E >= 1 */
    int64_t context_dim; /* C; 0: E, and nothing else where there is no context */
    int64_t heads;       /* H; 0: 8 */
    int64_t kv_heads;    /* Hk, a divisor of H; 0: H */
    int64_t dim_head;    /* D, up to CLATTN_MAX_HEAD_DIM; 0: 64, whatever E is */

    /* As in clattn_problem. */
    int kv_lengths;
    int64_t q_tile, k_tile;
    clattn_score score; /* of N queries, M keys, H heads, D dim_head */
} clattn_layer;

#define CLATTN_LAYER_INIT                                                                                              \
    {                                                                                                                  \
        sizeof(clattn_layer), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, CLATTN_DEFAULT_SCORE                                    \
    }
CLATTN_API void clattn_layer_init(clattn_layer *layer, size_t struct_size);

/* Weights as nn.Linear draws them: uniform within +-1/sqrt(fan in), fan in being E for wq and bq, C for wkv and bkv,
 * H D for wo and bo. Arrays of the host, each written whole or NULL; the same seed gives the same numbers on every
 * machine, whichever of the others are NULL.
 *   INVALID_ARGUMENT, INVALID_SIZE  of the layer, as for a plan; batch and len may be 0 here */
CLATTN_API clattn_status clattn_layer_init_weights(const clattn_layer *layer, uint64_t seed, float *wq, float *bq,
                                                   float *wkv, float *bkv, float *wo, float *bo);

typedef struct clattn_layer_plan clattn_layer_plan;

/* Checks the layer, plans its attention, and has CLBlast compile what the projections need by running each once on a
 * scratch buffer (tens of seconds on some CPU drivers the first time). `passes` is CLATTN_FORWARD, CLATTN_BACKWARD or
 * both; which gradients are computed is told with each call. *plan is NULL on failure.
 *   INVALID_ARGUMENT  as for clattn_plan_create; passes with only some bits of CLATTN_BACKWARD
 *   INVALID_SIZE      a size out of range, a tensor of 2^31 elements or more
 *   NO_CLBLAST        the library was built without it
 *   DEVICE_LIMIT, BUILD_FAILED, OPENCL_ERROR, OUT_OF_MEMORY  as for clattn_plan_create */
CLATTN_API clattn_status clattn_layer_plan_create(clattn_context *context, const clattn_layer *layer, unsigned passes,
                                                  clattn_layer_plan **plan);
CLATTN_API void clattn_layer_plan_destroy(clattn_layer_plan *plan); /* NULL is ignored */

/* The plan for people: each projection's sizes, and the plans of its attention. Lives as long as the plan; "" for
 * NULL. */
CLATTN_API const char *clattn_layer_plan_describe(const clattn_layer_plan *plan);

/* Bytes of workspace of a call, aligned as that of clattn_enqueue_forward; `pass` is CLATTN_FORWARD or CLATTN_BACKWARD.
 * 0 for a pass that is not planned. Calls that run one after the other can share a workspace.
 *   INVALID_ARGUMENT  a null pointer, another pass */
CLATTN_API clattn_status clattn_layer_workspace_size(const clattn_layer_plan *plan, unsigned pass, size_t *bytes);

/* Bytes of `saved`: what forward keeps for backward, one float32 after the other
 *
 *   Q (B,N,H,D)   K and V (B,M,2,Hk,D)   O (B,N,H,D)   L (B,H,N)
 *
 *   INVALID_ARGUMENT  a null pointer */
CLATTN_API clattn_status clattn_layer_saved_size(const clattn_layer_plan *plan, size_t *bytes);

/* A contiguous tensor inside a buffer; offset in elements. */
typedef struct clattn_block {
    cl_mem mem;
    size_t offset;
} clattn_block;

/* The tensors of a call; rules as for clattn_tensors. mem NULL is "absent". A context or dcontext for a layer without a
 * context is INVALID_ARGUMENT. */
typedef struct clattn_layer_tensors {
    size_t struct_size; /* sizeof(clattn_layer_tensors) */
    /* backward: 1: gradients of weights and biases are added to what their buffers hold (not dx and dcontext) */
    int accumulate;
    clattn_block x;           /* in   (B,N,E) */
    clattn_block context;     /* in   (B,M,C); where the layer has one */
    clattn_tensor mask;       /* in   mask_dim, bytes; where the layer has one */
    clattn_tensor kv_lengths; /* in   (B) int32; where the layer has them */
    clattn_block wq, wkv, wo; /* in   weights, as above */
    clattn_block bq, bkv, bo; /* in   biases, forward only; absent: none */
    clattn_block out;         /* forward: out  (B,N,E) */
    clattn_block saved;       /* forward: out, backward: in   clattn_layer_saved_size; forward, absent: inference */
    clattn_block dout;        /* backward: in   (B,N,E), the gradient of out */

    /* backward: out; what is absent is not computed. Shapes of what they are the gradients of. */
    clattn_block dx;       /* where there is no context, of both ways into the layer */
    clattn_block dcontext; /* where the layer has a context */
    clattn_block dwq, dwkv, dwo;
    clattn_block dbq, dbkv, dbo;

    clattn_tensor alibi; /* in   as in clattn_tensors; where the layer has slopes */
} clattn_layer_tensors;

/* clang-format off */
#define CLATTN_NO_BLOCK {NULL, 0}
/* clang-format on */
#define CLATTN_LAYER_TENSORS_INIT                                                                                      \
    {                                                                                                                  \
        sizeof(clattn_layer_tensors), 0, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_TENSOR, CLATTN_NO_TENSOR,         \
            CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK,      \
            CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK,      \
            CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_BLOCK, CLATTN_NO_TENSOR      \
    }
CLATTN_API void clattn_layer_tensors_init(clattn_layer_tensors *tensors, size_t struct_size);

/* Enqueue a pass of the layer: as clattn_enqueue_forward and clattn_enqueue_backward, with the same statuses, and
 * no gradient at all is INVALID_ARGUMENT. CLBlast takes no wait list, so barriers are enqueued between its calls: on an
 * out-of-order queue, commands that are enqueued later wait for parts of the pass, and only *event for all of it.
 *
 * Backward reads what forward read (biases excepted) and `saved`; mask, kv_lengths, slopes and sizes must be the same. */
CLATTN_API clattn_status clattn_layer_enqueue_forward(const clattn_layer_plan *plan, cl_command_queue queue,
                                                      const clattn_layer_tensors *tensors, cl_mem workspace,
                                                      cl_uint wait_count, const cl_event *wait_list, cl_event *event);
CLATTN_API clattn_status clattn_layer_enqueue_backward(const clattn_layer_plan *plan, cl_command_queue queue,
                                                       const clattn_layer_tensors *tensors, cl_mem workspace,
                                                       cl_uint wait_count, const cl_event *wait_list, cl_event *event);

/* ---- 7. Runner: the same on arrays of the host ---- */

/* Every OpenCL device of every platform, in the loader's order: writes the first `capacity` of them to `devices` (may
 * be NULL with capacity 0) and how many there are to *count. A platform or device that fails to answer is passed over,
 * and so is a device that clattn_context_create refuses with DEVICE_LIMIT; `clattn devices` names them. No platform at
 * all is count 0, not an error.
 *   INVALID_ARGUMENT
 *   OPENCL_ERROR, OUT_OF_MEMORY  also: nothing is left, and this is how the first that was passed over failed */
CLATTN_API clattn_status clattn_list_devices(cl_device_id *devices, size_t capacity, size_t *count);

/* One of them. `which` is NULL or "" for the best (the first GPU, else the first accelerator, else the first device),
 * an index into that list, or text that occurs in the device's or its platform's name, whatever the case (the first
 * such; of a name's first 127 bytes).
 *   INVALID_ARGUMENT  device is NULL
 *   NO_DEVICE         nothing fits; the error names what there is, or why it cannot be used
 *   OPENCL_ERROR, OUT_OF_MEMORY */
CLATTN_API clattn_status clattn_find_device(const char *which, cl_device_id *device);

/* A runner owns a device, a context, a queue and, while it works, the device buffers. */
typedef struct clattn_runner clattn_runner;

/* `which` as above, `options` as for a context. Errors: those of clattn_find_device and clattn_context_create. */
CLATTN_API clattn_status clattn_runner_create(const char *which, const clattn_options *options, clattn_runner **runner);
CLATTN_API void clattn_runner_destroy(clattn_runner *runner); /* NULL is ignored */

/* The runner's context and device, to ask about; they live as long as the runner. NULL for NULL. */
CLATTN_API clattn_context *clattn_runner_context(clattn_runner *runner);
CLATTN_API cl_device_id clattn_runner_device(const clattn_runner *runner);

/* An array of the host, with clattn_tensor's strides; the first element is data[0]. What is only ever read has a type
 * of its own, so that a program hands in what it must not write without a cast, and cannot hand it in as an output. */
typedef struct clattn_array {
    void *data;
    size_t stride[4];
} clattn_array;

typedef struct clattn_const_array {
    const void *data;
    size_t stride[4];
} clattn_const_array;

/* As clattn_tensors, member for member. Outputs that are NULL are not computed. */
typedef struct clattn_arrays {
    size_t struct_size; /* sizeof(clattn_arrays) */
    clattn_const_array q, k, v, mask, kv_lengths;
    clattn_array out, lse; /* a backward reads them, unless it runs the forward itself */
    clattn_const_array dout;
    clattn_array dq, dk, dv;
    clattn_const_array alibi;
} clattn_arrays;

/* clang-format off */
#define CLATTN_NO_ARRAY {NULL, {0, 0, 0, 0}} /* of either type */
/* clang-format on */
#define CLATTN_ARRAYS_INIT                                                                                             \
    {                                                                                                                  \
        sizeof(clattn_arrays), CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY,    \
            CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY,      \
            CLATTN_NO_ARRAY                                                                                            \
    }
CLATTN_API void clattn_arrays_init(clattn_arrays *arrays, size_t struct_size);

/* What a run took; filled on success. */
typedef struct clattn_run_info {
    size_t struct_size;      /* sizeof(clattn_run_info), set by the caller */
    const char *plan;        /* clattn_plan_describe; valid until the runner's next run */
    double plan_seconds;     /* checking, choosing, building: kernel_seconds has none of it */
    double upload_seconds;   /* making the buffers and copying to the device */
    double kernel_seconds;   /* the pass itself, from enqueue to completion */
    double download_seconds; /* copying back */
    size_t device_bytes;     /* all buffers of the run, workspace included */
    size_t workspace_bytes;
} clattn_run_info;

#define CLATTN_RUN_INFO_INIT                                                                                           \
    {                                                                                                                  \
        sizeof(clattn_run_info), NULL, 0.0, 0.0, 0.0, 0.0, 0, 0                                                        \
    }
CLATTN_API void clattn_run_info_init(clattn_run_info *info, size_t struct_size);

/* Run a pass and wait for it. `info` may be NULL. Arrays that are strided are copied as the span from their first to
 * their last element, and only elements of the tensor are written. On failure no output is written.
 * Backward takes out and lse of an earlier forward; where either is NULL, it runs the forward itself first, and writes
 * whichever of the two is not NULL.
 *   INVALID_ARGUMENT  also: an array missing, or no gradient asked for
 *   and the errors of clattn_plan_create and clattn_enqueue_forward (OVERLAP is judged by host addresses) */
CLATTN_API clattn_status clattn_run_forward(clattn_runner *runner, const clattn_problem *problem,
                                            const clattn_arrays *arrays, clattn_run_info *info);
CLATTN_API clattn_status clattn_run_backward(clattn_runner *runner, const clattn_problem *problem,
                                             const clattn_arrays *arrays, clattn_run_info *info);

/* As clattn_layer_tensors, member for member, every array contiguous (mask, kv_lengths and alibi with strides). */
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
} clattn_layer_arrays;

#define CLATTN_LAYER_ARRAYS_INIT                                                                                       \
    {                                                                                                                  \
        sizeof(clattn_layer_arrays), 0, NULL, NULL, CLATTN_NO_ARRAY, CLATTN_NO_ARRAY, NULL, NULL, NULL, NULL, NULL,    \
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, CLATTN_NO_ARRAY                          \
    }
CLATTN_API void clattn_layer_arrays_init(clattn_layer_arrays *arrays, size_t struct_size);

/* Run a pass of the layer and wait for it; as clattn_run_forward and clattn_run_backward. Backward runs the forward
 * itself first, and writes out where it is not NULL. */
CLATTN_API clattn_status clattn_run_layer_forward(clattn_runner *runner, const clattn_layer *layer,
                                                  const clattn_layer_arrays *arrays, clattn_run_info *info);
CLATTN_API clattn_status clattn_run_layer_backward(clattn_runner *runner, const clattn_layer *layer,
                                                   const clattn_layer_arrays *arrays, clattn_run_info *info);

/* ---- 8. Tuning ---- */

/* Plans take their tiles from a table that is built in, unless clattn_tune has found better ones on the same device and
 * driver: it times what the kernels can do and writes what is fastest to a file in the folder of options.cache_dir. A
 * context reads that file once, with its first plan. A tuned configuration serves problems of the same type, D, Dv,
 * kind of mask, causality and sharing of tiles by heads; among those of other lengths, batches and heads the nearest is
 * taken. q_tile and k_tile come first: a configuration that exceeds them is not used. docs/tuning.md tells more. */

/* How far a search is; times of one run of the kernel, backward with the small kernel that goes before it. */
typedef struct clattn_tune_progress {
    size_t struct_size;     /* the library's: what a later header has behind it is not there */
    const char *kernel;     /* as clattn_plan_describe names it: "forward", .. */
    size_t done, known;     /* configurations of this kernel that were tried, and that are known so far */
    double seconds, budget; /* of searching for this kernel: spent so far, and in all */
    double builtin_seconds, best_seconds;
} clattn_tune_progress;

typedef struct clattn_tune_options {
    size_t struct_size; /* sizeof(clattn_tune_options) */
    /* How long to try configurations, shared equally by the kernels; 0: 60. What is being built or run then is
     * finished; setting the problem up, and building and timing what a plan uses without tuning, come on top. */
    double seconds;
    /* Called before each configuration, by the calling thread; may be NULL. Anything but 0 ends the search as the end
     * of its time does. */
    int (*progress)(void *user, const clattn_tune_progress *progress);
    void *user;
} clattn_tune_options;

#define CLATTN_TUNE_OPTIONS_INIT                                                                                       \
    {                                                                                                                  \
        sizeof(clattn_tune_options), 0.0, NULL, NULL                                                                   \
    }
CLATTN_API void clattn_tune_options_init(clattn_tune_options *options, size_t struct_size);

/* What was found for one kernel. */
typedef struct clattn_tuned_kernel {
    const char *kernel;     /* as above */
    double builtin_seconds; /* medians of the two, one after the other */
    double best_seconds;
    int is_builtin;          /* 1: nothing was faster by more than 2 percent */
    size_t tried, refused;   /* configurations; refused: not built, not run, or not right */
    char configuration[256]; /* the fastest: "TILE_ROWS=64 TILE_COLS=64 ..." */
    char engine[16];         /* "simt", .. */
} clattn_tuned_kernel;

/* What was found. The kernels are an array of the caller's, whose elements are as large as its header makes them. */
typedef struct clattn_tune_result {
    size_t struct_size;           /* sizeof(clattn_tune_result) */
    int stopped;                  /* out  1: by the progress callback */
    clattn_tuned_kernel *kernels; /* in   where to write; NULL: nowhere */
    size_t capacity;              /* in   of kernels; 0 with NULL */
    size_t kernel_size;           /* in   sizeof(clattn_tuned_kernel), what lies between two of them */
    size_t count;                 /* out  of kernels that were tuned, also where capacity is less; at most 4 yet */
} clattn_tune_result;

#define CLATTN_TUNE_RESULT_INIT                                                                                        \
    {                                                                                                                  \
        sizeof(clattn_tune_result), 0, NULL, 0, 0, 0                                                                   \
    }
CLATTN_API void clattn_tune_result_init(clattn_tune_result *result, size_t struct_size);

/* Searches for the fastest configuration of each kernel of `passes` for this problem, on a queue and buffers of its
 * own, with random tensors. Each candidate's results are compared with the built-in configuration's before it is timed.
 * What is found is written to the file, kernel by kernel, and used by plans that the context makes from then on; of a
 * kernel for which nothing but the built-in configuration was tried, nothing is written. `options` may be NULL; q_tile
 * and k_tile of the problem are ignored. `result` may be NULL, and is written on success only.
 *
 * Unlike an enqueue, this call waits, builds and allocates device memory: all tensors of the problem, and on the host
 * the same again twice. Nothing else should use the device meanwhile. Several threads or processes may tune at once as
 * far as the file goes, the last writer winning, but not for times that mean anything.
 *   INVALID_ARGUMENT  as for clattn_plan_create; options or result that do not fit the library (section 2), kernels
 *                     NULL with a capacity or with a kernel_size of no version; seconds negative or not finite; the
 *                     context has no folder, or the file cannot be written
 *   and the errors of clattn_plan_create and clattn_enqueue_forward */
CLATTN_API clattn_status clattn_tune(clattn_context *context, const clattn_problem *problem, unsigned passes,
                                     const clattn_tune_options *options, clattn_tune_result *result);

/* The file of tuned configurations of the context's device and driver, whether it exists or not; "" where the context
 * has no folder, and for NULL. Lives as long as the context. */
CLATTN_API const char *clattn_tune_file(const clattn_context *context);

#ifdef __cplusplus
}
#endif

#endif /* CLATTN_H */
