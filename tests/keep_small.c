/* SPDX-License-Identifier: Apache-2.0 */
/* For LD_PRELOAD: frees small blocks late, so that no new block soon reuses an old one's address.
 * Without it PoCL 6 miscompiles some kernels: see docs/testing.md, traps. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

enum { SMALL = 256 }; /* bytes; LLVM's values are smaller */
/* Bytes of blocks in the queue: more than compiling a kernel allocates. */
static const size_t most_kept = (size_t)2 << 30;

/* The queue's links, stored in the blocks. */
struct block {
    struct block *next;
};

static struct block *oldest, *newest;
static size_t kept;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void free(void *memory);

static void give_back(void *memory)
{
    static void (*real_free)(void *);

    if (real_free == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "free");
        memcpy(&real_free, &symbol, sizeof real_free); /* ISO C cannot cast object pointers to function pointers */
    }
    real_free(memory);
}

/* Appends a block to the queue. Returns the oldest one if the queue is full. */
static struct block *exchange(struct block *block, size_t size)
{
    struct block *leaving = NULL;

    pthread_mutex_lock(&lock);
    block->next = NULL;
    if (newest != NULL) {
        newest->next = block;
    } else {
        oldest = block;
    }
    newest = block;
    kept += size;
    if (kept > most_kept) {
        leaving = oldest;
        oldest = oldest->next;
        kept -= malloc_usable_size(leaving);
    }
    pthread_mutex_unlock(&lock);
    return leaving;
}

void free(void *memory)
{
    const size_t size = memory != NULL ? malloc_usable_size(memory) : 0;

    if (memory != NULL && size <= SMALL && size >= sizeof(struct block)) {
        memory = exchange(memory, size);
    }
    if (memory != NULL) {
        give_back(memory);
    }
}
