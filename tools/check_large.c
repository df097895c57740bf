/* SPDX-License-Identifier: Apache-2.0 */
/* A tensor too large for 32-bit indices. Each input element is a hash of its index: a kernel fills
 * the tensor on the device, and the host computes only the sampled rows. */
#include "check_device.h"

#include "check.h"
#include "printf_like.h"

#include <stdarg.h>
#include <string.h>

#define KEYS 64
#define LAUNCH ((size_t)1 << 24) /* work-items per launch of `fill` and `count_nan` */
#define AROUND 4                 /* rows sampled on each side of each boundary */
#define PLACES 4
#define MOST_SAMPLES (2 * AROUND * PLACES)

enum { SEED_Q = 1, SEED_K = 2, SEED_V = 3 };

static const char source[] = "__kernel void fill(__global float *x, ulong first, uint seed) {\n"
                             "    const ulong i = first + get_global_id(0);\n"
                             "    uint h = (uint)i * 0x9e3779b1u ^ ((uint)(i >> 32) + seed) * 0x85ebca6bu;\n"
                             "    h = (h ^ h >> 16) * 0x7feb352du;\n"
                             "    h = (h ^ h >> 15) * 0x846ca68bu;\n"
                             "    h = (h ^ h >> 16) >> 8;\n"
                             "    x[i] = seed == 0u ? as_float(0x7fc00000u) : (float)h * 0x1p-23f - 1.0f;\n"
                             "}\n"
                             "__kernel void count_nan(__global const float *x, ulong first, __global uint *count) {\n"
                             "    if (isnan(x[first + get_global_id(0)])) {\n"
                             "        atomic_inc(count);\n"
                             "    }\n"
                             "}\n";

/* The value of x[i] that `fill` writes: -1 to 1, exact in float. */
static float hash_value(uint64_t i, uint32_t seed)
{
    uint32_t h = (uint32_t)i * 0x9e3779b1u ^ ((uint32_t)(i >> 32) + seed) * 0x85ebca6bu;
    h = (h ^ h >> 16) * 0x7feb352du;
    h = (h ^ h >> 15) * 0x846ca68bu;
    h = (h ^ h >> 16) >> 8;
    return (float)h * 0x1p-23f - 1.0f;
}

typedef struct large {
    const test_device *device;
    size_t rows;
    cl_program program;
    cl_kernel fill, count_nan;
    cl_mem q, k, v, out, lse, dq, workspace, nans; /* q serves as dout too */
    clattn_problem problem;
    size_t sample[MOST_SAMPLES]; /* rows */
    size_t samples;
    large_outcome outcome; /* set, with its text, by the first step that returns false */
    char text[512];
} large;

static bool conclude(large *l, large_outcome outcome, const char *format, ...) PRINTF_LIKE(3, 4);

/* Sets outcome and text; returns false. */
static bool conclude(large *l, large_outcome outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(l->text, sizeof l->text, format, arguments);
    va_end(arguments);
    l->outcome = outcome;
    return false;
}

static bool opencl_good(large *l, const char *what, cl_int error)
{
    return error == CL_SUCCESS || conclude(l, LARGE_FAILED, "%s: OpenCL error %d", what, (int)error);
}

static bool clattn_good(large *l, clattn_status status)
{
    return status == CLATTN_SUCCESS || conclude(l, LARGE_FAILED, "%s", clattn_last_error());
}

/* ---- memory ---- */

static double device_bytes(const large *l, cl_device_info what)
{
    cl_ulong number = 0;
    clGetDeviceInfo(l->device->id, what, sizeof number, &number, NULL);
    return (double)number;
}

/* Whether `tensors` tensors of full size fit: 90% of the device's memory may be used, 50% of memory
 * shared with the host. */
