/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "tuned_rows.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fail(struct session *s, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(s->error, sizeof s->error, format, arguments);
    va_end(arguments);
    return -1;
}

int session_open(struct session *s, const char *device)
{
    const char *error = "";
    cl_int status;

    memset(s, 0, sizeof *s);
    if (clattn_find_device(device, &s->device) != CLATTN_SUCCESS) {
        return fail(s, "no device: %s", clattn_last_error());
    }
    s->cl = clCreateContext(NULL, 1, &s->device, NULL, NULL, &status);
    if (status != CL_SUCCESS) {
        return fail(s, "clCreateContext: OpenCL error %d", (int)status);
    }
    for (int n = 0; n < 2; n++) {
        const cl_command_queue_properties properties = n == 0 ? 0 : CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;

        s->queue[n] = clCreateCommandQueue(s->cl, s->device, properties, &status);
        if (status != CL_SUCCESS) {
            return fail(s, "clCreateCommandQueue: OpenCL error %d", (int)status);
        }
    }
    return guarded_open(&s->guarded, s->cl, s->device, s->queue[0], &error) == 0 ? 0 : fail(s, "%s", error);
}

/* Removes the session's folder, which has no subfolders. */
static void remove_folder(struct session *s)
{
    DIR *stream = s->folder[0] != '\0' ? opendir(s->folder) : NULL;
    struct dirent *entry;
    char path[sizeof s->folder + sizeof entry->d_name + 1];

    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", s->folder, entry->d_name);
        unlink(path); /* fails for "." and ".." */
    }
    if (stream != NULL) {
        closedir(stream);
        rmdir(s->folder);
    }
    s->folder[0] = '\0';
}

static void end_configuration(struct session *s)
{
    clattn_context_destroy(s->context);
    s->context = NULL;
    remove_folder(s);
}

void session_close(struct session *s)
{
    end_configuration(s);
    for (int n = 0; n < 2; n++) {
        if (s->queue[n] != NULL) {
            clReleaseCommandQueue(s->queue[n]);
        }
    }
    if (s->cl != NULL) {
        clReleaseContext(s->cl);
    }
}

static int make_context(struct session *s, const struct draw_configuration *configuration, const char *folder)
{
    clattn_options options = CLATTN_OPTIONS_INIT;

    options.engine = configuration->engine;
    options.cache_dir = folder;
    options.max_launch_flops = configuration->launch_flops;
    options.build_options = getenv("CLATTN_TEST_BUILD_OPTIONS");
    return clattn_context_create(s->cl, s->device, &options, &s->context) == CLATTN_SUCCESS
               ? 0
               : fail(s, "clattn_context_create: %s", clattn_last_error());
}

/* Makes rows near the configurations of another context's plan, as a context reads the file with
 * its first plan. */
static int make_tuned_context(struct session *s, const struct draw_configuration *configuration,
                              const struct test_case *first)
{
    struct check_random r = {configuration->seed};
    clattn_context *untuned = s->context;
    clattn_plan *plan;
    int good = -1;

    if (clattn_plan_create(untuned, &first->problem, configuration->passes, &plan) != CLATTN_SUCCESS) {
        return 0; /* the case then reports why */
    }
    s->context = NULL;
    strcpy(s->folder, "/tmp/clattn_rig_XXXXXX");
    if (mkdtemp(s->folder) == NULL) {
        s->folder[0] = '\0';
        fail(s, "no folder for the tuned file in /tmp");
    } else if (make_context(s, configuration, s->folder) == 0) {
        const char *file = clattn_tune_file(s->context);

        good = tuned_rows_write(file, clattn_plan_describe(plan), first, &r) > 0
                   ? 0
                   : fail(s, "%s: no rows were written", file);
    }
    clattn_plan_destroy(plan);
    clattn_context_destroy(untuned);
    return good;
}

int session_configure(struct session *s, const struct draw_configuration *configuration, const struct test_case *first)
{
    end_configuration(s);
    if (make_context(s, configuration, "") != 0) {
        return -1;
    }
    return configuration->tuned ? make_tuned_context(s, configuration, first) : 0;
}
