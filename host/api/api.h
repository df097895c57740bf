/* SPDX-License-Identifier: Apache-2.0 */
/* What the public functions share. */
#ifndef CLATTN_API_H
#define CLATTN_API_H

#include "plan/plan.h"

/* ---- context.c ---- */

void clattn__context_retain(clattn_context *context);
void clattn__context_release(clattn_context *context);

/* ---- problem.c ---- */

/* Takes the caller's problem, and checks it. */
clattn_status clattn__problem_take(const clattn_problem *problem, clattn_problem *taken);
clattn_status clattn__problem_check(const clattn_problem *problem);

/* ---- plan.c ---- */

/* Some passes, and no others. */
clattn_status clattn__passes_check(unsigned passes);

#endif
