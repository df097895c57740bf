/* SPDX-License-Identifier: Apache-2.0 */
/* Bad arguments of the layer's functions without tensors: each row's exact status, and a message
 * that names the argument. Calls with tensors are in test_layer_tensors.c. */
#include "layer_scene.h"

#include <stdlib.h>
#include <string.h>

#define POISON ((void *)(uintptr_t)0x5a5a5a5a) /* a result pointer before a call that must set or keep it */
#define LINE "b2 n7 m9 e24 c40 h4/2 d8 causal mask=2,1,7,9 kvlen"

/* ---- layers ---- */

struct change {
    size_t offset; /* of a member of clattn_layer; no bytes: end of the list */
    size_t bytes;
    int64_t value; /* of a float: its bits */
};

#define SET(member, value)                                                                                             \
    {                                                                                                                  \
        offsetof(clattn_layer, member), sizeof(((clattn_layer *)0)->member), value                                     \
    }
#define FLOAT_INFINITY 0x7f800000
#define FLOAT_MINUS_INFINITY (-0x00800000)
#define FLOAT_NAN 0x7fc00000
#define POWER(n) ((int64_t)1 << (n))
#define MASK(b, h, n, m)                                                                                               \
    SET(score.mask_dim[0], b), SET(score.mask_dim[1], h), SET(score.mask_dim[2], n), SET(score.mask_dim[3], m)
#define NO_CONTEXT SET(context_len, 0)

struct row {
    clattn_status status;
    const char *part; /* of the message */
    struct change changes[7];
};

