/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a tuned file near the configurations that a plan has: numbers doubled, halved, toggled. Whether a row is legal
 * is the library's to say; what it takes has to give right results. */
#ifndef CLATTN_TESTS_TUNED_ROWS_H
#define CLATTN_TESTS_TUNED_ROWS_H

#include "cases.h"
#include "random.h"

/* Writes a file of such rows for problems like the case's. `description` is clattn_plan_describe's of its plan. Returns
 * how many rows, or -1 where the file cannot be written. */
int tuned_rows_write(const char *file, const char *description, const struct test_case *c, struct check_random *r);

#endif
