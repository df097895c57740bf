/* SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* realpath */

#include "outputs.h"

#include "half.h"
#include "message.h"
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that a signal removes. Changed only while signals are held. */
static const char *temporaries[MAX_OUTPUTS];

void outputs_remove_temporaries(void)
{
    for (int i = 0; i < MAX_OUTPUTS; i++) {
        if (temporaries[i]) {
            unlink(temporaries[i]);
        }
    }
}

/* ---- one output ---- */

static int bad_output(const output *o, const char *what)
{
    return bad_input("%s %s: %s", o->option, o->path, what);
}

/* The folder of `path`, with its slash, followed by `name`. */
static char *beside(const char *path, const char *name)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    char *text = malloc(length + strlen(name) + 1);
    if (text) {
        memcpy(text, path, length);
        strcpy(text + length, name);
    }
    return text;
}

/* Resolves links in the folder of a file that does not exist yet, so that paths of the same file
 * compare equal. */
static char *resolve_new(const char *path)
{
    char *folder = beside(path, ".");
    char *real = folder ? realpath(folder, NULL) : NULL;
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *place = real ? malloc(strlen(real) + 1 + strlen(name) + 1) : NULL;
    if (place) {
        strcpy(place, real);
        strcat(place, "/");
        strcat(place, name);
    }
    free(folder);
    free(real);
    return place;
}

/* Sets o->place and the file's permissions. */
static int find_place(output *o, mode_t *mode)
{
    struct stat facts;
    if (o->path[strlen(o->path) - 1] == '/') {
        return bad_output(o, "is a folder; allowed: a file name");
    }
    if (stat(o->path, &facts) == 0) {
        if (!S_ISREG(facts.st_mode)) {
            return bad_output(o, "exists and is not a regular file");
        }
        if (access(o->path, W_OK) != 0) {
            return bad_output(o, strerror(errno));
        }
        *mode = facts.st_mode & 0777;
        o->place = realpath(o->path, NULL);
    } else if (errno != ENOENT) {
        return bad_output(o, strerror(errno));
    } else if (lstat(o->path, &facts) == 0) {
        return bad_output(o, "is a symbolic link to nowhere");
    } else {
        mode_t mask = umask(0);
        umask(mask);
        *mode = 0666 & ~mask;
        o->place = resolve_new(o->path);
    }
    return o->place ? -1 : bad_output(o, strerror(errno));
}

static int open_output(output *o, const char **temporary)
{
    mode_t mode = 0;
    int code = find_place(o, &mode);
    if (code >= 0) {
        return code;
    }
    o->temporary = beside(o->place, ".clattn-XXXXXX");
    if (!o->temporary) {
        return failed("out of host memory");
    }
    signals_hold();
    int descriptor = mkstemp(o->temporary);
    if (descriptor >= 0) {
        *temporary = o->temporary;
        o->stream = fdopen(descriptor, "wb");
    } else {
        code = bad_output(o, strerror(errno));
        free(o->temporary);
        o->temporary = NULL;
    }
    signals_release();
    if (descriptor >= 0 && (!o->stream || fchmod(descriptor, mode) != 0)) {
        code = bad_output(o, strerror(errno));
        if (!o->stream) {
            close(descriptor);
        }
    }
    return code;
}

/* ---- all outputs ---- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Checks that output `index`, now open, is neither an input nor an earlier output. */
static int check_distinct(const output *outputs, int index, const input_file *inputs, size_t count)
{
    const output *o = &outputs[index];
    for (size_t i = 0; i < count; i++) {
        if (inputs[i].path && is_same_file(inputs[i].path, o->place)) {
            return bad_output(o, "is also an input; allowed: another file");
        }
    }
    for (int i = 0; i < index; i++) {
        if (outputs[i].place && strcmp(outputs[i].place, o->place) == 0) {
            return bad_input("%s %s: is also %s; allowed: another file", o->option, o->path, outputs[i].option);
        }
    }
    return -1;
}

