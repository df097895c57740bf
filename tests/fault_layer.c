/* SPDX-License-Identifier: Apache-2.0 */
#undef CL_TARGET_OPENCL_VERSION /* for the only function newer than 1.2 */
#define CL_TARGET_OPENCL_VERSION 200
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "fault_layer.h"

#include <CL/cl_layer.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Exported from the shared module. */
extern const struct fault_control fault_control;

static struct _cl_icd_dispatch layer;       /* called by the loader */
static const struct _cl_icd_dispatch *next; /* called by the layer */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- failing ---- */

static struct {
    long armings;
    long nth, calls, fired;
    int and_on;
    cl_int error; /* to return, or 0 */
    const char *fired_name;
    cl_int fired_error;
} plan;

static void arm(long nth, int and_on, cl_int error)
{
    pthread_mutex_lock(&lock);
    plan.nth = nth;
    plan.and_on = and_on;
    plan.error = error;
    if (nth > 0) {
        plan.armings++;
        plan.calls = plan.fired = 0;
        plan.fired_name = "";
        plan.fired_error = CL_SUCCESS;
    }
    pthread_mutex_unlock(&lock);
}

static long fired(const char **name, cl_int *error)
{
    *name = plan.fired_name;
    *error = plan.fired_error;
    return plan.fired;
}

/* Counts a call of `name`. Returns the error that it must fail with, or 0. */
static cl_int fault(const char *name, cl_int likely)
{
    cl_int error = CL_SUCCESS;

    pthread_mutex_lock(&lock);
    if (plan.nth > 0) {
        plan.calls++;
        if (plan.calls == plan.nth || (plan.and_on && plan.calls > plan.nth)) {
            error = plan.error ? plan.error : likely;
        }
    }
    if (error && plan.fired++ == 0) {
        plan.fired_name = name;
        plan.fired_error = error;
    }
    pthread_mutex_unlock(&lock);
    return error;
}

/* ---- counting ---- */

enum { MOST_OBJECTS = 4096 };

static struct object {
    const void *handle;
    const char *origin; /* the function that made it */
    long references;
    long born; /* number of `arm` calls before */
} objects[MOST_OBJECTS];
static long unbalanced; /* releases of objects without references */

/* Adds `by` to an object's references. The table lists objects with references only. */
static void count(const void *handle, long by, const char *origin)
{
    struct object *place = NULL;
    size_t n = 0;

    pthread_mutex_lock(&lock);
    while (n < MOST_OBJECTS && objects[n].handle != handle) {
        place = place == NULL && objects[n].handle == NULL ? &objects[n] : place;
        n++;
    }
    if (n < MOST_OBJECTS) {
        place = &objects[n];
    } else if (by > 0 && place != NULL) {
        *place = (struct object){handle, origin, 0, plan.armings};
    }
    if (place == NULL || (n == MOST_OBJECTS && by < 0)) {
        unbalanced++;
    } else {
        place->references += by;
        if (place->references == 0) {
            place->handle = NULL;
        }
    }
    pthread_mutex_unlock(&lock);
}

static long references(char *text)
{
    long sum;
    int length = 0;

    pthread_mutex_lock(&lock);
    sum = unbalanced;
    if (text != NULL) {
        length = snprintf(text, FAULT_TEXT, "%ld releases too many", unbalanced);
    }
    for (size_t n = 0; n < MOST_OBJECTS; n++) {
        if (objects[n].handle != NULL) {
            sum += objects[n].references;
            if (text != NULL && length < FAULT_TEXT && objects[n].born == plan.armings) {
                length += snprintf(text + length, (size_t)(FAULT_TEXT - length), ", %ld to one of %s",
                                   objects[n].references, objects[n].origin);
            }
        }
    }
    pthread_mutex_unlock(&lock);
    return sum;
}

/* ---- the layer's version of each call in fault_calls.h ---- */

/* A call that returns its error. */
#define CHECKED(name, likely, P, A)                                                                                    \
    static cl_int CL_API_CALL wrap_##name P                                                                            \
    {                                                                                                                  \
        const cl_int error = fault(#name, likely);                                                                     \
        return error ? error : next->name A;                                                                           \
    }

/* A call that makes an object; its last parameter is `cl_int *error`, which the library never
 * passes as NULL. */
#define MAKES(name, type, likely, P, A)                                                                                \
    static type CL_API_CALL wrap_##name P                                                                              \
    {                                                                                                                  \
        cl_int own;                                                                                                    \
        type made;                                                                                                     \
                                                                                                                       \
        error = error ? error : &own;                                                                                  \
        *error = fault(#name, likely);                                                                                 \
        made = *error ? NULL : next->name A;                                                                           \
        if (made) {                                                                                                    \
            count(made, 1, #name);                                                                                     \
        }                                                                                                              \
        return made;                                                                                                   \
    }

/* A call that enqueues; its last parameters are `cl_uint waits, const cl_event *list, cl_event
 * *event`. */
#define ENQUEUES(name, P, A)                                                                                           \
    static cl_int CL_API_CALL wrap_##name P                                                                            \
    {                                                                                                                  \
        cl_int error = fault(#name, CL_OUT_OF_RESOURCES);                                                              \
                                                                                                                       \
        error = error ? error : next->name A;                                                                          \
        if (!error && event) {                                                                                         \
            count(*event, 1, #name);                                                                                   \
        }                                                                                                              \
        return error;                                                                                                  \
    }

/* Retaining adds a reference and can fail; releasing removes one and cannot fail. */
#define RETAINS(name, type)                                                                                            \
    static cl_int CL_API_CALL wrap_##name(type object)                                                                 \
    {                                                                                                                  \
        cl_int error = fault(#name, CL_OUT_OF_RESOURCES);                                                              \
                                                                                                                       \
        error = error ? error : next->name(object);                                                                    \
        if (!error) {                                                                                                  \
            count(object, 1, #name);                                                                                   \
        }                                                                                                              \
        return error;                                                                                                  \
    }
#define RELEASES(name, type)                                                                                           \
    static cl_int CL_API_CALL wrap_##name(type object)                                                                 \
    {                                                                                                                  \
        count(object, -1, #name);                                                                                      \
        return next->name(object);                                                                                     \
    }

#include "fault_calls.h"

/* ---- the loader's side ---- */

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info what, size_t bytes, void *value, size_t *needed)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;

    if (what != CL_LAYER_API_VERSION || (value != NULL && bytes < sizeof version)) {
        return CL_INVALID_VALUE;
    }
    if (value != NULL) {
        memcpy(value, &version, sizeof version);
    }
    if (needed != NULL) {
        *needed = sizeof version;
    }
    return CL_SUCCESS;
}

static void install(void)
{
#define CHECKED(name, ...) layer.name = wrap_##name;
#define MAKES CHECKED
#define ENQUEUES CHECKED
#define RETAINS CHECKED
#define RELEASES CHECKED
#include "fault_calls.h"
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *entries_here,
                                            const cl_icd_dispatch **dispatch)
{
    if (target == NULL || entries_here == NULL || dispatch == NULL || entries < sizeof layer / sizeof(void *)) {
        return CL_INVALID_VALUE;
    }
    next = target;
    memcpy(&layer, target, sizeof layer);
    install();
    *entries_here = sizeof layer / sizeof(void *);
    *dispatch = &layer;
    return CL_SUCCESS;
}

static int is_loaded(void)
{
    return next != NULL;
}

const struct fault_control fault_control = {is_loaded, arm, fired, references};
