/* SPDX-License-Identifier: Apache-2.0 */
#include "lie.h"

#include <CL/cl_layer.h>
#include <stdlib.h>
#include <string.h>

/* Exported from the shared module. */
extern const struct lie_control lie_control;

static struct _cl_icd_dispatch layer;       /* called by the loader */
static const struct _cl_icd_dispatch *next; /* called by the layer */

/* ---- what is played: set by one thread, between calls ---- */

static const struct lie_profile truth;
static const struct lie_profile *profile = &truth;
static enum lie_plant plant;
static int is_beside;

static struct {
    cl_int error;
    int behind, alone;
} broken;

/* Handles of the invented platform and device: the layer answers all queries on them, and no driver
 * sees them. */
static char broken_handle, beside_handle;
#define BROKEN_PLATFORM ((cl_platform_id)(void *)&broken_handle)
#define BESIDE_DEVICE ((cl_device_id)(void *)&beside_handle)
static cl_device_id real_device; /* answers for the added device where the profile has no value */

/* The profile for queries on a device. */
static const struct lie_profile *profile_of(cl_device_id device)
{
    return is_beside && device != BESIDE_DEVICE ? &truth : profile;
}

/* The profile of the devices that run kernels. */
static const struct lie_profile *played(void)
{
    return is_beside ? &truth : profile;
}

static void play(const struct lie_profile *chosen)
{
    profile = chosen != NULL ? chosen : &truth;
}

static void set_beside(int value)
{
    is_beside = value;
}

static void set_broken(cl_int error, int behind, int alone)
{
    broken.error = error;
    broken.behind = behind;
    broken.alone = alone;
}

static void set_plant(enum lie_plant chosen)
{
    plant = chosen;
}

/* ---- platforms and devices ---- */

static cl_int answer(const void *from, size_t have, size_t room, void *to, size_t *needed)
{
    if (needed != NULL) {
        *needed = have;
    }
    if (to != NULL && room < have) {
        return CL_INVALID_VALUE;
    }
    if (to != NULL) {
        memcpy(to, from, have);
    }
    return CL_SUCCESS;
}

static cl_int CL_API_CALL get_platforms(cl_uint room, cl_platform_id *list, cl_uint *count)
{
    const int more = broken.error != CL_SUCCESS, before = more && !broken.behind;
    cl_uint real = 0;
    cl_int error = next->clGetPlatformIDs(0, NULL, &real);

    if (!error && list != NULL && room > (cl_uint)before) {
        error = next->clGetPlatformIDs(room - (cl_uint)before, list + before, NULL);
    }
    if (!error && list != NULL && more && (before || real < room)) {
        list[before ? 0 : real] = BROKEN_PLATFORM;
    }
    if (count != NULL) {
        *count = real + (cl_uint)more;
    }
    return error;
}

static cl_int CL_API_CALL get_platform_info(cl_platform_id platform, cl_platform_info what, size_t room, void *value,
                                            size_t *needed)
{
    static const char name[] = "Broken Platform";

    return platform == BROKEN_PLATFORM ? answer(name, sizeof name, room, value, needed)
                                       : next->clGetPlatformInfo(platform, what, room, value, needed);
}

static cl_int CL_API_CALL get_devices(cl_platform_id platform, cl_device_type type, cl_uint room, cl_device_id *list,
                                      cl_uint *count)
{
    cl_uint real = 0;
    cl_int error;

    if (platform == BROKEN_PLATFORM) {
        return broken.error;
    }
    if (broken.alone) {
        return CL_DEVICE_NOT_FOUND;
    }
    error = next->clGetDeviceIDs(platform, type, 0, NULL, &real);
    if (error || real == 0) {
        return error;
    }
    error = next->clGetDeviceIDs(platform, type, 1, &real_device, NULL);
    if (!error && list != NULL && room > (cl_uint)is_beside) {
        error = next->clGetDeviceIDs(platform, type, room - (cl_uint)is_beside, list + is_beside, NULL);
    }
    if (!error && list != NULL && is_beside) {
        list[0] = BESIDE_DEVICE;
    }
    if (count != NULL) {
        *count = real + (cl_uint)is_beside;
    }
    return error;
}

/* ---- what a device says ---- */

static cl_int answer_name(const struct lie_profile *of, size_t room, void *value, size_t *needed)
{
    const size_t length = of->name_text != NULL ? strlen(of->name_text) : of->name_length;
    char *name = malloc(length + 1);
    cl_int error;

    if (name == NULL) {
        return CL_OUT_OF_HOST_MEMORY;
    }
    memset(name, 'A', length);
    if (of->name_text != NULL) {
        memcpy(name, of->name_text, length);
    }
    name[length] = '\0';
    error = answer(name, length + 1, room, value, needed);
    free(name);
    return error;
}

/* Answers CL_DEVICE_MAX_WORK_ITEM_SIZES: the profile's along the first dimension, 1 along the
 * others. */
