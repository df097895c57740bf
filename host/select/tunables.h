/* SPDX-License-Identifier: Apache-2.0 */
/* The tunables of a configuration. */
#ifndef CLATTN_SELECT_TUNABLES_H
#define CLATTN_SELECT_TUNABLES_H

#include "select/config.h"

/* How the tuner changes a value. */
enum clattn__step { STEP_NONE, STEP_DOUBLE, STEP_TOGGLE };

struct clattn__tunable {
    const char *name;     /* in build options and tune file */
    size_t offset;        /* of its int in struct clattn__config */
    clattn_engine engine; /* that has it; AUTO: all */
    int least, most;      /* allowed in a file */
    enum clattn__step step;
};

extern const struct clattn__tunable clattn__tunables[];
extern const size_t clattn__tunable_count;

bool clattn__tunable_used(const struct clattn__tunable *tunable, clattn_engine engine);
int *clattn__tunable_value(const struct clattn__tunable *tunable, struct clattn__config *config);
/* NULL if the engine has no tunable of that name. */
const struct clattn__tunable *clattn__tunable_find(clattn_engine engine, const char *name);

/* Prints `before` and NAME=VALUE for each tunable of the configuration's engine, as snprintf does;
 * returns the length. */
int clattn__tunables_print(const struct clattn__config *config, const char *before, char *text, size_t size);
/* Whether two configurations of one engine have the same tunables. */
bool clattn__tunables_equal(const struct clattn__config *a, const struct clattn__config *b);
/* Whether each tunable is within its bounds. */
bool clattn__tunables_in_range(const struct clattn__config *config);

#endif
