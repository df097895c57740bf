/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

#include <stdlib.h>

int bench_rows_add(struct bench_rows *rows, const struct bench_row *row)
{
    struct bench_row *more = realloc(rows->row, (rows->count + 1) * sizeof *more);
    if (!more)
        return -1;
    rows->row = more;
    rows->row[rows->count++] = *row;
    return 0;
}

void bench_rows_free(struct bench_rows *rows)
{
    free(rows->row);
}

double bench_row_rate(const struct bench_row *row)
{
    return row->flops / row->clocks.device.median;
}
