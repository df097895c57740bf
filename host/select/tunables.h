/* SPDX-License-Identifier: Apache-2.0 */
/* The tunable numbers of a configuration. */
#ifndef CLATTN_SELECT_TUNABLES_H
#define CLATTN_SELECT_TUNABLES_H

#include "select/config.h"

/* What the tuner tries beside a value. */
enum clattn__step { STEP_NONE, STEP_DOUBLE, STEP_TOGGLE };

struct clattn__tunable {
    const char *name;     /* in the build options and in the tune file */
    size_t offset;        /* of an int in struct clattn__config */
    clattn_engine engine; /* that has it; AUTO: every engine */
    int least, most;      /* what a file may say */
    enum clattn__step step;
};

extern const struct clattn__tunable clattn__tunables[];
extern const size_t clattn__tunable_count;

bool clattn__tunable_used(const struct clattn__tunable *tunable, clattn_engine engine);
int *clattn__tunable_value(const struct clattn__tunable *tunable, struct clattn__config *config);
/* NULL where the engine has none of that name. */
const struct clattn__tunable *clattn__tunable_find(clattn_engine engine, const char *name);

/* `before` NAME=VALUE of each field that the configuration's engine has, as snprintf does it; returns the length. */
int clattn__tunables_print(const struct clattn__config *config, const char *before, char *text, size_t size);
/* Whether two configurations of one engine agree in all of them. */
bool clattn__tunables_equal(const struct clattn__config *a, const struct clattn__config *b);
/* Whether each value is within its bounds. */
bool clattn__tunables_in_range(const struct clattn__config *config);

#endif
