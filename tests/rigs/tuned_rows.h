/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a tuned file near a plan's configurations: numbers doubled, halved, toggled. The library
 * decides whether a row is legal; the rows that it uses must give right results. */
#ifndef CLATTN_TESTS_TUNED_ROWS_H
#define CLATTN_TESTS_TUNED_ROWS_H

#include "cases.h"
#include "random.h"

/* Writes a file of such rows for problems like the case's. `description`: clattn_plan_describe of
 * its plan. Returns the number of rows, or -1 if the file cannot be written. */
int tuned_rows_write(const char *file, const char *description, const struct test_case *c, struct check_random *r);

#endif
