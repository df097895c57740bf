/* SPDX-License-Identifier: Apache-2.0 */
#include "in_threads.h"

#include <pthread.h>
#include <unistd.h>

enum { MOST_THREADS = 32 };

struct part {
    int (*work)(void *self, size_t first, size_t past);
    void *self;
    size_t first, past;
    int result;
};

static void *run_part(void *arg)
{
    struct part *part = arg;

    part->result = part->work(part->self, part->first, part->past);
    return NULL;
}

static size_t count_parts(size_t count, size_t least)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t most = processors < 1 ? 1 : processors < MOST_THREADS ? (size_t)processors : MOST_THREADS;
    const size_t parts = count / (least > 0 ? least : 1);

    return parts < 1 ? 1 : parts < most ? parts : most;
}

int in_threads(size_t count, size_t least, int (*work)(void *self, size_t first, size_t past), void *self)
{
    const size_t parts = count_parts(count, least);
    struct part part[MOST_THREADS];
    pthread_t thread[MOST_THREADS];
    int started[MOST_THREADS];
    int result = 0;

    for (size_t n = 0; n < parts; n++) {
        part[n] = (struct part){work, self, count / parts * n, n + 1 < parts ? count / parts * (n + 1) : count, 0};
        started[n] = n + 1 < parts && pthread_create(&thread[n], NULL, run_part, &part[n]) == 0;
        if (!started[n]) {
            run_part(&part[n]);
        }
    }
    for (size_t n = 0; n < parts; n++) {
        if (started[n]) {
            pthread_join(thread[n], NULL);
        }
        result = result != 0 || part[n].result != 0;
    }
    return result;
}
