/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as strided views: their extent, and whether they share bytes. */
#include "tensor/tensor.h"

#include <string.h>

clattn_status clattn__slot_strides_check(const struct clattn__tensor_slot *slot, const size_t given[4])
{
    if (given[3] <= 1 || slot->depth == 1)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_ARGUMENT,
                        "stride[3] of %s is %zu; engines here need 1 (the last dimension contiguous)", slot->name,
                        given[3]);
}

bool clattn__slot_view(const struct clattn__tensor_slot *slot, const size_t given[4], struct clattn__view *view)
{
    const int64_t heads = slot->count[1], rows = slot->count[2], depth = slot->depth;
    const uint64_t contiguous[3] = {(uint64_t)(heads * rows * depth), (uint64_t)(rows * depth), (uint64_t)depth};
    const bool any = given[0] || given[1] || given[2] || given[3];
    const int64_t bytes = (int64_t)slot->element_bytes;
    *view = (struct clattn__view){.name = slot->name, .use = slot->use, .run = depth * bytes};
    for (size_t i = 0; i < 3; ++i) {
        const uint64_t stride = slot->count[i] == 1 ? 0 : any ? given[i] : contiguous[i];
        if (stride > CLATTN__MOST_STRIDE)
            return false;
        view->count[i] = slot->count[i];
        view->stride[i] = (int64_t)stride * bytes;
    }
    return true;
}

/* ---- extent ---- */

int64_t clattn__view_extent(const struct clattn__view *view)
{
    const int64_t most = (int64_t)1 << 62;
    int64_t extent = view->run;
    for (size_t i = 0; i < 3; ++i) {
        const int64_t steps = view->count[i] - 1;
        if (steps && view->stride[i] > (most - extent) / steps)
            return -1;
        extent += steps * view->stride[i];
    }
    return extent;
}

/* ---- overlap ----
 *
 * Views A and B share a byte if base_A - base_B + sum a_i s_i - sum b_i t_i lies in (-run_A, run_B)
 * for some indices a, b. Equal strides of A and B merge into one term. So there are at most six
 * terms c_i u_i, with c_i in a range. The search takes the largest stride first: the reach of the
 * smaller ones leaves few c_i to try, one or two for the usual layouts. */

struct term {
    int64_t stride, low, high;
};

struct search {
    struct term terms[6];
    size_t count;
    int64_t low, high; /* interval that the sum must reach */
    int steps;         /* left before giving up */
    bool nonzero;      /* some c must not be 0: for a view against itself */
};

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Whether terms[at ..] can move `sum` into the interval. Returns true when steps run out: sharing
 * cannot be ruled out. */
static bool reaches(struct search *search, size_t at, int64_t sum, bool all_zero)
{
    if (at == search->count)
        return sum >= search->low && sum <= search->high && !(search->nonzero && all_zero);
    int64_t rest_low = 0, rest_high = 0;
    for (size_t i = at + 1; i < search->count; ++i) {
        rest_low += search->terms[i].low * search->terms[i].stride;
        rest_high += search->terms[i].high * search->terms[i].stride;
    }
    const struct term term = search->terms[at];
    int64_t first = -floor_divide(-(search->low - sum - rest_high), term.stride);
    int64_t last = floor_divide(search->high - sum - rest_low, term.stride);
    first = first < term.low ? term.low : first;
    last = last > term.high ? term.high : last;
    for (int64_t c = first; c <= last; ++c)
        if (search->steps-- <= 0 || reaches(search, at + 1, sum + c * term.stride, all_zero && c == 0))
            return true;
    return false;
}

static void add_term(struct search *search, int64_t stride, int64_t low, int64_t high)
{
    size_t at = 0;
    while (at < search->count && search->terms[at].stride > stride)
        ++at;
    if (at < search->count && search->terms[at].stride == stride) {
        search->terms[at].low += low;
        search->terms[at].high += high;
        return;
    }
    memmove(&search->terms[at + 1], &search->terms[at], (search->count - at) * sizeof search->terms[0]);
    search->terms[at] = (struct term){stride, low, high};
    ++search->count;
}

enum { SEARCH_STEPS = 100000 };

static bool views_share(const struct clattn__view *a, const struct clattn__view *b)
{
    struct search search = {.steps = SEARCH_STEPS, .low = -a->run + 1, .high = b->run - 1};
    for (size_t i = 0; i < 3; ++i) {
        if (a->count[i] > 1 && a->stride[i])
            add_term(&search, a->stride[i], 0, a->count[i] - 1);
        if (b->count[i] > 1 && b->stride[i])
            add_term(&search, b->stride[i], -(b->count[i] - 1), 0);
    }
    return reaches(&search, 0, a->base - b->base, true);
}

/* Whether two different elements of a view share a byte. */
static bool view_shares_with_itself(const struct clattn__view *view)
{
    struct search search = {.steps = SEARCH_STEPS, .low = -view->run + 1, .high = view->run - 1, .nonzero = true};
    for (size_t i = 0; i < 3; ++i) {
        if (view->count[i] > 1 && view->stride[i] == 0)
            return true;
        for (size_t j = 0; j < i; ++j)
            if (view->count[i] > 1 && view->count[j] > 1 && view->stride[i] == view->stride[j])
                return true;
        if (view->count[i] > 1)
            add_term(&search, view->stride[i], -(view->count[i] - 1), view->count[i] - 1);
    }
    return reaches(&search, 0, 0, true);
}

clattn_status clattn__views_check_overlap(const struct clattn__view *views, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        if (views[i].use != TENSOR_OUTPUT)
            continue;
        if (view_shares_with_itself(&views[i]))
            return clattn__fail(CLATTN_OVERLAP, "the strides of output %s map several of its elements to one address",
                                views[i].name);
        for (size_t j = 0; j < count; ++j) {
            const bool seen = views[j].use == TENSOR_OUTPUT && j <= i;
            if (!seen && views[i].memory == views[j].memory && views_share(&views[i], &views[j]))
                return clattn__fail(CLATTN_OVERLAP,
                                    "output %s shares elements with %s %s; they may interleave in one buffer, but not "
                                    "share elements",
                                    views[i].name, views[j].use == TENSOR_OUTPUT ? "output" : "input", views[j].name);
        }
    }
    return CLATTN_SUCCESS;
}
