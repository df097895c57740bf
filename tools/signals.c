/* SPDX-License-Identifier: Apache-2.0 */
#include "signals.h"

#include "message.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static const int ending_signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

/* Both are set before the thread starts. */
static sigset_t ending;
static void (*clean_up_files)(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether a signal came; came_lock protects it. */
static pthread_mutex_t came_lock = PTHREAD_MUTEX_INITIALIZER;
static bool came;

static bool signal_came(bool now)
{
    pthread_mutex_lock(&came_lock);
    came = came || now;
    bool result = came;
    pthread_mutex_unlock(&came_lock);
    return result;
}

void signals_hold(void)
{
    pthread_mutex_lock(&lock);
}

/* After a signal, waits here for the end of the program. The mutex alone is not enough: this thread
 * could lock it again before end_by_signal does, and the program would end as if no signal had
 * come. */
void signals_release(void)
{
    pthread_mutex_unlock(&lock);
    while (signal_came(false)) {
        pause();
    }
}

/* Keeps the lock: the program ends here. */
static void *end_by_signal(void *unused)
{
    int number;
    while (sigwait(&ending, &number) != 0) {
    }
    signal_came(true);
    signals_hold();
    clean_up_files();
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    raise(number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL); /* runs the default action, so that the parent process sees the signal */
    return unused;
}

/* Collects the signals with their default action. Ignored ones (nohup) stay ignored. */
static void list_ending_signals(void)
{
    sigemptyset(&ending);
    for (size_t i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
        struct sigaction action;
        if (sigaction(ending_signals[i], NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
            sigaddset(&ending, ending_signals[i]);
        }
    }
}

/* Ignores the signals of failed writes: the write's error is reported instead. */
static void ignore_failed_writes(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_IGN;
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
}

int signals_begin(void (*clean_up)(void))
{
    pthread_t thread;
    clean_up_files = clean_up;
    list_ending_signals();
    ignore_failed_writes();
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    if (pthread_create(&thread, NULL, end_by_signal, NULL) != 0) {
        return failed("no thread for signals");
    }
    pthread_detach(thread);
    return -1;
}
