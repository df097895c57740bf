/* SPDX-License-Identifier: Apache-2.0 */
/* What the host files share. Names with two underscores are the library's own and not exported. */
#ifndef CLATTN_INTERNAL_H
#define CLATTN_INTERNAL_H

#include "clattn.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- status.c: the last error of each thread ---- */

#if defined(__GNUC__)
#define CLATTN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLATTN_PRINTF(text, first)
#endif

/* Records the sentence and returns the status. */
clattn_status clattn__fail(clattn_status status, const char *format, ...) CLATTN_PRINTF(2, 3);
/* The same for a failed OpenCL call, named as in "clCreateBuffer(out)". */
clattn_status clattn__fail_opencl(cl_int error, const char *call);
/* The thread's last error, put aside while something is tried whose failure is none of the caller's. */
struct clattn__error {
    char text[8192];
    cl_int opencl;
};
void clattn__error_keep(struct clattn__error *kept);
void clattn__error_restore(const struct clattn__error *kept);
/* CL_OUT_OF_RESOURCES and so on. */
const char *clattn__opencl_error_name(cl_int error);

/* ---- text.c: strings that grow ---- */

struct clattn__text {
    const clattn_allocator *allocator;
    char *chars; /* NUL-terminated; NULL while empty */
    size_t length, capacity;
    bool failed; /* an allocation did */
};

void clattn__text_add(struct clattn__text *text, const char *format, ...) CLATTN_PRINTF(2, 3);
void clattn__text_free(struct clattn__text *text);

/* ---- memory.c ---- */

void *clattn__allocate(const clattn_allocator *allocator, size_t bytes); /* zeroed; NULL on failure */
void clattn__release(const clattn_allocator *allocator, void *memory);
char *clattn__copy_string(const clattn_allocator *allocator, const char *text);

/* ---- device.c: facts about a device ---- */

struct clattn__device {
    cl_device_type type;
    char name[128], driver[128], platform[128]; /* platform: name and version */
    size_t local_bytes;                         /* of one work-group */
    bool local_probed;                          /* that is more than the device's query says */
    size_t max_group;                           /* work-items in one work-group, which has one dimension */
    cl_uint address_bits;
    int float_width; /* native vector width of float */
    int compute_units;
    cl_ulong max_alloc_bytes, global_bytes;
    bool caches_binaries;    /* the driver keeps compiled kernels on disk itself */
    bool compiles_at_launch; /* and compiles them to their end only when they are launched */
};

/* DEVICE_LIMIT where no kernel of the library could run on it, or be right: the sentence names the device and says why.
 */
clattn_status clattn__device_check(cl_device_id device);
clattn_status clattn__device_query(cl_device_id device, struct clattn__device *facts);
clattn_engine clattn__device_engine(const struct clattn__device *facts);

/* ---- engine.c, whose own header has the rest ---- */

#define CLATTN__ENGINE_PLUS_ONE(name, value, text) +1
enum { CLATTN__ENGINE_COUNT = 0 CLATTN_ENGINE_LIST(CLATTN__ENGINE_PLUS_ONE) };

extern const char *const clattn__engine_names[CLATTN__ENGINE_COUNT];

struct clattn__engine_state { /* of a pass of one that has to be tried */
    bool tried, available;
    char reason[256]; /* why it is not */
};

/* ---- context.c ---- */

struct clattn__program;
struct clattn__tuned_table;

struct clattn_context {
    clattn_allocator allocator;
    cl_context cl;
    cl_device_id id;
    struct clattn__device device;
    clattn_engine engine; /* forced, or AUTO */
    uint64_t max_launch_flops;
    char *cache_dir;     /* NULL: none */
    char *tuned_path;    /* the file of tuned configurations; NULL: none */
    char *build_options; /* "" where the caller has none */
    bool keep_clblast_parameters;
    pthread_mutex_t engines_lock;                                 /* of the next two; taken before `lock` */
    struct clattn__engine_state engines[CLATTN__ENGINE_COUNT][2]; /* forward, gradients */
    char *description;                                            /* NULL: nobody asked */
    pthread_mutex_t lock;                                         /* of those below */
    int references;                                               /* its own and one a plan */
    bool gemm_prepared;                                           /* clattn__gemm_prepare did its work */
    struct clattn__program *programs;                             /* every program built so far */
    struct clattn__tuned_table *tuned;                            /* NULL: not read yet */
};

