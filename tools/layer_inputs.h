/* SPDX-License-Identifier: Apache-2.0 */
/* Input files of clattn layer-forward and layer-backward: opens and checks them, fills in the
 * layer, then reads. */
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
    LAYER_SINK,
    SCORE_FILES(SCORE_FILE_LAYER_INPUT) LAYER_INPUTS
};

/* Opens the files of the options and fills *layer with sizes and options. All sizes are explicit,
 * except that context_len is 0 without a context. Returns -1, or the exit code after a message, as
 * does layer_inputs_read. The caller closes the files either way. */
int layer_inputs_open(input_file in[LAYER_INPUTS], const options *o, clattn_layer *layer);

/* Reads all elements and sets their pointers in *arrays. */
int layer_inputs_read(input_file in[LAYER_INPUTS], const clattn_layer *layer, clattn_layer_arrays *arrays);

#endif
