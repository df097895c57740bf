/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over many streamed rows. Each addition to a float32 sum loses up to half a unit: up to M
 * halves after M rows. LONG_SUMS is 0 if rows are too few for that to matter, and 1 if it is enough
 * to sum each tile separately first. Otherwise it is the number of rows in a run. After each run a
 * sum is flushed: it is added to the total, and restarts from the rounding error of that addition
 * (Kahan's compensation, run by run). A result then loses no more than one run does, independent of
 * the number of rows.
 *
 * Engines with float32 sums declare an output's total by TOTALS(name), and have
 *
 *   flush_output(out, total, factor, data, at, first, d, rows)   total = factor[r] total + out;
 *                                                                out = the rounding error
 *   finish_totals(..)                                            out += factor[r] total
 *
 * A factor of 0 means no total yet. `data`, `at`, `first` and `d` are those of store_output: an
 * engine may keep the total there. */
#ifndef LONG_SUMS_CL
#define LONG_SUMS_CL

#include "attention/engine.cl"

#define RUN_ROWS (TILE_COLS < LONG_SUMS ? LONG_SUMS / TILE_COLS * TILE_COLS : TILE_COLS)

/* End of the run that begins at `first`, in a visit that ends at `end`. */
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

/* Flushes l of the softmax, as flush_output does O. */
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

/* Factors of totals that are never rescaled: 1, or 0 before the first flush. */
INLINE void total_factors(ACC lane_f *factor, bool begun, const struct span *rows)
{
    FOR_ROWS (r, rows)
        factor[r] = begun ? 1.0f : 0.0f;
}

#endif
