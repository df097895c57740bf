/* SPDX-License-Identifier: Apache-2.0 */
/* Input files of clattn layer-forward and layer-backward: opened, checked and made a layer, then read. */
#ifndef CLATTN_TOOLS_LAYER_INPUTS_H
#define CLATTN_TOOLS_LAYER_INPUTS_H

#include "input_files.h"
#include "options.h"

#define SCORE_FILE_LAYER_INPUT(slot, member, of, shape, whole, fewer, help) LAYER_##slot,
enum {
    LAYER_X,
    LAYER_CONTEXT,
    LAYER_WQ,
    LAYER_WKV,
    LAYER_WO,
    LAYER_BQ,
    LAYER_BKV,
    LAYER_BO,
    LAYER_DOUT,
    LAYER_KV_LEN,
    SCORE_FILES(SCORE_FILE_LAYER_INPUT) LAYER_INPUTS
};

/* Opens what the options name and fills *layer with sizes, none of them left to its default but context_len where there
 * is no context, and options. Returns -1, or the exit code after a message; so layer_inputs_read. The caller closes the
 * files in any case. */
int layer_inputs_open(input_file in[LAYER_INPUTS], const options *o, clattn_layer *layer);

/* Reads all elements and puts them into *arrays. */
int layer_inputs_read(input_file in[LAYER_INPUTS], const clattn_layer *layer, clattn_layer_arrays *arrays);

#endif
