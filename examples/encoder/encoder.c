/* SPDX-License-Identifier: Apache-2.0 */
/* A complete sentence encoder, all-MiniLM-L6-v2: encoder FOLDER [--device DEVICE]
 *
 * FOLDER is made by scripts/make_encoder_data.py; DEVICE as for clattn_find_device. The embedding
 * of a sentence is the mean of its last hidden states, scaled to length 1; sentences of similar
 * meaning have a high cosine. Exit status 1 if an embedding differs from the same network's in
 * double by more than ALLOWED, if a sentence's nearest neighbour is not the expected one, or if a
 * call fails. */
#include "arrays.h"
#include "network.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALLOWED 1e-4 /* largest difference of an element; elements reach 0.2 */
#define REPEATS 5    /* runs after the first one; the fastest counts */
#define SHOWN 46     /* bytes of a sentence in the table */

/* The input from the folder: B sentences of up to N tokens. */
struct input {
    size_t batch, length;            /* B, N */
    size_t shortest, longest, total; /* tokens of a sentence; of all sentences */
    int32_t *tokens;                 /* (B,N) */
    unsigned char *mask;             /* (B,N), nonzero at tokens */
    int32_t *pairs;                  /* (B) the sentence of the same meaning */
    float *expected;                 /* (B,WIDTH) embeddings, computed in double */
    char (*text)[SHOWN + 1];         /* (B) the sentences, truncated for the table */
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        nn_fail("memory", "none left");
    }
    return memory;
}

/* ---- input ---- */

/* Reads one sentence per line, truncated to SHOWN bytes. */
static void read_text(struct input *in, const char *folder)
{
    char path[4096], line[1024];
    snprintf(path, sizeof path, "%s/sentences.txt", folder);
    FILE *file = fopen(path, "r");
    if (!file) {
        nn_fail(path, "cannot be opened");
    }
    in->text = allocate(in->batch, sizeof *in->text);
    for (size_t b = 0; b < in->batch; ++b) {
        if (!fgets(line, sizeof line, file)) {
            nn_fail(path, "fewer lines than sentences");
        }
        line[strcspn(line, "\n")] = '\0';
        snprintf(in->text[b], sizeof in->text[b], "%.*s%s", strlen(line) > SHOWN ? SHOWN - 3 : SHOWN, line,
                 strlen(line) > SHOWN ? "..." : "");
    }
    fclose(file);
}

static void count_tokens(struct input *in, const char *folder)
{
    in->shortest = in->length;
    for (size_t b = 0; b < in->batch; ++b) {
        size_t count = 0;
        for (size_t i = 0; i < in->length; ++i) {
            count += in->mask[b * in->length + i] != 0;
        }
        in->shortest = count < in->shortest ? count : in->shortest;
        in->longest = count > in->longest ? count : in->longest;
        in->total += count;
    }
    if (in->shortest == 0) {
        nn_fail(folder, "a sentence has no token");
    }
}

/* Checks that indices are in 0 .. limit - 1. */
static void check_range(const char *name, const int32_t *values, size_t count, size_t limit)
{
    for (size_t i = 0; i < count; ++i) {
        if (values[i] < 0 || (size_t)values[i] >= limit) {
            nn_fail(name, "a number out of range");
        }
    }
}

static struct input read_input(const char *folder)
{
    struct input in = {0};
    uint64_t dim[2] = {0, 0};
    in.tokens = array_read(folder, "tokens", NPY_INT32, 2, dim);
    in.mask = array_read(folder, "mask", NPY_BOOL, 2, dim);
    in.pairs = array_read(folder, "pairs", NPY_INT32, 1, dim);
    in.expected = array_read(folder, "embeddings", NPY_FLOAT32, 2, (uint64_t[2]){dim[0], WIDTH});
    in.batch = (size_t)dim[0];
    in.length = (size_t)dim[1];
    if (in.batch < 2 || in.length > POSITIONS) {
        nn_fail(folder, "fewer than two sentences, or one that is too long");
    }
    check_range("tokens", in.tokens, in.batch * in.length, ENTRIES);
    check_range("pairs", in.pairs, in.batch, in.batch);
    count_tokens(&in, folder);
    read_text(&in, folder);
    return in;
}

static void release_input(struct input *in)
{
    free(in->tokens);
    free(in->mask);
    free(in->pairs);
    free(in->expected);
    free(in->text);
}

/* ---- embeddings ---- */

