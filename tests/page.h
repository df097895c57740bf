/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends at an inaccessible page. */
#ifndef CLATTN_TESTS_PAGE_H
#define CLATTN_TESTS_PAGE_H

#include <stddef.h>

struct page {
    unsigned char *begin, *end; /* 16 pages; the page behind them is inaccessible */
};

/* A failure fails the running cmocka test. */
void page_open(struct page *page);
void page_close(struct page *page);

/* Puts a struct of `size` bytes at the end of the pages: `object_size` bytes of `object`, then
 * bytes of `fill`. Sets its struct_size to `size`. Bytes of 0xa5 precede it. */
void *page_put(const struct page *page, const void *object, size_t object_size, size_t size, int fill);

#endif
