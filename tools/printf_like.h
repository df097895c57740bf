/* SPDX-License-Identifier: Apache-2.0 */
/* PRINTF_LIKE(format, first): makes the compiler check a function's arguments as it does
 * printf's. */
#ifndef CLATTN_TOOLS_PRINTF_LIKE_H
#define CLATTN_TOOLS_PRINTF_LIKE_H

#ifdef __GNUC__
#define PRINTF_LIKE(format_index, first_index) __attribute__((format(printf, format_index, first_index)))
#else
#define PRINTF_LIKE(format_index, first_index)
#endif

#endif