/* embedding = the mean of x (N,WIDTH) over the sentence's tokens, scaled to length 1. */
static void pool(const float *x, const unsigned char *mask, size_t length, double *embedding)
{
    double square = 0.0;
    for (size_t d = 0; d < WIDTH; ++d) {
        double sum = 0.0;
        for (size_t i = 0; i < length; ++i) {
            sum += mask[i] ? (double)x[i * WIDTH + d] : 0.0;
        }
        embedding[d] = sum;
        square += sum * sum;
    }
    for (size_t d = 0; d < WIDTH; ++d) {
        embedding[d] /= sqrt(square);
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Computes embeddings (B,WIDTH) on the host from token numbers on the device. `x` is scratch
 * (B,N,WIDTH). Returns the seconds. */
static double run_once(struct network *net, const struct input *in, float *x, double *embeddings)
{
    double begin = seconds_now();
    network_run(net);
    nn_read(net->nn, net->x, x, net->rows * WIDTH);
    for (size_t b = 0; b < in->batch; ++b) {
        pool(x + b * in->length * WIDTH, in->mask + b * in->length, in->length, embeddings + b * WIDTH);
    }
    return seconds_now() - begin;
}

static void run(struct nn *nn, const char *folder, const struct input *in, double *embeddings)
{
    double begin = seconds_now(), best = HUGE_VAL;
    float *x = allocate(in->batch * in->length * WIDTH, sizeof *x);
    struct weights weights = weights_read(nn, folder);
    struct network net;
    network_create(&net, nn, &weights, in->batch, in->length, in->tokens, in->mask);
    run_once(&net, in, x, embeddings);
    double first = seconds_now() - begin;
    for (int i = 0; i < REPEATS; ++i) {
        best = fmin(best, run_once(&net, in, x, embeddings));
    }
    printf("all %zu sentences: %.3g ms, %.0f tokens/s; loading, compiling and the first run: %.3g s\n\n", in->batch,
           best * 1e3, (double)in->total / best, first);
    network_release(&net);
    weights_release(&weights);
    free(x);
}

/* ---- report ---- */

static double cosine(const double *embeddings, size_t a, size_t b)
{
    double sum = 0.0;
    for (size_t d = 0; d < WIDTH; ++d) {
        sum += embeddings[a * WIDTH + d] * embeddings[b * WIDTH + d];
    }
    return sum;
}

/* Prints the table; returns the number of sentences with an unexpected nearest neighbour. */
static size_t print_neighbours(const struct input *in, const double *embeddings)
{
    size_t wrong = 0;
    printf("%-*s  %-*s  cosine  next\n", SHOWN, "sentence", SHOWN, "nearest");
    for (size_t a = 0; a < in->batch; ++a) {
        size_t nearest = a;
        double best = -HUGE_VAL, second = -HUGE_VAL;
        for (size_t b = 0; b < in->batch; ++b) {
            double c = b == a ? -HUGE_VAL : cosine(embeddings, a, b);
            if (c > best) {
                nearest = b;
                second = best;
                best = c;
            } else if (c > second) {
                second = c;
            }
        }
        int good = nearest == (size_t)in->pairs[a];
        wrong += !good;
        printf("%-*s  %-*s  %6.3f %5.2f%s\n", SHOWN, in->text[a], SHOWN, in->text[nearest], best, second,
               good ? "" : "  WRONG");
    }
    return wrong;
}

/* NaN if any element is NaN. */
static double largest_difference(const struct input *in, const double *embeddings)
{
    double largest = 0.0;
    for (size_t i = 0; i < in->batch * WIDTH; ++i) {
        double difference = fabs(embeddings[i] - (double)in->expected[i]);
        if (isnan(difference)) {
            return difference;
        }
        largest = fmax(largest, difference);
    }
    return largest;
}

static int report(const struct input *in, const double *embeddings)
{
    size_t wrong = print_neighbours(in, embeddings);
    double difference = largest_difference(in, embeddings);
    printf("\nlargest difference to the same network in double: %.1e (allowed: %.0e)\n", difference, ALLOWED);
    int exact = difference <= ALLOWED;
    if (!exact) {
        printf("THE EMBEDDINGS ARE WRONG.\n");
    }
    if (wrong > 0) {
        printf("SENTENCES WITH ANOTHER NEIGHBOUR THAN EXPECTED: %zu.\n", wrong);
    }
    if (exact && wrong == 0) {
        printf("Every sentence is nearest to the one that means the same.\n");
    }
    return exact && wrong == 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 && !(argc == 4 && strcmp(argv[2], "--device") == 0)) {
        fprintf(stderr, "usage: encoder FOLDER [--device DEVICE]\n");
        return EXIT_FAILURE;
    }
    struct input in = read_input(argv[1]);
    double *embeddings = allocate(in.batch * WIDTH, sizeof *embeddings);
    struct nn nn;
    nn_open(&nn, argc == 4 ? argv[3] : NULL, 0);
    printf("clattn %s, all-MiniLM-L6-v2: %d layers, %d heads of %d\n", clattn_version_string(), LAYERS, HEADS,
           WIDTH / HEADS);
    printf("device: %s\ninput: %zu sentences of %zu to %zu tokens, %zu in all\n", nn_device_name(&nn), in.batch,
           in.shortest, in.longest, in.total);
    run(&nn, argv[1], &in, embeddings);
    int good = report(&in, embeddings);
    nn_close(&nn);
    free(embeddings);
    release_input(&in);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
