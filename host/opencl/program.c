/* SPDX-License-Identifier: Apache-2.0 */
/* Gets programs: from the context's list, from disk, or built from source. */
#include "opencl/program.h"

#include "opencl/ptx.h"

#include <string.h>

static struct clattn__program *find(clattn_context *context, const char *key)
{
    for (struct clattn__program *p = context->programs; p; p = p->next)
        if (strcmp(p->key, key) == 0)
            return p;
    return NULL;
}

/* Fails with the compiler's log. */
static clattn_status fail_build(clattn_context *context, cl_program program, const char *kernel, const char *options)
{
    size_t bytes = 0;
    char *log = NULL;
    if (!clGetProgramBuildInfo(program, context->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) && bytes)
        log = clattn__allocate(&context->allocator, bytes + 1);
    if (log && clGetProgramBuildInfo(program, context->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL))
        log[0] = '\0';
    clattn__fail(CLATTN_BUILD_FAILED, "kernel %s does not build with %s\n%s", kernel, options, log ? log : "(no log)");
    clattn__release(&context->allocator, log);
    return CLATTN_BUILD_FAILED;
}

static clattn_status build(clattn_context *context, const struct clattn__text *source, const char *kernel,
                           const char *options, cl_program *result)
{
    cl_int error;
    const char *chars = source->chars;
    cl_program program = clCreateProgramWithSource(context->cl, 1, &chars, &source->length, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateProgramWithSource");
    error = clBuildProgram(program, 1, &context->id, options, NULL, NULL);
    if (!error) {
        *result = program;
        return CLATTN_SUCCESS;
    }
    const bool rejected = error == CL_BUILD_PROGRAM_FAILURE || error == CL_INVALID_BUILD_OPTIONS;
    const clattn_status status =
        rejected ? fail_build(context, program, kernel, options) : clattn__fail_opencl(error, "clBuildProgram");
    clReleaseProgram(program);
    return status;
}

/* Replaces a program by its edited binary. */
static clattn_status retarget(clattn_context *context, const char *kernel, const char *options, cl_program *program)
{
    size_t size = 0;
    cl_int error;
    struct clattn__text text;
    unsigned char *binary = clattn__program_binary(context, *program, &size);
    if (!binary)
        return clattn__fail(CLATTN_BUILD_FAILED, "the driver returns no binary of kernel %s", kernel);
    clattn_status status = clattn__ptx_retarget(&context->allocator, (const char *)binary, size, &text);
    clattn__release(&context->allocator, binary);
    if (status)
        return status;
    const unsigned char *chars = (const unsigned char *)text.chars;
    const size_t with_nul = text.length + 1;
    cl_program edited = clCreateProgramWithBinary(context->cl, 1, &context->id, &with_nul, &chars, NULL, &error);
    clattn__text_free(&text);
    if (error == CL_OUT_OF_HOST_MEMORY)
        return clattn__fail_opencl(error, "clCreateProgramWithBinary");
    if (error)
        return clattn__fail(CLATTN_BUILD_FAILED, "the driver rejects the edited binary of kernel %s: %s", kernel,
                            clattn__opencl_error_name(error));
    error = clBuildProgram(edited, 1, &context->id, options, NULL, NULL);
    if (error) {
        status = error == CL_OUT_OF_HOST_MEMORY ? clattn__fail_opencl(error, "clBuildProgram")
                                                : fail_build(context, edited, kernel, options);
        clReleaseProgram(edited);
        return status;
    }
    clReleaseProgram(*program);
    *program = edited;
    return CLATTN_SUCCESS;
}

static clattn_status build_for(clattn_context *context, bool edit, const struct clattn__text *source,
                               const char *kernel, const char *options, cl_program *program)
{
    clattn_status status = build(context, source, kernel, options, program);
    if (!status && edit) {
        status = retarget(context, kernel, options, program);
        if (status) {
            clReleaseProgram(*program);
            *program = NULL;
        }
    }
    return status;
}

static clattn_status load_or_build(clattn_context *context, bool edit, const char *kernel, const char *options,
                                   cl_program *program)
{
    struct clattn__text source;
    clattn_status status = clattn__source_assemble(&context->allocator, kernel, &source);
    if (!status) {
        *program = context->cache_dir ? clattn__cache_load(context, &source, kernel, options) : NULL;
        if (!*program) {
            status = build_for(context, edit, &source, kernel, options, program);
            if (!status && context->cache_dir)
                clattn__cache_store(context, &source, options, *program);
        }
    }
    clattn__text_free(&source);
    return status;
}

/* Adds an entry, which then owns program and key. */
static clattn_status remember(clattn_context *context, char *key, cl_program program)
{
    struct clattn__program *entry = clattn__allocate(&context->allocator, sizeof *entry);
    if (!entry)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to remember a program");
    entry->key = key;
    entry->program = program;
    entry->next = context->programs;
    context->programs = entry;
    return CLATTN_SUCCESS;
}

/* Finds or creates the entry of `key`: kernel name, then build options. A new entry owns the
 * key. */
static clattn_status find_or_make(clattn_context *context, bool edit, const char *kernel, struct clattn__text *key,
                                  cl_program *program)
{
    const struct clattn__program *entry = find(context, key->chars);
    if (entry) {
        *program = entry->program;
        return CLATTN_SUCCESS;
    }
    *program = NULL;
    clattn_status status = load_or_build(context, edit, kernel, key->chars + strlen(kernel) + 1, program);
    if (status)
        return status;
    status = remember(context, key->chars, *program);
    if (status)
        clReleaseProgram(*program);
    else
        key->chars = NULL;
    return status;
}

/* Builds under the context's lock, so that threads that want the same program wait for one build.
 * -w because some compilers print the number of their warnings to stderr. */
clattn_status clattn__program_get(clattn_context *context, bool edit, const char *kernel, const char *options,
                                  cl_program *program)
{
    struct clattn__text key = {.allocator = &context->allocator};
    clattn__text_add(&key, "%s %s -w %s", kernel, options, context->build_options);
    if (key.failed)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the name of a program");
    pthread_mutex_lock(&context->lock);
    const clattn_status status = find_or_make(context, edit, kernel, &key, program);
    pthread_mutex_unlock(&context->lock);
    clattn__text_free(&key);
    return status;
}

bool clattn__program_warm(clattn_context *context, cl_program program, bool large, size_t group_size)
{
    bool before = false;
    pthread_mutex_lock(&context->lock);
    for (struct clattn__program *entry = context->programs; entry; entry = entry->next)
        if (entry->program == program) {
            before = entry->warm[large] == group_size;
            entry->warm[large] = group_size;
        }
    pthread_mutex_unlock(&context->lock);
    return before;
}

void clattn__programs_release(clattn_context *context)
{
    while (context->programs) {
        struct clattn__program *entry = context->programs;
        context->programs = entry->next;
        clReleaseProgram(entry->program);
        clattn__release(&context->allocator, entry->key);
        clattn__release(&context->allocator, entry);
    }
}