void clattn__context_retain(clattn_context *context);
void clattn__context_release(clattn_context *context);

/* ---- problem.c ---- */

clattn_status clattn__problem_check(const clattn_problem *problem);

/* ---- config.c: tiles and build options of one kernel ---- */

enum clattn__kernel {
    KERNEL_FORWARD,
    KERNEL_COMBINE,
    KERNEL_DQ,
    KERNEL_DKDV,
    KERNEL_HEAD,
    KERNEL_DELTA, /* this and the next: behind the stages that need them */
    KERNEL_MAPS,
    KERNEL_COUNT
};
enum clattn__mask { MASK_NONE = 0, MASK_FULL = 1, MASK_PADDING = 2 }; /* as in kernels/attention/rows.cl */

struct clattn__config {
    enum clattn__kernel kernel;
    clattn_engine engine;
    clattn_dtype dtype;
    int own, walk;                     /* rows of an owner tile, and of a tile of the walked side */
    int d_pad, dv_pad;                 /* D and Dv rounded up to chunk */
    int chunk;                         /* depth staged at a time for scores */
    int slice;                         /* output depth of one work-group */
    int owner_resident;                /* 1: the owner tile is staged once, whole */
    int tx, ty;                        /* simt: work-items along walked and owner rows */
    int strip, unroll;                 /* simt: walked rows staged at a time for the output; steps of products */
    int few;                           /* simt, nvidia_mma: 1: the schedule for few query rows */
    int lanes, block_rows, block_cols; /* cpu: vector width, register block */
    int stages;                        /* nvidia_wgmma: tiles of a walked tensor that are on their way or in use */
    int turns, owner_registers;        /* 1: two consumers take turns; the owner tile is kept in registers */
    int stay;                          /* 1: a launch has a work-group a compute unit, which take tiles in turn */
    bool apart;                        /* dK and dV have work-groups of their own */
    bool aligned;                      /* the engine does not take all tensors with it (engine.h) */
    int warps;                         /* nvidia_mma: of a work-group */
    bool packed;
    enum clattn__mask mask;
    int long_sums; /* kernels/attention/long_sums.cl: 0, 1: sums are of tiles, or walked rows after which they are settled */
    bool want_dk, want_dv;
    int splits;         /* forward: parts of the keys, 1: all in one; combine: as the forward */
    size_t group_size;  /* work-items of a work-group */
    size_t local_bytes; /* estimate */
};

extern const char *const clattn__kernel_names[KERNEL_COUNT];
/* What its file in kernels/, and the function in it, are called: the kernel's name, or that of another schedule. */
const char *clattn__config_program(const struct clattn__config *config);

/* Whether keys are the owner rows. */
bool clattn__config_keys_own(enum clattn__kernel kernel);
enum clattn__mask clattn__config_mask(const clattn_problem *problem);
/* Query heads that share a tile: 1, or the whole group where queries are few. */
int clattn__config_pack(const clattn_problem *problem);
/* Whether KERNEL_HEAD should make all gradients, instead of KERNEL_DQ and KERNEL_DKDV. */
bool clattn__config_one_walk(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem);
/* The attempt-th best configuration that fits device and problem; false when there is none left. want_dk, want_dv and
 * kernel are given in *config, and to combine, splits. */
bool clattn__config_choose(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                           int attempt, struct clattn__config *config);
/* Completes a configuration whose tunable numbers (fields.h), kernel, want_dk and want_dv are given, from a file or a
 * search: makes its tiles no taller than the problem needs, and fills in what follows. False where the kernels cannot
 * be built with it, a tile exceeds the one that the problem asks for, or the device has too little. */
bool clattn__config_complete(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                             struct clattn__config *config);
/* Whether the kernel works on tiles, so that there is something to tune. */
bool clattn__config_has_tiles(enum clattn__kernel kernel);
/* The build options, in canonical order: compiler argument, cache key and log line in one. */
#define CLATTN__OPTIONS_MAX 512
void clattn__config_options(const struct clattn__config *config, char options[CLATTN__OPTIONS_MAX]);
/* Work-groups that the whole pass takes. */
uint64_t clattn__config_groups(const struct clattn__config *config, const clattn_problem *problem);

/* ---- split.c: a forward whose work-groups share the keys out ---- */

