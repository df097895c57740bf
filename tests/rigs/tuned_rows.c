/* SPDX-License-Identifier: Apache-2.0 */
#include "tuned_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 24, ROWS_A_KERNEL = 6, LINE_BYTES = 2048, WORD_BYTES = 64 };

struct tunable {
    char name[WORD_BYTES];
    long value;
};

/* A kernel's tunable numbers, and the other fields of its row. */
struct kernel {
    char name[WORD_BYTES], engine[WORD_BYTES];
    struct tunable tunable[MOST_FIELDS];
    int tunables;
    long packed, mask;
};

/* The number after " -DNAME=". */
static long option(const char *options, const char *name)
{
    char key[WORD_BYTES];
    const char *found;

    snprintf(key, sizeof key, " -D%s=", name);
    found = strstr(options, key);
    return found != NULL ? strtol(found + strlen(key), NULL, 10) : 0;
}

/* Reads the engine's tunable numbers: the options between the padded depths and those that no row
 * has. */
static void read_fields(const char *options, struct kernel *k)
{
    const char *at = strstr(options, " -DDV_PAD=");

    k->tunables = 0;
    while (at != NULL && (at = strstr(at + 1, " -D")) != NULL && k->tunables < MOST_FIELDS) {
        struct tunable *f = &k->tunable[k->tunables];

        if (sscanf(at, " -D%63[A-Z_]=%ld", f->name, &f->value) != 2 || strcmp(f->name, "SPLIT") == 0 ||
            strncmp(f->name, "WANT_", 5) == 0) {
            return;
        }
        k->tunables++;
    }
}

/* Parses "backward_dq: engine simt, 64 queries a tile, ...; -cl-std=CL1.2 -DSTORAGE=0 ...". Returns
 * 0 for a kernel without tiles, and for the second kernel of a name, which is for tensors of other
 * strides. */
static int read_kernel(const char *line, struct kernel *k)
{
    const char *options = strstr(line, "; ");

    if (options == NULL || sscanf(line, "%63[a-z_]: engine %63[a-z_0-9]", k->name, k->engine) != 2) {
        return 0;
    }
    k->packed = option(options, "PACKED");
    k->mask = option(options, "MASK");
    read_fields(options, k);
    return k->tunables > 0;
}

/* Writes a row with one or two numbers changed as the tuner changes them. */
static void write_row(FILE *stream, const struct kernel *k, const struct test_case *c, int causal, int turn,
                      struct check_random *r)
{
    static const char *const types[] = {"FLOAT32", "FLOAT16", "BFLOAT16"}, *const masks[] = {"", ",MASK_FULL",
                                                                                             ",MASK_PADDING"};
    struct tunable tunable[MOST_FIELDS];

    memcpy(tunable, k->tunable, sizeof tunable);
    for (int64_t n = check_random_below(r, 2); n >= 0; n--) {
        struct tunable *f = &tunable[check_random_below(r, k->tunables)];
        const int twice = check_random_below(r, 2) != 0;

        f->value = f->value == 0 ? 1 : f->value == 1 && !twice ? 0 : twice ? 2 * f->value : f->value / 2;
    }
    fprintf(stream, "engine=%s kernel=%s features=%s%s%s%s D=%d Dv=%d", k->engine, k->name, types[c->problem.dtype],
            causal ? ",CAUSAL" : "", masks[k->mask], k->packed ? ",PACKED_HEADS" : "", (int)c->problem.qk_dim,
            (int)c->problem.v_dim);
    fprintf(stream, " log_rows=6 log_cols=6 log_heads=%d",
            turn); /* one row per turn; plans use the nearest legal one */
    for (int n = 0; n < k->tunables; n++) {
        fprintf(stream, " %s=%ld", tunable[n].name, tunable[n].value);
    }
    fprintf(stream, "\n");
}

int tuned_rows_write(const char *file, const char *description, const struct test_case *c, struct check_random *r)
{
    FILE *stream = fopen(file, "w");
    struct kernel k;
    char line[LINE_BYTES];
    int rows = 0;

    if (stream == NULL) {
        return -1;
    }
    fprintf(stream, "clattn-tuned 2\n");
    while (*description != '\0') {
        const size_t length = strcspn(description, "\n");

        snprintf(line, sizeof line, "%.*s", (int)length, description);
        memset(&k, 0, sizeof k);
        for (int row = 0; read_kernel(line, &k) && row < 2 * ROWS_A_KERNEL; row++, rows++) {
            write_row(stream, &k, c, row % 2, row / 2, r);
        }
        description += length + (description[length] != '\0');
    }
    return fclose(stream) == 0 ? rows : -1;
}