int outputs_open(output outputs[MAX_OUTPUTS], const input_file *inputs, size_t count)
{
    int code = -1;
    for (int i = 0; i < MAX_OUTPUTS && code < 0; i++) {
        if (outputs[i].path) {
            code = open_output(&outputs[i], &temporaries[i]);
            code = code < 0 ? check_distinct(outputs, i, inputs, count) : code;
        }
    }
    if (code >= 0) {
        outputs_discard(outputs);
    }
    return code;
}

int outputs_allocate(output outputs[MAX_OUTPUTS])
{
    for (int i = 0; i < MAX_OUTPUTS; i++) {
        output *o = &outputs[i];
        size_t bytes = element_bytes(o->dtype);
        for (int axis = 0; axis < o->rank; axis++) {
            bytes *= (size_t)o->dim[axis];
        }
        if (o->path && !(o->values = malloc(bytes))) {
            return failed("%s %s: out of host memory: %zu bytes", o->option, o->path, bytes);
        }
    }
    return -1;
}

static bool write_values(const output *o, npy_error *error)
{
    size_t count = 1;
    if (o->dtype == CLATTN_FLOAT32) {
        return npy_write_float32(o->stream, o->rank, o->dim, o->values, error);
    }
    if (o->dtype == CLATTN_FLOAT16) {
        return npy_write_float16(o->stream, o->rank, o->dim, o->values, error);
    }
    for (int axis = 0; axis < o->rank; axis++) {
        count *= (size_t)o->dim[axis];
    }
    float *floats = malloc(count * sizeof *floats);
    if (!floats) {
        return npy_fail(error, "out of host memory: %zu bytes", count * sizeof *floats);
    }
    elements_read(o->dtype, o->values, count, floats);
    bool good = npy_write_float32(o->stream, o->rank, o->dim, floats, error);
    free(floats);
    return good;
}

static int write_output(output *o)
{
    npy_error error;
    if (!write_values(o, &error)) {
        return failed("%s %s: %s", o->option, o->path, error.text);
    }
    if (fsync(fileno(o->stream)) != 0) {
        return failed("%s %s: cannot be written: %s", o->option, o->path, strerror(errno));
    }
    int closed = fclose(o->stream);
    o->stream = NULL;
    return closed == 0 ? -1 : failed("%s %s: cannot be written: %s", o->option, o->path, strerror(errno));
}

static int rename_all(output outputs[MAX_OUTPUTS])
{
    int error = 0;
    int i = 0;
    signals_hold();
    for (; i < MAX_OUTPUTS; i++) {
        output *o = &outputs[i];
        if (!o->temporary) {
            continue;
        }
        if (rename(o->temporary, o->place) != 0) {
            error = errno;
            break;
        }
        temporaries[i] = NULL;
        free(o->temporary);
        o->temporary = NULL;
    }
    signals_release();
    return error == 0 ? -1
                      : failed("%s %s: cannot be written: %s", outputs[i].option, outputs[i].path, strerror(error));
}

int outputs_commit(output outputs[MAX_OUTPUTS])
{
    int code = -1;
    for (int i = 0; i < MAX_OUTPUTS && code < 0; i++) {
        if (outputs[i].stream) {
            code = write_output(&outputs[i]);
        }
    }
    return code < 0 ? rename_all(outputs) : code;
}

void outputs_discard(output outputs[MAX_OUTPUTS])
{
    for (int i = 0; i < MAX_OUTPUTS; i++) {
        output *o = &outputs[i];
        if (o->stream) {
            fclose(o->stream);
            o->stream = NULL;
        }
        signals_hold();
        if (o->temporary) {
            unlink(o->temporary);
            temporaries[i] = NULL;
        }
        signals_release();
        free(o->temporary);
        free(o->place);
        free(o->values);
        o->temporary = NULL;
        o->place = NULL;
        o->values = NULL;
    }
}
