/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over many streamed rows. What is added one by one to a float32 loses up to half a unit each time: after M rows up
 * to M halves. LONG_SUMS is 0 where there are too few rows for that to matter, and 1 where it is enough that an engine
 * adds up each tile alone first. Else it is the rows of a run, after each of which a sum is flushed: it is added to the
 * total, and goes on from what rounding took there (Kahan's compensation, run by run). So a result loses no more
 * than in one run, however many rows there are.
 *
 * Engines whose sums are float32 declare an output's total by TOTALS(name), and have
 *
 *   flush_output(out, total, factor, data, at, first, d, rows)   total = factor[r] total + out; out is what
 *                                                                   is lost
 *   finish_totals(..)                                                 out += factor[r] total
 *
 * where a factor of 0 says that there is no total yet. `data`, `at`, `first` and `d` are those of store_output: an
 * engine may keep the total there. */
#ifndef LONG_SUMS_CL
#define LONG_SUMS_CL

#include "attention/engine.cl"

#define RUN_ROWS (TILE_COLS < LONG_SUMS ? LONG_SUMS / TILE_COLS * TILE_COLS : TILE_COLS)

/* A visit goes run by run: where the one from `first` on ends, of a pass over tiles to `end`. */
INLINE long end_of_run(long first, long end)
{
    return KEEPS_TOTALS ? min(first + RUN_ROWS, end) : end;
}

#if KEEPS_TOTALS
#define TOTAL_ROWS(name) ROW_VALUES(name)
#else /* names for code that is never reached */
#define TOTALS(name) ACC out_f *const name = 0
#define TOTAL_ROWS(name) ACC lane_f *const name = 0
#define flush_output(out, total, factor, data, at, first, d, rows) ((void)(total))
#define finish_totals flush_output
#endif

/* l of the softmax is flushed as O is. */
INLINE void flush_rows(ACC lane_f *l, ACC lane_f *total, const ACC lane_f *factor, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        const lane_f before = factor[r] == 0.0f ? (lane_f)(0.0f) : total[r] * factor[r], sum = before + l[r];
        l[r] = LOST_IN_SUM(before, l[r], sum);
        total[r] = sum;
    }
}

INLINE void finish_row_totals(ACC lane_f *l, const ACC lane_f *total, const ACC lane_f *factor, const struct span *rows)
{
    FOR_ROWS (r, rows)
        l[r] += factor[r] == 0.0f ? (lane_f)(0.0f) : total[r] * factor[r];
}

/* Factors of sums that nothing rescales. */
INLINE void total_factors(ACC lane_f *factor, bool begun, const struct span *rows)
{
    FOR_ROWS (r, rows)
        factor[r] = begun ? 1.0f : 0.0f;
}

#endif