static cl_int answer_items(const struct lie_profile *of, size_t room, void *value, size_t *needed)
{
    const size_t items[3] = {of->items, 1, 1};

    return answer(items, sizeof items, room, value, needed);
}

static cl_int CL_API_CALL get_device_info(cl_device_id device, cl_device_info what, size_t room, void *value,
                                          size_t *needed)
{
    const struct lie_profile *of = profile_of(device);
    const cl_bool no = CL_FALSE;
    const cl_ulong local = of->local_bytes;
    const cl_device_fp_config rounding = CL_FP_ROUND_TO_ZERO;
    const struct {
        cl_device_info what;
        int says;
        const void *value;
        size_t bytes;
    } lies[] = {
        {CL_DEVICE_TYPE, of->type != 0, &of->type, sizeof of->type},
        {CL_DEVICE_LOCAL_MEM_SIZE, local != 0, &local, sizeof local},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, of->group != 0, &of->group, sizeof of->group},
        {CL_DEVICE_MAX_PARAMETER_SIZE, of->parameters != 0, &of->parameters, sizeof of->parameters},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, of->alloc_bytes != 0, &of->alloc_bytes, sizeof of->alloc_bytes},
        {CL_DEVICE_MAX_COMPUTE_UNITS, of->units != 0, &of->units, sizeof of->units},
        {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, of->width != 0, &of->width, sizeof of->width},
        {CL_DEVICE_ADDRESS_BITS, of->bits != 0, &of->bits, sizeof of->bits},
        {CL_DEVICE_COMPILER_AVAILABLE, of->no_compiler, &no, sizeof no},
        {CL_DEVICE_AVAILABLE, of->not_available, &no, sizeof no},
        {CL_DEVICE_ENDIAN_LITTLE, of->big_endian, &no, sizeof no},
        {CL_DEVICE_SINGLE_FP_CONFIG, of->no_infinities, &rounding, sizeof rounding},
        {CL_DEVICE_EXTENSIONS, of->no_extensions, "", 1},
    };

    for (size_t n = 0; n < sizeof lies / sizeof *lies; n++) {
        if (lies[n].what == what && lies[n].says) {
            return answer(lies[n].value, lies[n].bytes, room, value, needed);
        }
    }
    if (what == CL_DEVICE_NAME && (of->name_length != 0 || of->name_text != NULL)) {
        return answer_name(of, room, value, needed);
    }
    if (what == CL_DEVICE_MAX_WORK_ITEM_SIZES && of->items != 0) {
        return answer_items(of, room, value, needed);
    }
    return next->clGetDeviceInfo(device == BESIDE_DEVICE ? real_device : device, what, room, value, needed);
}

/* The most work-items in a work-group of a kernel. */
static size_t most_items(size_t otherwise)
{
    size_t most = otherwise;

    most = played()->group != 0 && played()->group < most ? played()->group : most;
    return played()->kernel_group != 0 && played()->kernel_group < most ? played()->kernel_group : most;
}

static cl_int CL_API_CALL get_kernel_info(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what,
                                          size_t room, void *value, size_t *needed)
{
    const cl_int error = next->clGetKernelWorkGroupInfo(kernel, device, what, room, value, needed);

    if (!error && what == CL_KERNEL_WORK_GROUP_SIZE && value != NULL) {
        size_t most;

        memcpy(&most, value, sizeof most);
        most = most_items(most);
        memcpy(value, &most, sizeof most);
    }
    return error;
}

/* ---- what it refuses ---- */

static cl_context CL_API_CALL create_context(const cl_context_properties *properties, cl_uint count,
                                             const cl_device_id *devices,
                                             void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *),
                                             void *user, cl_int *error)
{
    if (profile_of(devices[0])->not_available || devices[0] == BESIDE_DEVICE) {
        if (error != NULL) {
            *error = CL_DEVICE_NOT_AVAILABLE;
        }
        return NULL;
    }
    return next->clCreateContext(properties, count, devices, notify, user, error);
}

static cl_int CL_API_CALL build(cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
                                void(CL_CALLBACK *notify)(cl_program, void *), void *user)
{
    return profile_of(devices[0])->no_compiler ? CL_COMPILER_NOT_AVAILABLE
                                               : next->clBuildProgram(program, count, devices, options, notify, user);
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *error)
{
    if (played()->alloc_bytes != 0 && bytes > played()->alloc_bytes) {
        if (error != NULL) {
            *error = CL_INVALID_BUFFER_SIZE;
        }
        return NULL;
    }
    return next->clCreateBuffer(context, flags, bytes, host, error);
}

/* Argument sizes of the most recent kernels. */
enum { MOST_KERNELS = 256, MOST_ARGUMENTS = 16 };

static struct arguments {
    cl_kernel kernel;
    size_t bytes[MOST_ARGUMENTS];
} kernels[MOST_KERNELS];
static size_t kernels_made;