/* Warps that a compute unit has registers for in engine nvidia_mma's schedule for few query rows. */
enum { CLATTN__FEW_MMA_WARPS = 8 };

/* Keys that float32 adds up well enough one by one, of a group of work-items in simt's schedule for few query rows. */
enum { CLATTN__FEW_GROUP_KEYS = 4096 };

/* Parts of the keys for a forward with this tile; 1: it is not split. */
int clattn__split_count(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config);
/* Elements of a row of O in a part: Dv, rounded up. Bytes that all parts take, see kernels/attention/part.cl; 0 where there is
 * but one. */
int clattn__split_depth(const clattn_problem *problem);
size_t clattn__split_bytes(const clattn_problem *problem, int splits);

/* ---- source.c: kernel text ---- */

/* The text of kernels/NAME.cl with everything it includes, and #line marks for the compiler's log. */
clattn_status clattn__source_assemble(const clattn_allocator *allocator, const char *name, struct clattn__text *text);

/* ---- program.c: source and options -> built program, once a context ---- */

struct clattn__program {
    struct clattn__program *next;
    char *key; /* kernel name and options */
    cl_program program;
    size_t warm[2]; /* work-group of the last clattn__warm for small launches, and for large ones */
};

/* Finds or builds the program of kernels/KERNEL.cl, as the engine (AUTO: any) wants it. It belongs to the context. */
clattn_status clattn__program_get(clattn_context *context, clattn_engine engine, const char *kernel,
                                  const char *options, cl_program *program);
/* Takes note that the program is made warm for such launches; true if it was before. */
bool clattn__program_warm(clattn_context *context, cl_program program, bool large, size_t group_size);

/* ---- probe.c: what a device can do beyond what it says ---- */

/* Raises device.local_bytes where a GPU has more. Never an error. */
void clattn__probe(clattn_context *context);
/* Whether a kernel with that much local memory builds, runs and is right. */
bool clattn__probe_local(clattn_context *context, size_t bytes);

/* ---- cache.c: compiled programs on disk ---- */

/* The program, which has the kernel; NULL when the folder has no usable entry for it; never an error. */
cl_program clattn__cache_load(clattn_context *context, const struct clattn__text *source, const char *kernel,
                              const char *options);
void clattn__cache_store(clattn_context *context, const struct clattn__text *source, const char *options,
                         cl_program program);
/* The program's binary for the context's device, or NULL; the caller releases it. */
unsigned char *clattn__program_binary(clattn_context *context, cl_program program, size_t *size);
/* folder/HASH.suffix of `count` texts, or a text that failed. */
struct clattn__text clattn__cache_path(const clattn_allocator *allocator, const char *folder, const char *const *parts,
                                       size_t count, const char *suffix);
/* The default folder, or NULL. */
char *clattn__cache_default_dir(const clattn_allocator *allocator);

/* ---- plan.c ---- */

struct clattn__misfit { /* of a kernel that was built and cannot run; group_size 0: there was none */
    size_t group_size, most_items;
    cl_ulong local_bytes;
};

struct clattn__stage { /* one kernel of the plan */
    bool used;
    bool tuned; /* the configuration is not from the built-in table */
    struct clattn__config config;
    struct clattn__misfit misfit; /* the last that was tried */
    cl_kernel kernel;
    uint64_t groups;
    uint64_t groups_per_launch;
    size_t most_groups; /* in a launch, which take turns at the others; 0: all of it */
};

struct clattn_plan {
    clattn_context *context;
    clattn_problem problem;
    unsigned passes;
    bool one_walk; /* KERNEL_HEAD makes all gradients */
    int pack;
    float scale;
    clattn_engine only; /* the one engine to use, untried; AUTO: as the context says */
    struct clattn__stage stages[KERNEL_COUNT];
    struct clattn__stage fallbacks[KERNEL_COUNT]; /* for calls whose tensors the stage's engine does not take */
    pthread_mutex_t *lock;                        /* arguments of the kernels, from setting to enqueue */
    char *description;
};

/* A plan that uses one engine and no other, whether or not the device is known to run it. */
clattn_status clattn__plan_create_by(clattn_context *context, clattn_engine engine, const clattn_problem *problem,
                                     unsigned passes, clattn_plan **plan);
/* Bytes of the workspace that hold sums and parts of a pass: all but the tensor maps, which lie behind them. */
size_t clattn__workspace_sums(const clattn_plan *plan, unsigned pass);
/* Writes plan->description (describe.c). */
clattn_status clattn__plan_write_description(clattn_plan *plan);
/* Some passes, and no others. */
clattn_status clattn__passes_check(unsigned passes);