static bool fits(large *l, unsigned tensors)
{
    const double gib = 1024.0 * 1024.0 * 1024.0;
    cl_bool unified = CL_FALSE;
    clGetDeviceInfo(l->device->id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    double tensor = (double)l->rows * LARGE_DIM * sizeof(float);
    double largest = device_bytes(l, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    double all = device_bytes(l, CL_DEVICE_GLOBAL_MEM_SIZE) * (unified ? 0.5 : 0.9);
    if (tensor > largest) {
        return conclude(l, LARGE_SKIPPED, "needs a buffer of %.2f GiB, the device allows %.2f GiB", tensor / gib,
                        largest / gib);
    }
    if (tensors * tensor > all) {
        return conclude(l, LARGE_SKIPPED, "needs %u buffers of %.2f GiB, the device has %.2f GiB for them", tensors,
                        tensor / gib, all / gib);
    }
    return true;
}

/* Runs `fill` or `count_nan` over x[0 .. count - 1]; the kernel's last argument is already set. */
static cl_int run_over(large *l, cl_kernel kernel, cl_mem x, size_t count)
{
    cl_int error = clSetKernelArg(kernel, 0, sizeof x, &x);
    for (size_t first = 0; first < count && error == CL_SUCCESS; first += LAUNCH) {
        cl_ulong from = first;
        size_t items = count - first < LAUNCH ? count - first : LAUNCH;
        error = clSetKernelArg(kernel, 1, sizeof from, &from);
        if (error == CL_SUCCESS) {
            error = clEnqueueNDRangeKernel(l->device->queue, kernel, 1, NULL, &items, NULL, 0, NULL, NULL);
        }
    }
    return error == CL_SUCCESS ? clFinish(l->device->queue) : error;
}

/* Makes a buffer of floats: hashes by `seed`, or NaN if it is 0. Skips the check where memory is
 * short: other programs may use it. */
static bool make_floats(large *l, cl_mem *mem, size_t count, cl_uint seed)
{
    cl_int error = CL_SUCCESS;
    *mem = clCreateBuffer(l->device->cl, CL_MEM_READ_WRITE, count * sizeof(float), NULL, &error);
    if (*mem) {
        error = clSetKernelArg(l->fill, 2, sizeof seed, &seed);
        error = error == CL_SUCCESS ? run_over(l, l->fill, *mem, count) : error;
    }
    if (error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_RESOURCES || error == CL_OUT_OF_HOST_MEMORY) {
        return conclude(l, LARGE_SKIPPED, "no memory for a buffer of %zu bytes: OpenCL error %d", count * sizeof(float),
                        (int)error);
    }
    return opencl_good(l, "filling a buffer", error);
}

static bool build(large *l)
{
    const char *text = source;
    cl_int error = CL_SUCCESS;
    l->program = clCreateProgramWithSource(l->device->cl, 1, &text, NULL, &error);
    if (!l->program || (error = clBuildProgram(l->program, 1, &l->device->id, "", NULL, NULL)) != CL_SUCCESS) {
        return opencl_good(l, "building the filling kernel", error);
    }
    l->fill = clCreateKernel(l->program, "fill", &error);
    l->count_nan = l->fill ? clCreateKernel(l->program, "count_nan", &error) : NULL;
    if (l->count_nan) {
        l->nans = clCreateBuffer(l->device->cl, CL_MEM_READ_WRITE, sizeof(cl_uint), NULL, &error);
    }
    return opencl_good(l, "making the filling kernel", error);
}

static void release(large *l)
{
    cl_mem buffers[] = {l->q, l->k, l->v, l->out, l->lse, l->dq, l->workspace, l->nans};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        if (buffers[i]) {
            clReleaseMemObject(buffers[i]);
        }
    }
    if (l->fill) {
        clReleaseKernel(l->fill);
    }
    if (l->count_nan) {
        clReleaseKernel(l->count_nan);
    }
    if (l->program) {
        clReleaseProgram(l->program);
    }
}

/* ---- comparing ---- */

/* Samples rows around the start, byte 2^32, element 2^31 and the end. */
static void choose_samples(large *l)
{
    const size_t places[PLACES] = {0, ((size_t)1 << 30) / LARGE_DIM, ((size_t)1 << 31) / LARGE_DIM, l->rows};
    for (int i = 0; i < PLACES; i++) {
        for (size_t row = places[i] < AROUND ? 0 : places[i] - AROUND; row < places[i] + AROUND; row++) {
            bool is_new = l->samples == 0 || row > l->sample[l->samples - 1];
            if (row < l->rows && is_new) {
                l->sample[l->samples++] = row;
            }
        }
    }
}

/* Checks that no element is NaN, and reads the sampled rows, `depth` floats each. */
static bool read_samples(large *l, cl_mem mem, size_t depth, float *found)
{
    cl_uint count = 0;
    cl_command_queue queue = l->device->queue;
    cl_int error = clEnqueueWriteBuffer(queue, l->nans, CL_TRUE, 0, sizeof count, &count, 0, NULL, NULL);
    error = error == CL_SUCCESS ? clSetKernelArg(l->count_nan, 2, sizeof l->nans, &l->nans) : error;
    error = error == CL_SUCCESS ? run_over(l, l->count_nan, mem, l->rows * depth) : error;
    error = error == CL_SUCCESS ? clEnqueueReadBuffer(queue, l->nans, CL_TRUE, 0, sizeof count, &count, 0, NULL, NULL)
                                : error;
    for (size_t i = 0; i < l->samples && error == CL_SUCCESS; i++) {
        size_t bytes = depth * sizeof(float);
        error = clEnqueueReadBuffer(queue, mem, CL_TRUE, l->sample[i] * bytes, bytes, found + i * depth, 0, NULL, NULL);
    }
    if (error == CL_SUCCESS && count > 0) {
        return conclude(l, LARGE_FAILED, "%u elements are NaN or were not written", (unsigned)count);
    }
    return opencl_good(l, "reading a result", error);
}

/* Computes the expected samples, each as a problem of one query: forward, or dq where `out` is
 * NULL. */
static bool expect_samples(large *l, double *out, double *lse, double *dq, struct reference_sizes *sizes)
{
    static float k[KEYS * LARGE_DIM];
    static float v[KEYS * LARGE_DIM];
    float q[LARGE_DIM];
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    clattn_problem row = l->problem;
    int bad = 0;
    row.q_len = 1;
    arrays.q.data = arrays.dout.data = q;
    arrays.k.data = k;
    arrays.v.data = v;
    for (size_t i = 0; i < KEYS * LARGE_DIM; i++) {
        k[i] = hash_value(i, SEED_K);
        v[i] = hash_value(i, SEED_V);
    }
    for (size_t i = 0; i < l->samples && !bad; i++) {
        for (size_t d = 0; d < LARGE_DIM; d++) {
            q[d] = hash_value((uint64_t)l->sample[i] * LARGE_DIM + d, SEED_Q);
        }
        bad = out ? reference_forward_row(&row, &arrays, 0, 0, 0, out + i * LARGE_DIM, lse + i, sizes)
                  : reference_dq_row(&row, &arrays, 0, 0, 0, dq + i * LARGE_DIM, sizes);
    }
    return !bad || conclude(l, LARGE_FAILED, "out of host memory");
}

/* Compares the samples of a result; the largest error / tolerance goes to *ratio. */
static bool compare(large *l, enum check_tensor tensor, const struct reference_sizes *sizes, const float *found,
                    const double *expected, size_t depth, double *ratio)
{
    size_t index = 0;
    *ratio = check_compare(tensor, sizes, found, expected, l->samples * depth, &index);
    if (!(*ratio <= 1)) {
        return conclude(l, LARGE_FAILED,
                        "%s: row %zu, column %zu: found %.9g, expected %.9g, error %.3g of the tolerance",
                        check_tensor_name(tensor), l->sample[index / depth], index % depth, (double)found[index],
                        expected[index], *ratio);
    }
    return true;
}

/* ---- the passes ---- */

static clattn_tensors all_tensors(const large *l)
{
    clattn_tensors t = CLATTN_TENSORS_INIT;
    t.q.mem = t.dout.mem = l->q;
    t.k.mem = l->k;
    t.v.mem = l->v;
    t.out.mem = l->out;
    t.lse.mem = l->lse;
    t.dq.mem = l->dq;
    return t;
}

/* Plans and enqueues one pass, and waits for it. */
static bool run_pass(large *l, unsigned pass)
{
    clattn_plan *plan = NULL;
    clattn_tensors tensors = all_tensors(l);
    size_t bytes = 0;
    bool good = clattn_good(l, clattn_plan_create(l->device->context, &l->problem, pass, &plan)) &&
                clattn_good(l, clattn_plan_workspace_size(plan, pass, &bytes)) &&
                (bytes == 0 || make_floats(l, &l->workspace, (bytes + sizeof(float) - 1) / sizeof(float), 0));
    if (good) {
        good = clattn_good(
            l, pass == CLATTN_FORWARD
                   ? clattn_enqueue_forward(plan, l->device->queue, &tensors, l->workspace, 0, NULL, NULL)
                   : clattn_enqueue_backward(plan, l->device->queue, &tensors, l->workspace, 0, NULL, NULL));
        good = opencl_good(l, "waiting for the pass", clFinish(l->device->queue)) && good;
    }
    clattn_plan_destroy(plan);
    return good;
}

static bool check_forward(large *l)
{
    float out[MOST_SAMPLES * LARGE_DIM];
    float lse[MOST_SAMPLES];
    double expected_out[MOST_SAMPLES * LARGE_DIM];
    double expected_lse[MOST_SAMPLES];
    double ratio[2];
    struct reference_sizes sizes = {0};
    bool good = make_floats(l, &l->q, l->rows * LARGE_DIM, SEED_Q) && make_floats(l, &l->k, KEYS * LARGE_DIM, SEED_K) &&
                make_floats(l, &l->v, KEYS * LARGE_DIM, SEED_V) && make_floats(l, &l->out, l->rows * LARGE_DIM, 0) &&
                make_floats(l, &l->lse, l->rows, 0) && run_pass(l, CLATTN_FORWARD) &&
                read_samples(l, l->out, LARGE_DIM, out) && read_samples(l, l->lse, 1, lse) &&
                expect_samples(l, expected_out, expected_lse, NULL, &sizes) &&
                compare(l, CHECK_OUT, &sizes, out, expected_out, LARGE_DIM, &ratio[0]) &&
                compare(l, CHECK_LSE, &sizes, lse, expected_lse, 1, &ratio[1]);
    if (good) {
        conclude(l, LARGE_PASSED, "out %.2g, lse %.2g of the tolerance", ratio[0], ratio[1]);
    }
    return good;
}

static bool check_dq(large *l)
{
    float dq[MOST_SAMPLES * LARGE_DIM];
    double expected[MOST_SAMPLES * LARGE_DIM];
    double ratio = 0;
    struct reference_sizes sizes = {0};
    bool good = fits(l, 3) && make_floats(l, &l->dq, l->rows * LARGE_DIM, 0) && run_pass(l, CLATTN_BACKWARD_DQ) &&
                read_samples(l, l->dq, LARGE_DIM, dq) && expect_samples(l, NULL, NULL, expected, &sizes) &&
                compare(l, CHECK_DQ, &sizes, dq, expected, LARGE_DIM, &ratio);
    if (good) {
        conclude(l, LARGE_PASSED, "dq %.2g of the tolerance", ratio);
    }
    return good;
}

large_outcome check_large(const test_device *device, size_t rows, char *text, size_t text_size)
{
    const clattn_problem initial = CLATTN_PROBLEM_INIT;
    large l;
    memset(&l, 0, sizeof l);
    l.device = device;
    l.rows = rows;
    l.problem = initial;
    l.problem.batch = l.problem.q_heads = l.problem.kv_heads = 1;
    l.problem.q_len = (int64_t)rows;
    l.problem.kv_len = KEYS;
    l.problem.qk_dim = l.problem.v_dim = LARGE_DIM;
    choose_samples(&l);
    bool good = fits(&l, 2) && build(&l) && check_forward(&l);
    large_outcome outcome = l.outcome;
    snprintf(text, text_size, "%s", l.text);
    if (good) {
        size_t used = strlen(text);
        check_dq(&l);
        snprintf(text + used, text_size - used, "; %s%s", l.outcome == LARGE_SKIPPED ? "dq skipped: " : "", l.text);
        outcome = l.outcome == LARGE_FAILED ? LARGE_FAILED : LARGE_PASSED;
    }
    release(&l);
    return outcome;
}
