/* SPDX-License-Identifier: Apache-2.0 */
/* A context: one device, its options, the programs built for it. */
#include "api/api.h"

#include "api/trial.h"
#include "base/sizes.h"
#include "opencl/gemm.h"
#include "opencl/program.h"
#include "select/engine.h"
#include "select/tuned.h"

#include <string.h>

/* Refuses options that let a compiler assume that infinity and NaN never occur, or replace exact
 * operations. Hidden scores are infinite, so results would be silently wrong. */
static clattn_status check_build_options(const char *build_options)
{
    static const char *const refused[] = {"-cl-fast-relaxed-math", "-cl-finite-math-only",
                                          "-cl-unsafe-math-optimizations"};
    for (size_t i = 0; build_options && i < ARRAY_SIZE(refused); ++i)
        if (strstr(build_options, refused[i]))
            return clattn__fail(CLATTN_INVALID_ARGUMENT,
                                "options.build_options has %s, with which results are wrong: kernels need infinities "
                                "and exact sums",
                                refused[i]);
    return CLATTN_SUCCESS;
}

/* Copies and checks the caller's options, which may be NULL. */
static clattn_status take_options(const clattn_options *given, clattn_options *options)
{
    *options = (clattn_options)CLATTN_OPTIONS_INIT;
    const clattn_status status =
        given ? clattn__struct_read(CLATTN__STRUCT(clattn_options), "options", given, options) : CLATTN_SUCCESS;
    if (status)
        return status;
    if (!options->allocator.allocate != !options->allocator.release)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "options.allocator has one function; it must have both or neither");
    if (!clattn_engine_name(options->engine))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "options.engine is %d; allowed are AUTO (0) to %s (%d)",
                            (int)options->engine, clattn__engine_names[CLATTN__ENGINE_COUNT - 1],
                            CLATTN__ENGINE_COUNT - 1);
    if (options->keep_clblast_parameters != 0 && options->keep_clblast_parameters != 1)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "options.keep_clblast_parameters is %d; allowed are 0 and 1",
                            options->keep_clblast_parameters);
    return check_build_options(options->build_options);
}

/* Fails if the device does not belong to cl. */
static clattn_status check_device(const clattn_allocator *allocator, cl_context cl, cl_device_id device)
{
    size_t bytes = 0;
    cl_int error = clGetContextInfo(cl, CL_CONTEXT_DEVICES, 0, NULL, &bytes);
    if (error)
        return clattn__fail_opencl(error, "clGetContextInfo(cl)");
    cl_device_id *devices = clattn__allocate(allocator, bytes);
    if (!devices)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the context's %zu devices", bytes / sizeof *devices);
    error = clGetContextInfo(cl, CL_CONTEXT_DEVICES, bytes, devices, NULL);
    bool found = false;
    for (size_t i = 0; !error && i < bytes / sizeof *devices; ++i)
        found = found || devices[i] == device;
    clattn__release(allocator, devices);
    if (error)
        return clattn__fail_opencl(error, "clGetContextInfo(cl)");
    if (!found)
        return clattn__fail(CLATTN_WRONG_CONTEXT, "device is not one of the devices of cl");
    return CLATTN_SUCCESS;
}

static clattn_status choose_cache(clattn_context *context, const char *cache_dir)
{
    if (cache_dir && !*cache_dir)
        return CLATTN_SUCCESS;
    char *folder = cache_dir ? clattn__copy_string(&context->allocator, cache_dir)
                             : clattn__cache_default_dir(&context->allocator);
    if (!folder && cache_dir)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for options.cache_dir");
    if (!folder)
        return CLATTN_SUCCESS;
    struct clattn__text tuned = clattn__tuned_path(context, folder);
    if (cache_dir || !context->device.caches_binaries)
        context->cache_dir = folder;
    else
        clattn__release(&context->allocator, folder);
    if (tuned.failed) {
        clattn__text_free(&tuned);
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the name of the file of tuned configurations");
    }
    context->tuned_path = tuned.chars;
    return CLATTN_SUCCESS;
}

static clattn_status copy_build_options(clattn_context *context, const char *build_options)
{
    context->build_options = clattn__copy_string(&context->allocator, build_options ? build_options : "");
    return context->build_options ? CLATTN_SUCCESS
                                  : clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for options.build_options");
}

