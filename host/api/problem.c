/* SPDX-License-Identifier: Apache-2.0 */
/* Checks whether clattn can compute a problem. */
#include "api/api.h"

#include "base/sizes.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

static clattn_status check_range(const char *name, int64_t value, int64_t low, int64_t high)
{
    if (value >= low && value <= high)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_SIZE, "problem.%s is %" PRId64 "; allowed are %" PRId64 " to %" PRId64, name,
                        value, low, high);
}

static clattn_status check_flag(const char *name, int value)
{
    if (value == 0 || value == 1)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_ARGUMENT, "problem.%s is %d; allowed are 0 and 1", name, value);
}

/* FLT_MAX / log2(e), rounded down. */
#define MAX_SCALE 2.358e38f

/* Within these, neither scale / softcap nor softcap log2(e) leaves float32 for usual scales. */
#define MIN_SOFTCAP 0x1p-60f
#define MAX_SOFTCAP 0x1p60f

/* Most elements of a tensor, and most of N + M: small enough that sums and byte counts do not
 * overflow. */
#define MAX_ELEMENTS ((int64_t)1 << 58)

static clattn_status check_product(const char *what, const int64_t *sizes, size_t count)
{
    int64_t product = 1;
    for (size_t i = 0; i < count; ++i) {
        if (sizes[i] > MAX_ELEMENTS / product)
            return clattn__fail(CLATTN_INVALID_SIZE, "%s has more than 2^58 elements", what);
        product *= sizes[i];
    }
    return CLATTN_SUCCESS;
}

static clattn_status check_sizes(const clattn_problem *p)
{
    const struct {
        const char *name;
        int64_t value, high;
    } sizes[] = {
        {"batch", p->batch, INT32_MAX},           {"q_heads", p->q_heads, INT32_MAX},
        {"kv_heads", p->kv_heads, INT32_MAX},     {"q_len", p->q_len, MAX_ELEMENTS},
        {"kv_len", p->kv_len, MAX_ELEMENTS},      {"qk_dim", p->qk_dim, CLATTN_MAX_HEAD_DIM},
        {"v_dim", p->v_dim, CLATTN_MAX_HEAD_DIM},
    };
    for (size_t i = 0; i < ARRAY_SIZE(sizes); ++i) {
        const clattn_status status = check_range(sizes[i].name, sizes[i].value, 1, sizes[i].high);
        if (status)
            return status;
    }
    if (p->q_heads % p->kv_heads)
        return clattn__fail(CLATTN_INVALID_SIZE,
                            "problem.q_heads is %" PRId64 "; it must be a multiple of problem.kv_heads, %" PRId64,
                            p->q_heads, p->kv_heads);
    const int64_t dim = p->qk_dim > p->v_dim ? p->qk_dim : p->v_dim;
    clattn_status status = check_product("q or out", (int64_t[]){p->batch, p->q_heads, p->q_len, dim}, 4);
    if (!status)
        status = check_product("k or v", (int64_t[]){p->batch, p->kv_heads, p->kv_len, dim}, 4);
    return status;
}

/* The shape of a mask or a bias. */
static clattn_status check_broadcast(const clattn_problem *p, const char *name, const int64_t *dim)
{
    const int64_t whole[4] = {p->batch, p->q_heads, p->q_len, p->kv_len};
    if (!dim[0] && !dim[1] && !dim[2] && !dim[3])
        return CLATTN_SUCCESS;
    for (size_t i = 0; i < 4; ++i)
        if (dim[i] != 1 && dim[i] != whole[i])
            return clattn__fail(CLATTN_INVALID_ARGUMENT,
                                "problem.score.%s_dim[%zu] is %" PRId64 "; allowed are 1 and %" PRId64
                                " (or 0 in all four: no %s)",
                                name, i, dim[i], whole[i], name);
    return check_product(name, dim, 4);
}

static clattn_status check_window(const clattn_score *s)
{
    const int64_t most = (int64_t)1 << 60, bounds[2] = {s->window_left, s->window_right};
    clattn_status status = check_flag("score.window", s->window);
    for (size_t i = 0; !status && s->window && i < 2; ++i)
        if (bounds[i] < -1 || bounds[i] > most)
            status =
                clattn__fail(CLATTN_INVALID_SIZE,
                             "problem.score.window_%s is %" PRId64 "; allowed are -1 (no end on that side) to 2^60",
                             i ? "right" : "left", bounds[i]);
    return status;
}

