/* SPDX-License-Identifier: Apache-2.0 */
/* How each kind of option reads its value: a function of the table of options.c. */
#ifndef CLATTN_TOOLS_OPTION_VALUES_H
#define CLATTN_TOOLS_OPTION_VALUES_H

#include "options.h"

#include <stddef.h>

/* Parses one member, at the offset `member` of *o where several options share the function. Returns NULL, or on
 * failure a text of what is allowed. */
typedef const char *setter(options *o, const char *text, size_t member);

setter set_text, set_file; /* a file's name is not empty */
setter set_flag, set_causal;
setter add_case;            /* --case of tune, the only option that may be repeated */
setter set_tile, set_heads; /* whole numbers from 0, from 1 */
setter set_align, set_window, set_scale, set_softcap;
setter set_engine, set_dtype, set_layout;
setter set_tier, set_part, set_seconds;

#endif
