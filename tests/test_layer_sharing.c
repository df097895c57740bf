/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of a layer that share bytes: outputs with inputs, with each other, with the workspace.
 * Adjacent tensors share none and must be accepted. */
#include "layer_refusal.h"

/* Bytes in units of the slot's elements, rounded up. */
static size_t elements_in(enum layer_slot slot, size_t bytes)
{
    return (bytes + layer_element(slot) - 1) / layer_element(slot);
}

/* An output directly behind or before the other tensor in the room is accepted; one element nearer
 * it is refused. */
static void check_pair(const struct layer_refusal *f, const struct layer_scene *scene, int backward,
                       enum layer_slot output, enum layer_slot other)
{
    const size_t length = scene->data.bytes[output];
    const size_t other_length = scene->data.bytes[other];
    const struct {
        size_t output, other; /* bytes */
        int shares;
    } places[] = {{0, 0, 1},
                  {(other_length - 1) / 4 * 4, 0, 1},
                  {(other_length + 3) / 4 * 4, 0, 0},
                  {4, 4 + length - layer_element(other), 1},
                  {4, 4 + length, 0}};

    for (size_t n = 0; n < COUNT_OF(places); n++) {
        struct layer_call call = layer_call(scene, backward);

        layer_put(&call.tensors, output, f->room, elements_in(output, places[n].output));
        layer_put(&call.tensors, other, f->room, elements_in(other, places[n].other));
        if (places[n].shares) {
            assert_layer_refused(f, &call, CLATTN_OVERLAP, layer_slot_name(output), layer_slot_name(other), n == 0);
        } else {
            assert_layer_accepted(f, &call, layer_slot_name(output));
        }
    }
}

static void test_pairs(void **state)
{
    const struct layer_refusal *f = *state;

    for (int backward = 0; backward < 2; backward++) {
        for (enum layer_slot output = LAYER_X; output < LAYER_SLOTS; output++) {
            for (enum layer_slot other = LAYER_X; other < LAYER_SLOTS; other++) {
                if (layer_writes(backward, output) && layer_uses(backward, other) && output != other) {
                    check_pair(f, &f->scene, backward, output, other);
                }
            }
        }
    }
    check_pair(f, &f->self, 1, LAYER_DX, LAYER_X);
}

/* Inputs may share bytes. */
static void test_inputs_share(void **state)
{
    const struct layer_refusal *f = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct layer_call call = layer_call(&f->scene, backward);

        for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
            if (layer_uses(backward, slot) && !layer_writes(backward, slot)) {
                layer_put(&call.tensors, slot, f->room, 0);
            }
        }
        assert_layer_accepted(f, &call, "all inputs at one place");
    }
}

static void test_workspace_shares(void **state)
{
    const struct layer_refusal *f = *state;

    for (int backward = 0; backward < 2; backward++) {
        for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
            struct layer_call call = layer_call(&f->scene, backward);

            if (!layer_uses(backward, slot)) {
                continue;
            }
            call.workspace = f->room;
            layer_put(&call.tensors, slot, f->room, elements_in(slot, f->scene.workspace_bytes[backward]) - 1);
            assert_layer_refused(f, &call, CLATTN_OVERLAP, "workspace", layer_slot_name(slot), 1);
            layer_put(&call.tensors, slot, f->room, elements_in(slot, f->scene.workspace_bytes[backward]));
            assert_layer_accepted(f, &call, "a tensor behind the workspace");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_inputs_share),
        cmocka_unit_test(test_workspace_shares),
    };

    return cmocka_run_group_tests_name("layer_sharing", tests, layer_refusal_setup, layer_refusal_teardown);
}
