/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 68, PATTERN = 0xa5 }; /* bytes: 17 floats, so that most tensors are aligned to one float only */

/* ---- the image ---- */

static void place(struct layer_scene *scene)
{
    size_t at = GUARD;

    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        if (scene->data.bytes[slot] > 0) {
            scene->at[slot] = at;
            at += (scene->data.bytes[slot] + 3) / 4 * 4 + GUARD;
        }
    }
    scene->image_bytes = at;
    scene->image = malloc(at);
    assert_non_null(scene->image);
    memset(scene->image, PATTERN, at);
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        if (scene->data.bytes[slot] > 0) {
            memcpy(scene->image + scene->at[slot], scene->data.slot[slot], scene->data.bytes[slot]);
        }
    }
}

static void make_buffers(struct layer_scene *scene)
{
    cl_context cl = scene->device->cl;
    clattn_layer_tensors *t = &scene->tensors;

    *t = (clattn_layer_tensors)CLATTN_LAYER_TENSORS_INIT;
    t->accumulate = scene->c.accumulate;
    if (scene->placement == LAYER_ROOM) {
        scene->room = device_buffer(cl, scene->image_bytes, scene->image);
    }
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        const size_t bytes = scene->data.bytes[slot];
        const size_t offset = scene->room != NULL ? scene->at[slot] / layer_element(slot) : 0;

        if (bytes > 0) {
            scene->mem[slot] = scene->room != NULL ? scene->room : device_buffer(cl, bytes, scene->data.slot[slot]);
        }
        if (layer_strided(t, slot) != NULL) {
            *layer_strided(t, slot) =
                (clattn_tensor){.mem = scene->mem[slot], .offset = scene->mem[slot] != NULL ? offset : 0};
        } else if (bytes > 0 && (slot < LAYER_DX || (scene->c.gradients >> slot & 1))) {
            *layer_block(t, slot) = (clattn_block){scene->mem[slot], offset};
        }
    }
}

void layer_scene_prepare(struct layer_scene *scene, const char *line)
{
    memset(scene, 0, sizeof *scene);
    if (layer_case_parse(line, &scene->c) != 0) {
        fail_msg("%s: there is a word that is none", line);
    }
    assert_int_equal(layer_data_make(&scene->c, &scene->data), 0);
    place(scene);
}

void layer_scene_open(struct layer_scene *scene, const struct device *device, clattn_context *context, const char *line,
                      enum layer_placement placement)
{
    static const unsigned passes[2] = {CLATTN_FORWARD, CLATTN_BACKWARD};

    layer_scene_prepare(scene, line);
    scene->device = device;
    scene->placement = placement;
    make_buffers(scene);
    if (clattn_layer_plan_create(context != NULL ? context : device->context, &scene->c.layer,
                                 CLATTN_FORWARD | CLATTN_BACKWARD, &scene->plan) != CLATTN_SUCCESS) {
        fail_msg("%s: no plan: %s", line, clattn_last_error());
    }
    for (int n = 0; n < 2; n++) {
        assert_success(clattn_layer_workspace_size(scene->plan, passes[n], &scene->workspace_bytes[n]));
        if (scene->workspace_bytes[n] > 0) {
            scene->workspace[n] = device_buffer(device->cl, scene->workspace_bytes[n], NULL);
        }
    }
}

void layer_scene_close(struct layer_scene *scene)
{
    clattn_layer_plan_destroy(scene->plan);
    for (int n = 0; n < 2; n++) {
        if (scene->workspace[n] != NULL) {
            assert_cl(clReleaseMemObject(scene->workspace[n]));
        }
    }
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        if (scene->mem[slot] != NULL && scene->room == NULL) {
            assert_cl(clReleaseMemObject(scene->mem[slot]));
        }
    }
    if (scene->room != NULL) {
        assert_cl(clReleaseMemObject(scene->room));
    }
    free(scene->image);
    layer_data_free(&scene->data);
}

/* Copies the image to or from the device. */
static void transfer(const struct layer_scene *scene, unsigned char *image, int to_device)
{
    const cl_command_queue queue = scene->device->queue;

    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        const int whole = scene->room != NULL;
        cl_mem mem = whole ? scene->room : scene->mem[slot];
        const size_t bytes = whole ? scene->image_bytes : scene->data.bytes[slot];
        unsigned char *host = whole ? image : image + scene->at[slot];

        if (mem != NULL && to_device) {
            assert_cl(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, bytes, host, 0, NULL, NULL));
        } else if (mem != NULL) {
            assert_cl(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, bytes, host, 0, NULL, NULL));
        }
        if (whole) {
            break;
        }
    }
}

void layer_scene_reset(const struct layer_scene *scene)
{
    const unsigned char nan[4] = {0xff, 0xff, 0xff, 0xff};

    transfer(scene, scene->image, 1);
    for (int n = 0; n < 2; n++) {
        if (scene->workspace[n] != NULL) {
            assert_cl(clEnqueueFillBuffer(scene->device->queue, scene->workspace[n], nan, 4, 0,
                                          scene->workspace_bytes[n], 0, NULL, NULL));
        }
    }
    assert_cl(clFinish(scene->device->queue));
}

