/* SPDX-License-Identifier: Apache-2.0 */
/* To be preloaded (LD_PRELOAD): small blocks of memory are never given back, so that none comes to lie where another was.
 * PoCL 6 compiles some kernels wrongly otherwise: see docs/testing.md, traps. */
#include <dlfcn.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>

enum { SMALL = 256 }; /* bytes; LLVM's values are less */

void free(void *memory);

void free(void *memory)
{
    static void (*give_back)(void *);

    if (memory == NULL || malloc_usable_size(memory) <= SMALL) {
        return;
    }
    if (give_back == NULL) {
        void *symbol = dlsym(RTLD_NEXT, "free");
        memcpy(&give_back, &symbol, sizeof give_back); /* ISO C has no cast between the two */
    }
    give_back(memory);
}