/* Hold engines_lock. */
static void describe(clattn_context *context)
{
    const struct clattn__device *device = &context->device;
    const bool cpu = clattn__device_engine(device) == CLATTN_ENGINE_CPU;
    struct clattn__text text = {.allocator = &context->allocator};
    clattn__text_add(&text, "device: %s (%s)\n", device->name, cpu ? "CPU" : "GPU or accelerator");
    clattn__text_add(&text, "platform: %s; driver %s\n", device->platform, device->driver);
    clattn__text_add(&text,
                     "limits: %d compute units, %zu KiB local memory%s, %zu work-items a group, float vectors of %d\n",
                     device->compute_units, device->local_bytes / 1024,
                     device->local_probed ? " (found by trying)" : "", device->max_group, device->float_width);
    clattn__text_add(&text, "memory: %.1f GiB, at most %.1f GiB a buffer\n",
                     (double)device->global_bytes / 1073741824.0, (double)device->max_alloc_bytes / 1073741824.0);
    clattn__engines_describe(context, &text);
    clattn__text_add(&text, "layer: %s%s\n", clattn__gemm_library() ? "projections by " : "",
                     clattn__gemm_library() ? clattn__gemm_library() : "not available, built without CLBlast");
    clattn__text_add(&text, "compiled kernels: %s%s", context->cache_dir ? "kept in " : "in memory only",
                     context->cache_dir        ? context->cache_dir
                     : device->caches_binaries ? " (the driver keeps its own on disk)"
                                               : "");
    clattn__text_add(&text, "\ntuned configurations: %s", context->tuned_path ? context->tuned_path : "no file");
    if (text.failed)
        clattn__text_free(&text);
    context->description = text.chars;
}

static void free_context(clattn_context *context)
{
    const clattn_allocator allocator = context->allocator;
    clattn__programs_release(context);
    clattn__tuned_release(context);
    if (context->cl)
        clReleaseContext(context->cl);
    if (context->id)
        clReleaseDevice(context->id);
    clattn__release(&allocator, context->cache_dir);
    clattn__release(&allocator, context->tuned_path);
    clattn__release(&allocator, context->build_options);
    clattn__release(&allocator, context->description);
    pthread_mutex_destroy(&context->engines_lock);
    pthread_mutex_destroy(&context->lock);
    clattn__release(&allocator, context);
}

static clattn_status retain(clattn_context *context, cl_context cl, cl_device_id device)
{
    cl_int error = clRetainContext(cl);
    if (error)
        return clattn__fail_opencl(error, "clRetainContext(cl)");
    context->cl = cl;
    error = clRetainDevice(device);
    if (error)
        return clattn__fail_opencl(error, "clRetainDevice(device)");
    context->id = device;
    return CLATTN_SUCCESS;
}

static bool init_locks(clattn_context *context)
{
    if (pthread_mutex_init(&context->lock, NULL))
        return false;
    if (pthread_mutex_init(&context->engines_lock, NULL) == 0)
        return true;
    pthread_mutex_destroy(&context->lock);
    return false;
}

clattn_status clattn_context_create(cl_context cl, cl_device_id device, const clattn_options *given,
                                    clattn_context **result)
{
    clattn_options options;
    if (!result)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "context is NULL");
    *result = NULL;
    if (!cl || !device)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", cl ? "device" : "cl");
    clattn_status status = take_options(given, &options);
    if (!status)
        status = check_device(&options.allocator, cl, device);
    if (!status)
        status = clattn__device_check(device);
    if (status)
        return status;

    clattn_context *context = clattn__allocate(&options.allocator, sizeof *context);
    if (!context)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for a context");
    if (!init_locks(context)) {
        clattn__release(&options.allocator, context);
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no mutex for a context");
    }
    context->allocator = options.allocator;
    context->references = 1;
    context->engine = options.engine;
    context->max_launch_flops = options.max_launch_flops;
    context->keep_clblast_parameters = options.keep_clblast_parameters;
    status = retain(context, cl, device);
    if (!status)
        status = clattn__device_query(device, &context->device);
    if (!status)
        status = choose_cache(context, options.cache_dir);
    if (!status)
        status = copy_build_options(context, options.build_options);
    if (!status) {
        struct clattn__error before;
        clattn__error_keep(&before);
        clattn__probe(context);
        clattn__error_restore(&before);
    }
    if (status)
        free_context(context);
    else
        *result = context;
    return status;
}

void clattn__context_retain(clattn_context *context)
{
    pthread_mutex_lock(&context->lock);
    ++context->references;
    pthread_mutex_unlock(&context->lock);
}

void clattn__context_release(clattn_context *context)
{
    pthread_mutex_lock(&context->lock);
    const bool last = --context->references == 0;
    pthread_mutex_unlock(&context->lock);
    if (last)
        free_context(context);
}

void clattn_context_destroy(clattn_context *context)
{
    if (context)
        clattn__context_release(context);
}

const char *clattn_context_describe(const clattn_context *context)
{
    if (!context)
        return "";
    /* A cache of the description: no change that a caller sees. */
    clattn_context *known = (clattn_context *)context;
    if (clattn__engines_try_all(known))
        return "";
    pthread_mutex_lock(&known->engines_lock);
    if (!known->description)
        describe(known);
    const char *description = known->description ? known->description : "";
    pthread_mutex_unlock(&known->engines_lock);
    return description;
}
