/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors that a pass has: their shapes, and where structs have them. */
#include "tensor/slots.h"

#include <stddef.h>
#include <string.h>

enum { BOTH_PASSES = CLATTN_FORWARD | CLATTN_BACKWARD };
enum when { ALWAYS, WITH_MASK, WITH_LENGTHS, IF_WANTED };
enum shape { QUERIES, KEYS, VALUES, OUTPUT, ROWS, BATCHES, MASK };
enum elements { STORED, FLOAT, INT, BYTE };

static const struct slot {
    const char *name;
    size_t tensor, array; /* offsets in clattn_tensors and clattn_arrays */
    unsigned read, written;
    enum when when; /* IF_WANTED: the caller may leave it out where it would be written */
    enum shape shape;
    enum elements elements;
} slots[ROLE_COUNT] = {
#define SLOT(slot, member, read, written, when, shape, elements)                                                       \
    {#member, offsetof(clattn_tensors, member), offsetof(clattn_arrays, member), read, written, when, shape, elements},
    CLATTN__TENSORS(SLOT)
#undef SLOT
};

static size_t element_bytes(enum elements elements, clattn_dtype dtype)
{
    switch (elements) {
    case STORED:
        return dtype == CLATTN_FLOAT32 ? 4 : 2;
    case BYTE:
        return 1;
    case FLOAT:
    case INT:
        break;
    }
    return 4;
}

static void set_shape(enum shape shape, const clattn_problem *p, struct clattn__role *role)
{
    const bool keys = shape == KEYS || shape == VALUES, values = shape == VALUES || shape == OUTPUT;
    role->count[0] = p->batch;
    role->count[1] = keys ? p->kv_heads : p->q_heads;
    role->count[2] = keys ? p->kv_len : p->q_len;
    role->depth = shape == ROWS ? 1 : values ? p->v_dim : p->qk_dim;
    if (shape == BATCHES)
        role->count[1] = role->count[2] = role->depth = 1;
    if (shape == MASK) {
        memcpy(role->count, p->score.mask_dim, sizeof role->count);
        role->depth = p->score.mask_dim[3];
    }
}

static bool is_there(const struct slot *slot, const clattn_problem *p, unsigned pass)
{
    const bool asked = slot->when == WITH_MASK      ? p->score.mask_dim[0] != 0
                       : slot->when == WITH_LENGTHS ? p->kv_lengths != 0
                                                    : true;
    return asked && (slot->read | slot->written) & pass;
}

size_t clattn__roles(const clattn_problem *problem, unsigned pass, struct clattn__role roles[ROLE_COUNT])
{
    size_t count = 0;
    for (size_t i = 0; i < ROLE_COUNT; ++i) {
        const struct slot *slot = &slots[i];
        if (!is_there(slot, problem, pass))
            continue;
        struct clattn__role *role = &roles[count++];
        role->name = slot->name;
        role->index = i;
        role->use = slot->written & pass ? TENSOR_OUTPUT : TENSOR_INPUT;
        role->optional = slot->when == IF_WANTED && role->use == TENSOR_OUTPUT;
        role->element_bytes = element_bytes(slot->elements, problem->dtype);
        set_shape(slot->shape, problem, role);
    }
    return count;
}

unsigned clattn__written_by(size_t index)
{
    return slots[index].written;
}

clattn_tensor *clattn__tensor_at(const clattn_tensors *tensors, size_t index)
{
    return (clattn_tensor *)((uintptr_t)tensors + slots[index].tensor);
}

/* An input's array has the same members, but for a const. */
clattn_array clattn__array_at(const clattn_arrays *arrays, size_t index)
{
    clattn_array array;
    memcpy(&array, (const char *)arrays + slots[index].array, sizeof array);
    return array;
}
