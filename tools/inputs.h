/* Input files: opened, their shapes checked against each other and made a problem, then read. */
#ifndef CLATTN_TOOLS_INPUTS_H
#define CLATTN_TOOLS_INPUTS_H

#include "npy.h"
#include "options.h"

enum { IN_Q, IN_K, IN_V, IN_DOUT, IN_MASK, IN_KV_LEN, INPUTS };

typedef struct inputs {
    const char *path[INPUTS]; /* NULL: not given */
    npy_file file[INPUTS];
    void *data[INPUTS]; /* owned */
} inputs;

/* Opens what the options name and fills *problem with sizes and options. Returns -1, or the exit code after a message;
 * so inputs_read. */
int inputs_open(inputs *in, const options *o, clattn_problem *problem);

/* Reads all elements and puts them, with their strides, into *arrays. */
int inputs_read(inputs *in, const options *o, const clattn_problem *problem, clattn_arrays *arrays);

/* Closes and frees; fine at any time after a zero-initialisation. */
void inputs_close(inputs *in);

/* An array of (B,H,rows,depth) in a file's layout. */
clattn_array make_array(void *data, bool bnhd, int64_t heads, int64_t rows, int64_t depth);

#endif