static struct arguments *arguments_of(cl_kernel kernel)
{
    for (size_t n = 0; n < MOST_KERNELS; n++) {
        if (kernels[n].kernel == kernel) {
            return &kernels[n];
        }
    }
    return NULL;
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *error)
{
    const cl_kernel kernel = next->clCreateKernel(program, name, error);
    struct arguments *place = arguments_of(kernel); /* a released kernel may have had the same handle */

    if (kernel != NULL) {
        place = place != NULL ? place : &kernels[kernels_made++ % MOST_KERNELS];
        memset(place, 0, sizeof *place);
        place->kernel = kernel;
    }
    return kernel;
}

static cl_int CL_API_CALL set_argument(cl_kernel kernel, cl_uint index, size_t bytes, const void *value)
{
    struct arguments *arguments = arguments_of(kernel);

    if (arguments != NULL && index < MOST_ARGUMENTS) {
        arguments->bytes[index] = bytes;
    }
    return next->clSetKernelArg(kernel, index, bytes, value);
}

/* The error of a launch that exceeds the profile's limits, or CL_SUCCESS. */
static cl_int refusal(cl_kernel kernel, size_t items, size_t global)
{
    const struct arguments *arguments = arguments_of(kernel);
    const size_t most = plant == LIE_LESS_GROUP ? 1 : most_items(SIZE_MAX);
    const size_t parameters = plant == LIE_LESS_PARAMETERS ? 256 : played()->parameters;
    const size_t local_most = plant == LIE_LESS_LOCAL ? played()->local_bytes / 8 : played()->local_bytes;
    size_t sum = 0;
    cl_ulong local = 0;

    if (next->clGetKernelWorkGroupInfo(kernel, NULL, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL)) {
        return CL_INVALID_KERNEL;
    }
    for (int n = 0; arguments != NULL && n < MOST_ARGUMENTS; n++) {
        sum += arguments->bytes[n];
    }
    return items > most                                      ? CL_INVALID_WORK_GROUP_SIZE
           : played()->items != 0 && items > played()->items ? CL_INVALID_WORK_ITEM_SIZE
           : local_most != 0 && local > local_most           ? CL_OUT_OF_RESOURCES
           : parameters != 0 && sum > parameters             ? CL_OUT_OF_RESOURCES
           : played()->bits == 32 && global >> 16 >> 16 != 0 ? CL_INVALID_GLOBAL_WORK_SIZE
                                                             : CL_SUCCESS;
}

static cl_int CL_API_CALL enqueue(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                  const size_t *global, const size_t *local, cl_uint waits, const cl_event *list,
                                  cl_event *event)
{
    const cl_int error = local != NULL ? refusal(kernel, local[0], global[0]) : CL_SUCCESS;
    size_t run = global[0];

    if (error) {
        return error;
    }
    if (plant == LIE_LOST_GROUP && local != NULL && run > local[0]) {
        run -= local[0];
    }
    return next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, dimensions == 1 ? &run : global, local,
                                        waits, list, event);
}

/* ---- the loader's side ---- */

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t bytes, void *value, size_t *needed)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;

    return what == CL_LAYER_API_VERSION ? answer(&version, sizeof version, bytes, value, needed) : CL_INVALID_VALUE;
}

static void play_from_environment(void)
{
    const char *text = getenv(LIE_ENVIRONMENT);

    if (text == NULL) {
        return;
    }
    if (strncmp(text, "broken:", 7) == 0) {
        broken.error = (cl_int)strtol(text + 7, NULL, 10);
        return;
    }
    is_beside = strncmp(text, "beside:", 7) == 0;
    for (size_t n = 0; n < lie_profile_count; n++) {
        if (strcmp(lie_profiles[n].name, text + (is_beside ? 7 : 0)) == 0) {
            profile = &lie_profiles[n];
        }
    }
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *entries_here,
                                            const cl_icd_dispatch **dispatch)
{
    if (target == NULL || entries_here == NULL || dispatch == NULL || entries < sizeof layer / sizeof(void *)) {
        return CL_INVALID_VALUE;
    }
    next = target;
    memcpy(&layer, target, sizeof layer);
    layer.clGetPlatformIDs = get_platforms;
    layer.clGetPlatformInfo = get_platform_info;
    layer.clGetDeviceIDs = get_devices;
    layer.clGetDeviceInfo = get_device_info;
    layer.clGetKernelWorkGroupInfo = get_kernel_info;
    layer.clCreateContext = create_context;
    layer.clBuildProgram = build;
    layer.clCreateBuffer = create_buffer;
    layer.clCreateKernel = create_kernel;
    layer.clSetKernelArg = set_argument;
    layer.clEnqueueNDRangeKernel = enqueue;
    play_from_environment();
    *entries_here = sizeof layer / sizeof(void *);
    *dispatch = &layer;
    return CL_SUCCESS;
}

static int is_loaded(void)
{
    return next != NULL;
}

const struct lie_control lie_control = {is_loaded, play, set_beside, set_broken, set_plant};
