/* SPDX-License-Identifier: Apache-2.0 */
#include "arrays.h"

#include "nn.h"

#include <stdlib.h>

static void check_shape(const npy_header *header, const char *path, int rank, uint64_t *dim)
{
    char found[NPY_SHAPE_TEXT];
    int good = header->rank == rank && header->count > 0;
    for (int i = 0; good && i < rank; ++i) {
        good = dim[i] == 0 || dim[i] == header->dim[i];
        dim[i] = header->dim[i];
    }
    if (!good) {
        npy_error error;
        npy_fail(&error, "the shape %s is not what the program expects of this file",
                 npy_shape_text(header->rank, header->dim, found));
        nn_fail(path, error.text);
    }
}

void *array_read(const char *folder, const char *name, npy_type type, int rank, uint64_t *dim)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        nn_fail(folder, "too long a name");
    }
    npy_file file;
    npy_error error;
    if (!npy_open(&file, path, type, &error)) {
        nn_fail(path, error.text);
    }
    check_shape(&file.header, path, rank, dim);
    if (file.header.count > SIZE_MAX / sizeof(double)) {
        nn_fail(path, "larger than what this machine can address");
    }
    void *values = malloc((size_t)file.header.count * npy_type_bytes(type));
    if (!values) {
        nn_fail(path, "out of memory");
    }
    bool good = type == NPY_FLOAT32 ? npy_read_float32(&file, values, &error)
                : type == NPY_INT32 ? npy_read_int32(&file, values, &error)
                                    : npy_read_bytes(&file, values, &error);
    if (!good) {
        nn_fail(path, error.text);
    }
    npy_close(&file);
    return values;
}
