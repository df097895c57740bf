/* SPDX-License-Identifier: Apache-2.0 */
/* Input files of clattn forward and backward: opens and checks them, fills in the problem, then
 * reads. */
#ifndef CLATTN_TOOLS_INPUTS_H
#define CLATTN_TOOLS_INPUTS_H

#include "input_files.h"
#include "options.h"

#define SCORE_FILE_INPUT(slot, member, of, shape, whole, fewer, help) IN_##slot,
enum { IN_Q, IN_K, IN_V, IN_DOUT, IN_DLSE, IN_KV_LEN, IN_SINK, SCORE_FILES(SCORE_FILE_INPUT) INPUTS };

/* Opens the files of the options and fills *problem with sizes and options. Returns -1, or the exit
 * code after a message, as does inputs_read. The caller closes the files either way. */
int inputs_open(input_file in[INPUTS], const options *o, clattn_problem *problem);

/* Reads all elements and sets data and strides in *arrays. */
int inputs_read(input_file in[INPUTS], const options *o, const clattn_problem *problem, clattn_arrays *arrays);

/* A (B,H,rows,depth) array in the layout of a file. */
clattn_const_array make_const_array(const void *data, bool bnhd, int64_t heads, int64_t rows, int64_t depth);
clattn_array make_array(void *data, bool bnhd, int64_t heads, int64_t rows, int64_t depth);

#endif