unsigned char *layer_scene_read(const struct layer_scene *scene)
{
    unsigned char *image = malloc(scene->image_bytes);

    assert_non_null(image);
    memset(image, PATTERN, scene->image_bytes); /* bytes that are in no buffer */
    transfer(scene, image, 0);
    return image;
}

int layer_scene_is_untouched(const struct layer_scene *scene)
{
    unsigned char *image = layer_scene_read(scene);
    const int same = memcmp(image, scene->image, scene->image_bytes) == 0;

    free(image);
    return same;
}

clattn_status layer_scene_run(const struct layer_scene *scene, const clattn_layer_plan *plan, cl_command_queue queue)
{
    const clattn_layer_tensors *t = &scene->tensors;
    clattn_status status = clattn_layer_enqueue_forward(plan, queue, t, scene->workspace[0], 0, NULL, NULL);

    if (status == CLATTN_SUCCESS) {
        status = clattn_layer_enqueue_backward(plan, queue, t, scene->workspace[1], 0, NULL, NULL);
    }
    if (clFinish(queue) != CL_SUCCESS && status == CLATTN_SUCCESS) {
        status = CLATTN_OPENCL_ERROR;
    }
    return status;
}

/* ---- comparing ---- */

unsigned layer_scene_writes(const struct layer_scene *scene)
{
    unsigned written = 1u << LAYER_OUT | 1u << LAYER_SAVED;

    for (enum layer_slot slot = LAYER_DX; slot < LAYER_SLOTS; slot++) {
        written |= scene->data.bytes[slot] > 0 ? scene->c.gradients & 1u << slot : 0;
    }
    return written;
}

/* Compares an element; NaN and infinity must be expected. Accumulating rounds a sum once more. */
static int is_close(float found, double expected, double tolerance)
{
    if (isnan(expected)) {
        return isnan(found);
    }
    if (isinf(expected)) {
        return (double)found == expected;
    }
    return fabs((double)found - expected) <= tolerance + 0x1p-23 * fabs(expected);
}

static void compare_slot(const struct layer_scene *scene, const struct layer_truth *truth, enum layer_slot slot,
                         const unsigned char *image)
{
    const size_t count = layer_count(&scene->c.layer, slot);
    const int adds = scene->c.accumulate && (LAYER_SUMS >> slot & 1);
    double worst = 0.0;

    for (size_t n = 0; n < count; n++) {
        const double tolerance = layer_tolerance(truth, slot, n);
        double expected = truth->tensor[slot][n];
        float found, before;

        memcpy(&found, image + scene->at[slot] + 4 * n, sizeof found);
        memcpy(&before, scene->image + scene->at[slot] + 4 * n, sizeof before);
        expected += adds ? (double)before : 0.0;
        if (!is_close(found, expected, tolerance)) {
            fail_msg("%s: %s[%zu] of %zu is %.9g, expected %.9g within %.3g", scene->c.line, layer_slot_name(slot), n,
                     count, (double)found, expected, tolerance);
        }
        worst = isfinite(expected) ? fmax(worst, fabs((double)found - expected) / tolerance) : worst;
    }
    if (getenv("CLATTN_TEST_RATIOS") != NULL) {
        print_message("%s: %s: %.3f of the tolerance\n", scene->c.line, layer_slot_name(slot), worst);
    }
}

void layer_scene_compare(const struct layer_scene *scene, const struct layer_truth *truth, const unsigned char *image,
                         unsigned written)
{
    unsigned char *outside = malloc(scene->image_bytes);

    assert_non_null(outside);
    memcpy(outside, image, scene->image_bytes);
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        if (written >> slot & 1) {
            compare_slot(scene, truth, slot, image);
            memcpy(outside + scene->at[slot], scene->image + scene->at[slot], scene->data.bytes[slot]);
        }
    }
    for (size_t n = 0; n < scene->image_bytes; n++) {
        if (outside[n] != scene->image[n]) {
            enum layer_slot slot = LAYER_SLOTS;

            while (slot > LAYER_X && (scene->at[slot - 1] == 0 || n < scene->at[slot - 1])) {
                slot--;
            }
            fail_msg("%s: byte %zu after the start of %s was written, which is %zu bytes long", scene->c.line,
                     slot > LAYER_X ? n - scene->at[slot - 1] : n, slot > LAYER_X ? layer_slot_name(slot - 1) : "all",
                     slot > LAYER_X ? scene->data.bytes[slot - 1] : 0);
        }
    }
    free(outside);
}

void layer_scene_truth(const struct layer_scene *scene, struct layer_truth *truth)
{
    const clattn_layer_arrays arrays = layer_data_arrays(&scene->c, &scene->data);

    assert_int_equal(layer_reference(&scene->c.layer, &arrays, truth), 0);
}
