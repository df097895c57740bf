/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over many walked rows. What is added one by one to a float32 loses up to half a unit each time: after M rows up
 * to M halves. LONG_SUMS is 0 where there are too few rows for that to matter, and 1 where it is enough that an engine
 * adds up each tile alone first. Else it is the rows of a run, after each of which a sum is settled: it is added to the
 * settled sum, and goes on from what rounding took there (Kahan's compensation, run by run). So a result loses no more
 * than in one run, however many rows there are.
 *
 * Engines whose sums are float32 declare an output's settled sum by SETTLED(name), and have
 *
 *   settle_output(out, settled, factor, data, at, first, d, rows)   settled = factor[r] settled + out; out is what
 *                                                                   is lost
 *   join_output(..)                                                 out += factor[r] settled
 *
 * where a factor of 0 says that nothing is settled yet. `data`, `at`, `first` and `d` are those of store_output: an
 * engine may keep the settled sum there. */
#ifndef LONG_SUMS_CL
#define LONG_SUMS_CL

#include "attention/engine.cl"

#define RUN_ROWS (WALK < LONG_SUMS ? LONG_SUMS / WALK * WALK : WALK)

/* A walk goes run by run: where the one from `first` on ends, of a walk to `end`. */
INLINE long end_of_run(long first, long end)
{
    return SETTLES ? min(first + RUN_ROWS, end) : end;
}

#if SETTLES
#define SETTLED_ROWS(name) ROW_VALUES(name)
#else /* names for code that is never reached */
#define SETTLED(name) ACC out_f *const name = 0
#define SETTLED_ROWS(name) ACC lane_f *const name = 0
#define settle_output(out, settled, factor, data, at, first, d, rows) ((void)(settled))
#define join_output settle_output
#endif

/* l of the softmax is settled as O is. */
INLINE void settle_rows(ACC lane_f *l, ACC lane_f *settled, const ACC lane_f *factor, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        const lane_f before = factor[r] == 0.0f ? (lane_f)(0.0f) : settled[r] * factor[r], sum = before + l[r];
        l[r] = LOST_IN_SUM(before, l[r], sum);
        settled[r] = sum;
    }
}

INLINE void join_rows(ACC lane_f *l, const ACC lane_f *settled, const ACC lane_f *factor, const struct span *rows)
{
    FOR_ROWS (r, rows)
        l[r] += factor[r] == 0.0f ? (lane_f)(0.0f) : settled[r] * factor[r];
}

/* Factors of sums that nothing rescales. */
INLINE void settled_factors(ACC lane_f *factor, bool begun, const struct span *rows)
{
    FOR_ROWS (r, rows)
        factor[r] = begun ? 1.0f : 0.0f;
}

#endif
