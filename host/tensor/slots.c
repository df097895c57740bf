/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a pass: their shapes, and their members in the structs. */
#include "tensor/slots.h"

#include <stddef.h>
#include <string.h>

enum { BOTH_PASSES = CLATTN_FORWARD | CLATTN__GRADIENTS };

static const struct line {
    const char *name;
    size_t tensor, array; /* offsets in clattn_tensors and clattn_arrays */
    unsigned read, written;
    enum clattn__elements elements;
} lines[TENSOR_SLOT_COUNT] = {
#define SLOT(line, member, read, written, when, shape, elements)                                                       \
    {#member, offsetof(clattn_tensors, member), offsetof(clattn_arrays, member), read, written, elements},
    CLATTN__TENSORS(SLOT)
#undef SLOT
};

/* Whether a problem has the tensor, and its shape. */
struct extent {
    bool there;
    int64_t dim[4];
};

static void find_extents(const clattn_problem *p, struct extent extents[TENSOR_SLOT_COUNT])
{
#define SHAPE(b, h, rows, depth)                                                                                       \
    {                                                                                                                  \
        b, h, rows, depth                                                                                              \
    }
#define EXTENT(line, member, read, written, when, shape, elements) {when, shape},
    const struct extent all[TENSOR_SLOT_COUNT] = {CLATTN__TENSORS(EXTENT)};
#undef EXTENT
#undef SHAPE
    memcpy(extents, all, sizeof all);
}

static size_t element_bytes(enum clattn__elements elements, const clattn_problem *problem)
{
    const size_t stored = problem->dtype == CLATTN_FLOAT32 ? 4 : 2;
    switch (elements) {
    case STORED:
        return stored;
    case OF_BIAS:
        return problem->score.bias_float32 ? 4 : stored;
    case BYTE:
        return 1;
    case FLOAT:
    case INT:
        break;
    }
    return 4;
}

size_t clattn__slots(const clattn_problem *problem, unsigned pass, struct clattn__tensor_slot slots[TENSOR_SLOT_COUNT])
{
    struct extent extents[TENSOR_SLOT_COUNT];
    size_t count = 0;
    find_extents(problem, extents);
    for (size_t i = 0; i < TENSOR_SLOT_COUNT; ++i) {
        const struct line *line = &lines[i];
        if (!extents[i].there || !((line->read | line->written) & pass))
            continue;
        struct clattn__tensor_slot *slot = &slots[count++];
        slot->name = line->name;
        slot->index = i;
        slot->use = line->written & pass ? TENSOR_OUTPUT : TENSOR_INPUT;
        slot->optional = (i == TENSOR_SLOT_LSE && slot->use == TENSOR_OUTPUT) || i == TENSOR_SLOT_MAX_LOGIT;
        slot->elements = line->elements;
        slot->element_bytes = element_bytes(line->elements, problem);
        memcpy(slot->count, extents[i].dim, sizeof slot->count);
        slot->depth = extents[i].dim[3];
    }
    return count;
}

unsigned clattn__written_by(size_t index)
{
    return lines[index].written;
}

clattn_tensor *clattn__tensor_at(const clattn_tensors *tensors, size_t index)
{
    return (clattn_tensor *)((uintptr_t)tensors + lines[index].tensor);
}

/* clattn_const_array has the same members as clattn_array, except for a const. */
clattn_array clattn__array_at(const clattn_arrays *arrays, size_t index)
{
    clattn_array array;
    memcpy(&array, (const char *)arrays + lines[index].array, sizeof array);
    return array;
}
