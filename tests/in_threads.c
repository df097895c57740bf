#include "in_threads.h"

#include <pthread.h>
#include <unistd.h>

enum { MOST_THREADS = 32 };

struct part {
    void (*work)(void *self, size_t first, size_t past);
    void *self;
    size_t first, past;
};

static void *run_part(void *arg)
{
    const struct part *part = arg;

    part->work(part->self, part->first, part->past);
    return NULL;
}

static size_t count_parts(size_t count, size_t least)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t most = processors < 1 ? 1 : processors < MOST_THREADS ? (size_t)processors : MOST_THREADS;
    const size_t parts = count / (least > 0 ? least : 1);

    return parts < 1 ? 1 : parts < most ? parts : most;
}

void in_threads(size_t count, size_t least, void (*work)(void *self, size_t first, size_t past), void *self)
{
    const size_t parts = count_parts(count, least);
    struct part part[MOST_THREADS];
    pthread_t thread[MOST_THREADS];
    int started[MOST_THREADS];

    for (size_t n = 0; n < parts; n++) {
        part[n] = (struct part){work, self, count / parts * n, n + 1 < parts ? count / parts * (n + 1) : count};
        started[n] = n + 1 < parts && pthread_create(&thread[n], NULL, run_part, &part[n]) == 0;
        if (!started[n]) {
            run_part(&part[n]);
        }
    }
    for (size_t n = 0; n < parts; n++) {
        if (started[n]) {
            pthread_join(thread[n], NULL);
        }
    }
}
