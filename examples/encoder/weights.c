/* SPDX-License-Identifier: Apache-2.0 */
#include "weights.h"

#include "arrays.h"

#include <stdlib.h>

static clattn_block read_weight(struct nn *nn, const char *folder, const char *name, int rank, uint64_t dim[3])
{
    float *values = array_read(folder, name, NPY_FLOAT32, rank, dim);
    clattn_block block = nn_from_floats(nn, values, (size_t)(dim[0] * dim[1] * dim[2]));
    free(values);
    return block;
}

struct weights weights_read(struct nn *nn, const char *folder)
{
    struct weights weights;
#define READ_WEIGHT(name, rank, d0, d1, d2)                                                                            \
    weights.name = read_weight(nn, folder, #name, rank, (uint64_t[3]){(d0), (d1), (d2)});
    WEIGHT_LIST(READ_WEIGHT)
#undef READ_WEIGHT
    return weights;
}

void weights_release(struct weights *weights)
{
#define RELEASE_WEIGHT(name, rank, d0, d1, d2) nn_release(weights->name);
    WEIGHT_LIST(RELEASE_WEIGHT)
#undef RELEASE_WEIGHT
}