/* Changes to LINE without its mask. */
static const struct row bad_layers[] = {
    {CLATTN_INVALID_ARGUMENT, "struct_size", {SET(struct_size, 0)}},
    {CLATTN_INVALID_ARGUMENT, "struct_size", {SET(struct_size, offsetof(clattn_layer, score.window) - 1)}},
    {CLATTN_INVALID_SIZE, "layer.batch", {SET(batch, 0)}},
    {CLATTN_INVALID_SIZE, "layer.batch", {SET(batch, INT64_MIN)}},
    {CLATTN_INVALID_SIZE, "layer.batch", {SET(batch, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.len", {SET(len, 0)}},
    {CLATTN_INVALID_SIZE, "layer.len", {SET(len, -7)}},
    {CLATTN_INVALID_SIZE, "layer.len", {SET(len, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.context_len", {SET(context_len, -1)}},
    {CLATTN_INVALID_SIZE, "layer.context_len", {SET(context_len, INT64_MIN)}},
    {CLATTN_INVALID_SIZE, "layer.context_len", {SET(context_len, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.dim", {SET(dim, 0)}},
    {CLATTN_INVALID_SIZE, "layer.dim", {SET(dim, -24)}},
    {CLATTN_INVALID_SIZE, "layer.dim", {SET(dim, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.context_dim", {SET(context_dim, -1)}},
    {CLATTN_INVALID_SIZE, "layer.context_dim", {SET(context_dim, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.context_dim", {NO_CONTEXT}}, /* 40, while dim is 24 */
    {CLATTN_INVALID_SIZE, "layer.context_dim", {NO_CONTEXT, SET(context_dim, 25)}},
    {CLATTN_INVALID_SIZE, "layer.heads", {SET(heads, -1)}},
    {CLATTN_INVALID_SIZE, "layer.heads", {SET(heads, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.kv_heads", {SET(kv_heads, -2)}},
    {CLATTN_INVALID_SIZE, "layer.kv_heads", {SET(kv_heads, 3)}},
    {CLATTN_INVALID_SIZE, "layer.kv_heads", {SET(kv_heads, 8)}},
    {CLATTN_INVALID_SIZE, "layer.kv_heads", {SET(kv_heads, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "layer.kv_heads", {SET(heads, 0), SET(kv_heads, 3)}},
    {CLATTN_INVALID_SIZE, "layer.dim_head", {SET(dim_head, -8)}},
    {CLATTN_INVALID_SIZE, "layer.dim_head", {SET(dim_head, CLATTN_MAX_HEAD_DIM + 1)}},
    {CLATTN_INVALID_SIZE, "layer.dim_head", {SET(dim_head, POWER(32) + 4)}}, /* 4 when truncated to 32 bits */
    /* tensors of 2^31 elements and more */
    {CLATTN_INVALID_SIZE, "x", {SET(batch, POWER(10)), SET(len, POWER(11)), SET(dim, POWER(10)), SET(dim_head, 1)}},
    {CLATTN_INVALID_SIZE, "", {SET(batch, POWER(22)), SET(len, POWER(21)), SET(dim, POWER(21))}}, /* 2^64 */
    {CLATTN_INVALID_SIZE, "context", {SET(batch, POWER(10)), SET(context_len, POWER(11)), SET(context_dim, POWER(10))}},
    {CLATTN_INVALID_SIZE, "wq", {SET(heads, POWER(12)), SET(dim_head, 512), SET(dim, POWER(10))}},
    {CLATTN_INVALID_SIZE, "wkv", {SET(heads, POWER(12)), SET(kv_heads, 0), SET(dim_head, 256), SET(context_dim, 1024)}},
    {CLATTN_INVALID_SIZE, "", {SET(batch, POWER(10)), SET(len, POWER(10)), SET(dim, 1), SET(dim_head, 512)}}, /* Q */
    {CLATTN_INVALID_SIZE, "", {SET(batch, POWER(10)), SET(context_len, POWER(10)), SET(dim_head, 512)}}, /* K and V */
    {CLATTN_INVALID_ARGUMENT, "causal", {SET(score.causal, 2)}},
    {CLATTN_INVALID_ARGUMENT, "window", {SET(score.window, 2)}},
    {CLATTN_INVALID_SIZE, "window_left", {SET(score.window, 1), SET(score.window_left, -2)}},
    {CLATTN_INVALID_ARGUMENT, "kv_lengths", {SET(kv_lengths, -1)}},
    {CLATTN_INVALID_ARGUMENT, "align", {SET(score.align, 3)}},
    {CLATTN_INVALID_ARGUMENT, "align", {SET(score.align, -1)}},
    {CLATTN_INVALID_ARGUMENT, "scale", {SET(score.scale, FLOAT_NAN)}},
    {CLATTN_INVALID_ARGUMENT, "scale", {SET(score.scale, FLOAT_INFINITY)}},
    {CLATTN_INVALID_ARGUMENT, "scale", {SET(score.scale, FLOAT_MINUS_INFINITY)}},
    {CLATTN_INVALID_SIZE, "offset", {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, POWER(62) + 1)}},
    {CLATTN_INVALID_SIZE, "offset", {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, INT64_MIN)}},
    {CLATTN_INVALID_ARGUMENT, "mask_dim[0]", {MASK(3, 1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "mask_dim[0]", {MASK(0, 1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "mask_dim[1]", {MASK(2, 2, 7, 9)}}, /* kv_heads, not heads */
    {CLATTN_INVALID_ARGUMENT, "mask_dim[2]", {MASK(2, 4, 9, 7)}},
    {CLATTN_INVALID_ARGUMENT, "mask_dim[3]", {MASK(2, 1, 7, 0)}},
    {CLATTN_INVALID_ARGUMENT, "mask_dim[3]", {NO_CONTEXT, SET(context_dim, 0), MASK(1, 1, 7, 9)}}, /* M is 7 */
    {CLATTN_INVALID_ARGUMENT, "layer.score.dlse is 1; allowed is 0: lse is no output of a layer", {SET(score.dlse, 1)}},
    {CLATTN_INVALID_ARGUMENT, "score.sinks is 2", {SET(score.sinks, 2)}},
    {CLATTN_INVALID_ARGUMENT, "score.softcap", {SET(score.softcap, FLOAT_NAN)}},
    {CLATTN_INVALID_ARGUMENT, "score.bias_dim[1] is 0", {SET(score.bias_dim[0], 1)}},
    {CLATTN_INVALID_SIZE, "q_tile", {SET(q_tile, -1)}},
    {CLATTN_INVALID_SIZE, "k_tile", {SET(k_tile, INT64_MIN)}},
};

/* Values at the allowed limits, for the kernels of LINE. */
static const struct row good_layers[] = {
    {CLATTN_SUCCESS, NULL, {NO_CONTEXT, SET(context_dim, 24), MASK(2, 1, 7, 7)}},
    {CLATTN_SUCCESS, NULL, {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, -POWER(62)), MASK(2, 1, 7, 9)}},
    {CLATTN_SUCCESS, NULL, {SET(context_dim, 0), MASK(2, 4, 7, 9)}},
    {CLATTN_SUCCESS, NULL, {SET(kv_heads, 4), MASK(1, 1, 7, 9)}},
};

/* The layer of LINE, without the mask, with a row's changes. */
static clattn_layer changed_layer(const struct row *row)
{
    struct layer_case c;

    assert_int_equal(layer_case_parse(LINE, &c), 0);
    memset(c.layer.score.mask_dim, 0, sizeof c.layer.score.mask_dim);
    for (const struct change *change = row->changes; change->bytes > 0; change++) {
        const int32_t half = (int32_t)change->value;

        memcpy((char *)&c.layer + change->offset, change->bytes == 8 ? (const void *)&change->value : &half,
               change->bytes);
    }
    return c.layer;
}

static void test_layers(void **state)
{
    const struct device *device = *state;

    for (size_t n = 0; n < COUNT_OF(bad_layers); n++) {
        const clattn_layer layer = changed_layer(&bad_layers[n]);
        clattn_layer_plan *plan = POISON;
        const clattn_status status =
            clattn_layer_plan_create(device->context, &layer, CLATTN_FORWARD | CLATTN_BACKWARD, &plan);

        if (status != bad_layers[n].status || strstr(clattn_last_error(), bad_layers[n].part) == NULL) {
            fail_msg("row %zu gave %s, expected %s and \"%s\": %s", n, clattn_status_name(status),
                     clattn_status_name(bad_layers[n].status), bad_layers[n].part, clattn_last_error());
        }
        assert_null(plan);
        assert_int_equal(clattn_last_opencl_error(), CL_SUCCESS);
    }
    for (size_t n = 0; n < COUNT_OF(good_layers); n++) {
        const clattn_layer layer = changed_layer(&good_layers[n]);
        clattn_layer_plan *plan = POISON;

        assert_success(clattn_layer_plan_create(device->context, &layer, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
        assert_true(plan != NULL && plan != (clattn_layer_plan *)POISON);
        clattn_layer_plan_destroy(plan);
    }
}

static void test_passes(void **state)
{
    static const unsigned bad[] = {0,
                                   16,
                                   CLATTN_BACKWARD_DQ,
                                   CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV,
                                   CLATTN_FORWARD | CLATTN_BACKWARD_DV,
                                   31,
                                   0x80000001u,
                                   ~0u};
    const struct device *device = *state;
    struct layer_case c;

    assert_int_equal(layer_case_parse(LINE, &c), 0);
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        clattn_layer_plan *plan = POISON;

        assert_status(clattn_layer_plan_create(device->context, &c.layer, bad[n], &plan), CLATTN_INVALID_ARGUMENT,
                      "passes");
        assert_null(plan);
    }
}

/* ---- null pointers, sizes ---- */

static void test_null(void **state)
{
    const struct device *device = *state;
    clattn_layer_plan *plan = POISON;
    size_t bytes = 77;
    struct layer_case c;

    assert_int_equal(layer_case_parse(LINE, &c), 0);
    assert_status(clattn_layer_plan_create(NULL, &c.layer, CLATTN_FORWARD, &plan), CLATTN_INVALID_ARGUMENT,
                  "context is NULL");
    assert_null(plan);
    plan = POISON;
    assert_status(clattn_layer_plan_create(device->context, NULL, CLATTN_FORWARD, &plan), CLATTN_INVALID_ARGUMENT,
                  "layer is NULL");
    assert_null(plan);
    assert_status(clattn_layer_plan_create(device->context, &c.layer, CLATTN_FORWARD, NULL), CLATTN_INVALID_ARGUMENT,
                  "plan is NULL");
    assert_status(clattn_layer_workspace_size(NULL, CLATTN_FORWARD, &bytes), CLATTN_INVALID_ARGUMENT, "plan is NULL");
    assert_status(clattn_layer_saved_size(NULL, &bytes), CLATTN_INVALID_ARGUMENT, "plan is NULL");
    assert_int_equal(bytes, 77);
    clattn_layer_plan_destroy(NULL);
    assert_string_equal(clattn_layer_plan_describe(NULL), "");
}

static void test_sizes(void **state)
{
    static const unsigned bad[] = {0, CLATTN_BACKWARD_DQ, CLATTN_FORWARD | CLATTN_BACKWARD, 16, ~0u};
    struct layer_scene scene;
    size_t bytes = 77;

    layer_scene_open(&scene, *state, NULL, LINE, LAYER_APART);
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        assert_status(clattn_layer_workspace_size(scene.plan, bad[n], &bytes), CLATTN_INVALID_ARGUMENT, "pass");
    }
    assert_int_equal(bytes, 77);
    assert_status(clattn_layer_workspace_size(scene.plan, CLATTN_FORWARD, NULL), CLATTN_INVALID_ARGUMENT,
                  "bytes is NULL");
    assert_status(clattn_layer_saved_size(scene.plan, NULL), CLATTN_INVALID_ARGUMENT, "bytes is NULL");
    layer_scene_close(&scene);
}

/* The description has the device's and the layer's numbers. */
static void test_describe(void **state)
{
    const struct device *device = *state;
    struct layer_scene scene;

    layer_scene_open(&scene, device, NULL, LINE, LAYER_APART);
    assert_non_null(strstr(clattn_layer_plan_describe(scene.plan), "backward_"));
    assert_non_null(strstr(clattn_layer_plan_describe(scene.plan), "40")); /* context_dim */
    assert_non_null(strstr(clattn_context_describe(device->context), "CLBlast"));
    layer_scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers), cmocka_unit_test(test_passes),   cmocka_unit_test(test_null),
        cmocka_unit_test(test_sizes),  cmocka_unit_test(test_describe),
    };

    return cmocka_run_group_tests_name("layer_arguments", tests, device_setup, device_teardown);
}
