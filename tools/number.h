/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers on the command line. */
#ifndef CLATTN_TOOLS_NUMBER_H
#define CLATTN_TOOLS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Parses a whole decimal number within [least, most]; false if the text is anything else. */
bool parse_integer(const char *text, int64_t least, int64_t most, int64_t *value);

#endif
