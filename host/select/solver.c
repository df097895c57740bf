/* SPDX-License-Identifier: Apache-2.0 */
/* A solver supports only the features that it names. */
#include "select/solver.h"

bool clattn__solver_supports(const struct clattn__solver *solver, const struct clattn__device *device,
                             const clattn_problem *problem)
{
    return !(clattn__features(problem) & ~solver->features) &&
           (!solver->serves || solver->serves(device, problem, solver->kernel));
}

void clattn__features_print(uint64_t features, struct clattn__text *text)
{
#define TEXT(name, text) text,
    static const char *const texts[FEATURE_COUNT] = {CLATTN__FEATURE_LIST(TEXT)};
#undef TEXT
    const char *before = "";
    for (int i = 0; i < 64; ++i) {
        if (!(features >> i & 1))
            continue;
        if (i < FEATURE_COUNT)
            clattn__text_add(text, "%s%s", before, texts[i]);
        else
            clattn__text_add(text, "%sfeature %d", before, i);
        before = ", ";
    }
}
