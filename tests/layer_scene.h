/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's case on a device: its tensors in buffers, its plan, its workspace.
 *
 * LAYER_ROOM: all tensors in one buffer, at odd offsets, a guard pattern before, between and behind them. LAYER_APART:
 * each in a buffer of its own that is exactly as large. Either way `image` has them all, guards included, as the device
 * gets them: inputs, NaN in outputs (numbers where the case accumulates). */
#ifndef CLATTN_TESTS_LAYER_SCENE_H
#define CLATTN_TESTS_LAYER_SCENE_H

#include "device.h"

#include "layer_case.h"
#include "layer_reference.h"

enum layer_placement { LAYER_ROOM, LAYER_APART };

struct layer_scene {
    const struct device *device;
    struct layer_case c;
    struct layer_data data;
    unsigned char *image;
    size_t image_bytes;
    size_t at[LAYER_SLOTS]; /* bytes from the start of the image; 0: no such tensor */
    enum layer_placement placement;
    cl_mem room;
    cl_mem mem[LAYER_SLOTS];      /* the room, or the tensor's own */
    clattn_layer_tensors tensors; /* as the case calls for them */
    clattn_layer_plan *plan;      /* both passes */
    size_t workspace_bytes[2];    /* forward, backward */
    cl_mem workspace[2];          /* exactly that large, full of NaN; NULL where that is 0 */
};

/* `context` makes the plan; NULL: the device's. */
void layer_scene_open(struct layer_scene *scene, const struct device *device, clattn_context *context, const char *line,
                      enum layer_placement placement);
/* Data and image alone, without a device, for the runner. */
void layer_scene_prepare(struct layer_scene *scene, const char *line);
void layer_scene_close(struct layer_scene *scene);

/* Gives all buffers what they held at the start; they have the same tensors. */
void layer_scene_reset(const struct layer_scene *scene);
/* The image as it is on the device, once the device's queue is done; the caller frees it. */
unsigned char *layer_scene_read(const struct layer_scene *scene);
/* All tensors and guards are as they were at the start. */
int layer_scene_is_untouched(const struct layer_scene *scene);

/* Forward, then backward, on an in-order queue, and waits. Any thread may call it. */
clattn_status layer_scene_run(const struct layer_scene *scene, const clattn_layer_plan *plan, cl_command_queue queue);

/* Fails, with the case's line, where an image is not what the passes must leave: `written` are the bits of slots that
 * they write, compared with the truth; everything else must be as at the start. */
void layer_scene_compare(const struct layer_scene *scene, const struct layer_truth *truth, const unsigned char *image,
                         unsigned written);
/* What the case's passes write: out, saved, and the gradients that it asks for and has. */
unsigned layer_scene_writes(const struct layer_scene *scene);

/* Makes the truth, or fails. */
void layer_scene_truth(const struct layer_scene *scene, struct layer_truth *truth);

#endif