/* ---- warm.c ---- */

/* Has a driver that compiles at the first launch compile the stage's kernel now, by a launch that does next to nothing,
 * unless it did so for another plan. */
clattn_status clattn__warm(const clattn_plan *plan, const struct clattn__stage *stage, cl_program program);

/* ---- delta.c ---- */

/* Whether the plan's gradients read delta. */
bool clattn__delta_wanted(const clattn_plan *plan);
/* Whether the stage is dQ's and leaves it in the workspace; and whether the plan's does in every call. */
bool clattn__stage_makes_delta(const struct clattn__stage *stage);
bool clattn__dq_makes_delta(const clattn_plan *plan);

/* ---- maps.c: where an engine with a copy engine finds tensors; launch.h has the rest ---- */

/* Of q, k, v and dout, as in kernels/engines/nvidia_wgmma/tensor_copy.cl; and sets of them that one kernel makes, for each stage its own. */
enum { CLATTN__MAPS_A_BATCH = 4, CLATTN__MAP_SETS = 2, CLATTN__MAP_BYTES = 128 };

/* Whose stages of the plan need maps; AUTO: none do. */
clattn_engine clattn__maps_engine(const clattn_plan *plan);
/* Bytes that the maps of a pass take in the workspace, behind everything else. */
size_t clattn__maps_bytes(const clattn_plan *plan, unsigned pass);

/* ---- tensor.c: views against buffers and each other ---- */

enum clattn__tensor_use { TENSOR_INPUT, TENSOR_OUTPUT };

struct clattn__view {
    const char *name; /* "q" */
    enum clattn__tensor_use use;
    const void *memory; /* what two views must share to overlap: the root buffer */
    int64_t base;       /* byte of the first element in it */
    int64_t run;        /* bytes of one contiguous row */
    int64_t count[3];   /* batches, heads, rows */
    int64_t stride[3];  /* bytes between them */
};

/* Strides for a contiguous (.., heads, rows, depth) where all three are 0. */
void clattn__default_strides(size_t stride[3], int64_t heads, int64_t rows, int64_t depth);
/* Bytes from the first to past the last element, or -1 past 2^62. */
int64_t clattn__view_extent(const struct clattn__view *view);
/* Whether outputs among the views share bytes with any other view or themselves. */
clattn_status clattn__views_check_overlap(const struct clattn__view *views, size_t count);

/* The tensors that a pass of the plan uses, as (member of clattn_tensors or clattn_arrays, shape, use). */
struct clattn__role {
    const char *name;
    size_t index; /* of the tensor among the members: 0 for q, .. */
    enum clattn__tensor_use use;
    bool optional;
    size_t element_bytes;
    int64_t count[3]; /* batches, heads, rows */
    int64_t depth;
};
enum {
    ROLE_Q,
    ROLE_K,
    ROLE_V,
    ROLE_MASK,
    ROLE_KV_LENGTHS,
    ROLE_OUT,
    ROLE_LSE,
    ROLE_DOUT,
    ROLE_DQ,
    ROLE_DK,
    ROLE_DV,
    ROLE_COUNT
};
/* Fills roles[] for a forward or the gradients in `pass`; returns how many. */
size_t clattn__roles(const clattn_problem *problem, unsigned pass, struct clattn__role roles[ROLE_COUNT]);
/* Strides of the role's view, in elements, with 0,0,0 filled in and those of dimensions of size 1 cleared. */
void clattn__role_strides(const struct clattn__role *role, const size_t given[3], size_t stride[3]);

/* ---- place.c: what a caller brings to a call ---- */

clattn_status clattn__check_queue(const clattn_context *context, cl_command_queue queue);
clattn_status clattn__check_wait_list(cl_uint wait_count, const cl_event *wait_list);
/* Fits a tensor to its buffer, and makes its view for the overlap check. */
clattn_status clattn__place_tensor(const clattn_context *context, const struct clattn__role *role,
                                   const clattn_tensor *tensor, struct clattn__view *view);
/* The same for the `needed` bytes of a workspace. */
clattn_status clattn__place_workspace(const clattn_context *context, size_t needed, cl_mem workspace,
                                      struct clattn__view *view);

#endif
