/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as words of a command line. */
#ifndef CLATTN_TOOLS_NUMBER_H
#define CLATTN_TOOLS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A whole decimal number, nothing before or after it, within [least, most]; false where the text is no such number. */
bool parse_integer(const char *text, int64_t least, int64_t most, int64_t *value);

#endif
