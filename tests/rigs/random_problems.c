/* SPDX-License-Identifier: Apache-2.0 */
/* Random problems on guarded memory, against the reference.
 *
 *   random_problems [--engine E] [--device W] [--seed S] [--count N | --seconds T] [--least N] [--memory any|bytes]
 *                   [--case "LINE"] [--plant BUG:BUFFER]
 *
 *   --seed      seed of the first problem (0); the next ones follow. A seed gives the same problem everywhere
 *   --seconds   run for so long, but at least --least problems (1)
 *   --memory    bytes: no guard pages, as on a device that copies buffers
 *   --case      a line of check/cases.h instead of the drawn problem
 *   --plant     plant a bug (past, before, write or value) in the named buffer, which the rig must find
 *
 * E defaults to CLATTN_TEST_ENGINE, W to CLATTN_TEST_DEVICE; CLATTN_TEST_BUILD_OPTIONS are options
 * for the OpenCL compiler. A failure is one line: the seed, the case, what is wrong. The same
 * --seed and engine reproduce it. */
#include "session.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN_FAILURES = 10, REPEAT_EVERY = 8 };

struct arguments {
    clattn_engine engine;
    const char *device, *line, *planted;
    uint64_t seed, count, least;
    double seconds; /* 0: use count */
    int bytes;
    enum guarded_plant plant;
};

/* Counts to print at the end. */
struct tally {
    uint64_t run, failed, refused, on_engine, tuned, paged;
    double worst[CHECK_TENSORS];
};

/* ---- a kernel that leaves its buffer ---- */

static struct session session;
static char running[CASE_LINE_SIZE + 64]; /* "seed 7: b1 h1 ..." */

static void on_fault(int signal, siginfo_t *info, void *context)
{
    static char text[sizeof running + 256];
    static volatile sig_atomic_t reported; /* by one thread alone */
    const char *name;
    long past = 0;
    int length;

    (void)context;
    while (reported) {
        pause();
    }
    reported = 1;
    name = guarded_find(&session.guarded, info->si_addr, &past);
    if (name != NULL) {
        length = snprintf(text, sizeof text, "FAILED %s: a kernel left buffer %s: %ld bytes %s\n", running, name,
                          past < 0 ? -past : past, past < 0 ? "before its start" : "past its end");
    } else {
        length = snprintf(text, sizeof text, "FAILED %s: signal %d at %p, which is beside no buffer\n", running, signal,
                          info->si_addr);
    }
    if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0) {
        _exit(3);
    }
    _exit(2);
}

static void catch_faults(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    sigfillset(&action.sa_mask);
    for (size_t n = 0; n < sizeof signals / sizeof signals[0]; n++) {
        sigaction(signals[n], &action, NULL);
    }
}

/* ---- a problem ---- */

/* Plans the case and counts whether the plan uses the configuration's engine and tuned rows.
 * Returns 0 if the plan is refused with DEVICE_LIMIT, which is a valid answer. */
static int look_at_plan(const struct draw_configuration *configuration, const struct test_case *c, struct tally *tally)
{
    char engine[64];
    clattn_plan *plan;
    const clattn_status status = clattn_plan_create(session.context, &c->problem, c->passes, &plan);

    snprintf(engine, sizeof engine, "engine %s", clattn_engine_name(configuration->engine));
    if (status == CLATTN_SUCCESS) {
        const char *text = clattn_plan_describe(plan);

        tally->on_engine += strstr(text, engine) != NULL;
        tally->tuned += strstr(text, "(tuned on this device)") != NULL;
        clattn_plan_destroy(plan);
    }
    tally->refused += status == CLATTN_DEVICE_LIMIT;
    return status != CLATTN_DEVICE_LIMIT;
}

static void run_problem(const struct draw_configuration *configuration, const struct test_case *c, uint64_t seed,
                        struct tally *tally)
{
    const unsigned passes =
        CLATTN_FORWARD | CLATTN_BACKWARD | CHECK_CHANCE | (seed % REPEAT_EVERY == 0 ? CHECK_REPEAT : 0);
    struct check_result result;
    char line[CASE_LINE_SIZE];

