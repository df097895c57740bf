/* SPDX-License-Identifier: Apache-2.0 */
/* PRINTF_LIKE(format, first): the compiler checks the arguments of a function as it does those of printf. */
#ifndef CLATTN_TOOLS_PRINTF_LIKE_H
#define CLATTN_TOOLS_PRINTF_LIKE_H

#ifdef __GNUC__
#define PRINTF_LIKE(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#else
#define PRINTF_LIKE(format_index, first_index)
#endif

#endif
