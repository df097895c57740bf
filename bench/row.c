/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

double bench_row_rate(const struct bench_row *row)
{
    return row->flops / row->clocks.device.median;
}