    snprintf(running, sizeof running, "seed %" PRIu64 ": %s", seed, case_print(c, line));
    if (!look_at_plan(configuration, c, tally)) {
        return;
    }
    session.guarded.side = seed / 2 % 2 == 0 ? GUARDED_END : GUARDED_START;
    if (!check_case_in(&session.guarded.memory, session.context, session.cl, session.queue[seed % 2], c, passes,
                       &result) &&
        ++tally->failed <= SHOWN_FAILURES) {
        fprintf(stderr, "FAILED %s: %s\n", running, result.message);
    }
    tally->run++;
    tally->paged += session.guarded.pages != 0;
    for (int t = 0; t < CHECK_TENSORS; t++) {
        tally->worst[t] = result.ratio[t] > tally->worst[t] ? result.ratio[t] : tally->worst[t];
    }
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int goes_on(const struct arguments *a, uint64_t done, double begin)
{
    return a->seconds > 0.0 ? done < a->least || now() - begin < a->seconds : done < a->count;
}

/* Sets up the seed's configuration if it differs from the last one. Returns 0, or -1 and an
 * error. */
static int configure(const struct arguments *a, uint64_t seed, int first, struct draw_configuration *configuration)
{
    const uint64_t start = seed / DRAW_PROBLEMS * DRAW_PROBLEMS;
    struct test_case c;

    if (!first && seed != start) {
        return 0;
    }
    *configuration = draw_configuration(a->engine, seed);
    configuration->tuned = configuration->tuned && a->line == NULL; /* its rows would be for the drawn problem */
    c = draw_problem(configuration, start);
    snprintf(running, sizeof running, "seed %" PRIu64 ", as its tuned file is made", seed);
    return session_configure(&session, configuration, &c);
}

static int run(const struct arguments *a)
{
    const double begin = now();
    struct draw_configuration configuration;
    struct tally tally = {0};
    struct test_case c;
    char error[CASE_LINE_SIZE];

    for (uint64_t done = 0; goes_on(a, done, begin) && tally.failed < SHOWN_FAILURES; done++) {
        const uint64_t seed = a->seed + done;

        if (configure(a, seed, done == 0, &configuration) != 0) {
            fprintf(stderr, "FAILED seed %" PRIu64 ": %s\n", seed, session.error);
            return 1;
        }
        c = draw_problem(&configuration, seed);
        if (a->line != NULL && case_parse(a->line, &c, error) != 0) {
            fprintf(stderr, "random_problems: %s\n", error);
            return 1;
        }
        run_problem(&configuration, &c, seed, &tally);
    }
    printf("engine %s: %" PRIu64 " problems from seed %" PRIu64 " on, %" PRIu64 " of them by this engine, %" PRIu64
           " with tuned rows, %" PRIu64 " between guard pages; %" PRIu64 " refused, %" PRIu64 " failed\n",
           clattn_engine_name(a->engine), tally.run, a->seed, tally.on_engine, tally.tuned, tally.paged, tally.refused,
           tally.failed);
    printf("error / tolerance at most:");
    for (int t = 0; t < CHECK_TENSORS; t++) {
        printf(" %s %.3f", check_tensor_name((enum check_tensor)t), tally.worst[t]);
    }
    printf("\n");
    if (tally.run == 0 || (a->line == NULL && a->least > 1 && tally.on_engine == 0)) {
        fprintf(stderr, "random_problems: nothing ran on this engine\n");
        return 1;
    }
    return tally.failed != 0;
}

/* ---- arguments ---- */

static int parse_engine(const char *name, clattn_engine *engine)
{
    for (int n = 0; clattn_engine_name((clattn_engine)n) != NULL; n++) {
        if (strcmp(name, clattn_engine_name((clattn_engine)n)) == 0) {
            *engine = (clattn_engine)n;
            return 1;
        }
    }
    return 0;
}

static int parse_plant(const char *text, struct arguments *a)
{
    static const char *const names[] = {"past:", "before:", "write:", "value:"};

    for (int n = 0; n < 4; n++) {
        if (strncmp(text, names[n], strlen(names[n])) == 0) {
            a->plant = (enum guarded_plant)(PLANT_PAST + n);
            a->planted = text + strlen(names[n]);
            return 1;
        }
    }
    return 0;
}

static int parse_whole(const char *text, uint64_t *number)
{
    char *end;

    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

static int parse_option(const char *name, const char *value, struct arguments *a)
{
    if (strcmp(name, "--engine") == 0) {
        return parse_engine(value, &a->engine);
    }
    if (strcmp(name, "--seconds") == 0) {
        a->seconds = atof(value);
        return a->seconds > 0.0;
    }
    if (strcmp(name, "--memory") == 0) {
        a->bytes = strcmp(value, "bytes") == 0;
        return a->bytes || strcmp(value, "any") == 0;
    }
    if (strcmp(name, "--plant") == 0) {
        return parse_plant(value, a);
    }
    if (strcmp(name, "--device") == 0) {
        a->device = value;
        return 1;
    }
    if (strcmp(name, "--case") == 0) {
        a->line = value;
        return 1;
    }
    return parse_whole(value, strcmp(name, "--seed") == 0    ? &a->seed
                              : strcmp(name, "--count") == 0 ? &a->count
                                                             : &a->least) &&
           (strcmp(name, "--seed") == 0 || strcmp(name, "--count") == 0 || strcmp(name, "--least") == 0);
}

int main(int argc, char **argv)
{
    struct arguments a = {.device = getenv("CLATTN_TEST_DEVICE"), .count = 1, .least = 1};
    const char *engine = getenv("CLATTN_TEST_ENGINE");
    int good = engine == NULL || engine[0] == '\0' || parse_engine(engine, &a.engine);
    int status;

    for (int n = 1; good && n < argc; n += 2) {
        good = n + 1 < argc && parse_option(argv[n], argv[n + 1], &a);
        engine = argv[n];
    }
    if (!good) {
        fprintf(stderr, "random_problems: \"%s\": see the head of tests/rigs/random_problems.c\n", engine);
        return 1;
    }
    if (session_open(&session, a.device) != 0) {
        fprintf(stderr, "random_problems: %s\n", session.error);
        return 1;
    }
    session.guarded.pages = session.guarded.pages && !a.bytes;
    session.guarded.plant = a.plant;
    session.guarded.planted = a.planted;
    catch_faults();
    status = run(&a);
    session_close(&session);
    return status;
}
