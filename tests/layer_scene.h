/* SPDX-License-Identifier: Apache-2.0 */
/* A layer's case on a device: its tensors in buffers, its plan, its workspace.
 *
 * LAYER_ROOM: all tensors in one buffer, at odd offsets, with a guard pattern before, between and
 * behind them. LAYER_APART: each in its own buffer of exactly its size. Either way `image` holds
 * the initial contents, guards included: inputs, and NaN in outputs (numbers where the case
 * accumulates). */
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
    cl_mem mem[LAYER_SLOTS];      /* the shared buffer, or the tensor's own */
    clattn_layer_tensors tensors; /* tensors of the case */
    clattn_layer_plan *plan;      /* both passes */
    size_t workspace_bytes[2];    /* forward, backward */
    cl_mem workspace[2];          /* of exactly these sizes, full of NaN; NULL: size 0 */
};

/* Makes the scene. `context` makes the plan; NULL: the device's context. */
void layer_scene_open(struct layer_scene *scene, const struct device *device, clattn_context *context, const char *line,
                      enum layer_placement placement);
/* Makes only data and image, without a device, for the runner. */
void layer_scene_prepare(struct layer_scene *scene, const char *line);
void layer_scene_close(struct layer_scene *scene);

/* Restores the initial contents of all buffers. */
void layer_scene_reset(const struct layer_scene *scene);
/* Waits for the device's queue and reads the image from the device; the caller frees it. */
unsigned char *layer_scene_read(const struct layer_scene *scene);
/* 1 if all tensors and guards have their initial contents. */
int layer_scene_is_untouched(const struct layer_scene *scene);

/* Runs forward, then backward on an in-order queue, and waits. Any thread may call it. */
clattn_status layer_scene_run(const struct layer_scene *scene, const clattn_layer_plan *plan, cl_command_queue queue);

/* Compares an image after the passes: slots in `written` (bits) with the truth, everything else
 * with the initial contents. Fails with the case's line. */
void layer_scene_compare(const struct layer_scene *scene, const struct layer_truth *truth, const unsigned char *image,
                         unsigned written);
/* The slots that the case's passes write, as bits: out, saved, and the requested gradients that the
 * case has. */
unsigned layer_scene_writes(const struct layer_scene *scene);

/* Computes the truth, or fails. */
void layer_scene_truth(const struct layer_scene *scene, struct layer_truth *truth);

#endif
