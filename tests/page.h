/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends where nothing may be read or written any more. */
#ifndef CLATTN_TESTS_PAGE_H
#define CLATTN_TESTS_PAGE_H

#include <stddef.h>

struct page {
    unsigned char *begin, *end; /* 16 pages, and behind them the one that is out of bounds */
};

/* What fails here fails the cmocka test that is running. */
void page_open(struct page *page);
void page_close(struct page *page);

/* `size` bytes at the end: the struct, of which `object_size` bytes are given, and `fill` behind them. Its struct_size
 * becomes `size`. Before it are bytes of 0xa5. */
void *page_put(const struct page *page, const void *object, size_t object_size, size_t size, int fill);

#endif
