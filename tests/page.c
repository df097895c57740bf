/* SPDX-License-Identifier: Apache-2.0 */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif
#include "page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* after the three above */
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void page_open(struct page *page)
{
    const size_t bytes = (size_t)sysconf(_SC_PAGESIZE), usable = 16 * bytes;
    void *memory = mmap(NULL, usable + bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(memory != MAP_FAILED);
    page->begin = memory;
    page->end = page->begin + usable;
    assert_int_equal(mprotect(page->end, bytes, PROT_NONE), 0);
}

void page_close(struct page *page)
{
    assert_int_equal(munmap(page->begin, (size_t)(page->end - page->begin) + (size_t)sysconf(_SC_PAGESIZE)), 0);
}

void *page_put(const struct page *page, const void *object, size_t object_size, size_t size, int fill)
{
    unsigned char *at = page->end - size;

    memset(at - 16, 0xa5, 16);
    memset(at, fill, size);
    memcpy(at, object, object_size < size ? object_size : size);
    memcpy(at, &size, sizeof size);
    return at;
}