static clattn_status check_alibi(const clattn_problem *p)
{
    const int64_t *dim = p->score.alibi_dim;
    const int64_t whole[2] = {p->batch, p->q_heads};
    for (size_t i = 0; i < 2 && (dim[0] || dim[1]); ++i)
        if (dim[i] != 1 && dim[i] != whole[i])
            return clattn__fail(CLATTN_INVALID_ARGUMENT,
                                "problem.score.alibi_dim[%zu] is %" PRId64 "; allowed are 1 and %" PRId64
                                " (or 0 in both: no ALiBi)",
                                i, dim[i], whole[i]);
    return CLATTN_SUCCESS;
}

static clattn_status check_options(const clattn_score *s)
{
    const struct {
        const char *name;
        int value;
    } flags[] = {{"score.bias_float32", s->bias_float32},
                 {"score.sinks", s->sinks},
                 {"score.dlse", s->dlse},
                 {"score.max_logit", s->max_logit}};
    for (size_t i = 0; i < ARRAY_SIZE(flags); ++i) {
        const clattn_status status = check_flag(flags[i].name, flags[i].value);
        if (status)
            return status;
    }
    if (s->softcap != 0.0f && !(s->softcap >= MIN_SOFTCAP && s->softcap <= MAX_SOFTCAP))
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "problem.score.softcap is %g; allowed are 0 (no cap) and 2^-60 to 2^60",
                            (double)s->softcap);
    return CLATTN_SUCCESS;
}

static clattn_status check_score(const clattn_problem *p)
{
    const clattn_score *s = &p->score;
    clattn_status status = check_flag("score.causal", s->causal);
    if (!status)
        status = check_broadcast(p, "mask", s->mask_dim);
    if (!status)
        status = check_window(s);
    if (!status)
        status = check_alibi(p);
    if (!status)
        status = check_broadcast(p, "bias", s->bias_dim);
    if (!status)
        status = check_options(s);
    if (status)
        return status;
    if (s->scale != 0.0f && !(fabsf(s->scale) >= FLT_MIN && fabsf(s->scale) <= MAX_SCALE))
        return clattn__fail(
            CLATTN_INVALID_ARGUMENT,
            "problem.score.scale is %g; allowed are 0, for 1/sqrt(D), and +-%g to +-%g: scale and scale log2(e) "
            "must be normal numbers",
            (double)s->scale, (double)FLT_MIN, (double)MAX_SCALE);
    if (s->align != CLATTN_ALIGN_BOTTOM_RIGHT && s->align != CLATTN_ALIGN_TOP_LEFT && s->align != CLATTN_ALIGN_OFFSET)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "problem.score.align is %d; allowed are BOTTOM_RIGHT (0), TOP_LEFT (1) and OFFSET (2)",
                            (int)s->align);
    const int64_t most = (int64_t)1 << 62;
    if (s->align == CLATTN_ALIGN_OFFSET && (s->offset > most || s->offset < -most))
        return clattn__fail(CLATTN_INVALID_SIZE, "problem.score.offset is %" PRId64 "; allowed are -2^62 to 2^62",
                            s->offset);
    return CLATTN_SUCCESS;
}

clattn_status clattn__problem_check(const clattn_problem *p)
{
    clattn_status status = check_sizes(p);
    if (!status)
        status = check_score(p);
    if (!status)
        status = check_flag("kv_lengths", p->kv_lengths);
    if (status)
        return status;
    if (p->dtype != CLATTN_FLOAT32 && p->dtype != CLATTN_FLOAT16 && p->dtype != CLATTN_BFLOAT16)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "problem.dtype is %d; allowed are FLOAT32 (0), FLOAT16 (1) and BFLOAT16 (2)",
                            (int)p->dtype);
    if (p->q_tile < 0 || p->k_tile < 0)
        return clattn__fail(CLATTN_INVALID_SIZE, "problem.%s is %" PRId64 "; allowed are 0 (tuned) and up",
                            p->q_tile < 0 ? "q_tile" : "k_tile", p->q_tile < 0 ? p->q_tile : p->k_tile);
    if (p->kv_splits < 0 || p->kv_splits > CLATTN_MAX_KV_SPLITS)
        return clattn__fail(CLATTN_INVALID_SIZE, "problem.kv_splits is %" PRId64 "; allowed are 0 (tuned) to %d",
                            p->kv_splits, CLATTN_MAX_KV_SPLITS);
    return CLATTN_SUCCESS;
}

clattn_status clattn__problem_take(const clattn_problem *problem, clattn_problem *taken)
{
    const clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_problem), "problem", problem, taken);
    return status ? status : clattn__problem_check(taken);
}
