/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the public functions. */
#ifndef CLATTN_API_H
#define CLATTN_API_H

#include "plan/plan.h"

/* ---- context.c ---- */

void clattn__context_retain(clattn_context *context);
void clattn__context_release(clattn_context *context);

/* ---- problem.c ---- */

/* Copies the caller's problem, and checks it. */
clattn_status clattn__problem_take(const clattn_problem *problem, clattn_problem *taken);
clattn_status clattn__problem_check(const clattn_problem *problem);

/* ---- plan.c ---- */

/* Fails for no pass, or unknown bits. */
clattn_status clattn__passes_check(unsigned passes);
/* Whether the problem has what the gradients of `passes` are of. */
clattn_status clattn__gradients_check(const clattn_problem *problem, unsigned passes);

#endif
