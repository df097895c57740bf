/* SPDX-License-Identifier: Apache-2.0 */
/* Products of engine `simt`, and the staging of their operands in local memory. */
#ifndef TILE_SIMT_CL
#define TILE_SIMT_CL

/* Quads that one item loads of `count` rows, `depth` elements deep; a quad is four neighbours along
 * the depth. */
#define PREFETCHED(count, depth) (((count) * (depth) / 4 + WG_SIZE - 1) / WG_SIZE)

/* Row and quad of the work-group's quad number `at`. Numbers run along the depth first, so that
 * items read contiguous memory. With `across` they run along rows first, as many as there are
 * banks, so that items write neighbours in a transposed tile; the second of each pair of quads is
 * then still in the cache. */
INLINE void find_quad(int at, const int count, const int depth, const bool across, int *row, int *quad)
{
    const int quads = depth / 4, low = count % 32 == 0 ? 32 : count % 16 == 0 ? 16 : 4, pair = quads % 2 == 0 ? 2 : 1;
    if (!across) {
        *row = at / quads;
        *quad = at % quads;
        return;
    }
    const int rest = at / (low * pair);
    *row = rest % (count / low) * low + at % low;
    *quad = rest / (count / low) * pair + at / low % pair;
}

/* Loads rows from `first` on, from depth d on, into registers. Whole tiles of whole vectors, nearly
 * all there are, need only one check. */
INLINE void prefetch(stored4 *prefetched, const struct rows *from, long first, const int count, int d, const int depth,
                     const bool across)
{
    const bool whole =
        from->quads && !has_padding(from) && first + count <= from->at.count && d + depth <= from->at.depth;
    const __global stored *data = from->data + from->at.origin + first * from->at.row + d;
    FOR_UNROLLED (n, PREFETCHED(count, depth)) {
        const int at = (int)get_local_id(0) + n * WG_SIZE;
        int row, quad;
        find_quad(at, count, depth, across, &row, &quad);
        if (count * depth / 4 % WG_SIZE != 0 && at >= count * depth / 4)
            prefetched[n] = 0;
        else if (whole)
            prefetched[n] = *(const __global stored4 *)(data + row * from->at.row + 4 * quad);
        else if (row_exists(from, first + row))
            prefetched[n] = load_quad(from->data + row_offset(&from->at, first + row), d + 4 * quad, from->at.depth);
        else
            prefetched[n] = 0;
    }
}

/* Stores what prefetch loaded in a tile, row by row. */
INLINE void store_prefetched(__local float *tile, const stored4 *prefetched, const int count, const int depth)
{
    FOR_UNROLLED (n, PREFETCHED(count, depth)) {
        const int at = (int)get_local_id(0) + n * WG_SIZE;
        if (count * depth / 4 % WG_SIZE == 0 || at < count * depth / 4)
            *(__local float4 *)(tile + 4 * at) = widen4(prefetched[n]);
    }
}

/* Index of column `column` within a depth of a streamed tile: the columns of an item are
 * neighbours. */
INLINE int column_index(int column)
{
    const int c = column / TX;
    return (column % TX + c / COL_RUN * TX) * COL_RUN + c % COL_RUN;
}

/* The same transposed, as tile[x][row]. `permuted`: in the order of column_index, for streamed
 * rows. */
INLINE void store_transposed(__local float *tile, const int ld, const stored4 *prefetched, const int count,
                             const int depth, const bool permuted)
{
    FOR_UNROLLED (n, PREFETCHED(count, depth)) {
        const int at = (int)get_local_id(0) + n * WG_SIZE;
        int row, quad;
        find_quad(at, count, depth, true, &row, &quad);
        if (count * depth / 4 % WG_SIZE != 0 && at >= count * depth / 4)
            continue;
        __local float *to = tile + 4 * quad * ld + (permuted ? column_index(row) : row);
        const float4 value = widen4(prefetched[n]);
        to[0] = value.x;
        to[ld] = value.y;
        to[2 * ld] = value.z;
        to[3 * ld] = value.w;
    }
}

INLINE void fetch_stationary(__local float *tile, const struct rows *stationary, long first, int d, const int depth,
                             const struct span *rows)
{
    for (int x = 0; x < depth; x += 4) {
        for (int row = get_local_id(0); row < TILE_ROWS; row += WG_SIZE) {
            float4 value = 0.0f;
            if (row_exists(stationary, first + row))
                value = widen4(load_quad(stationary->data + row_offset(&stationary->at, first + row), d + x,
                                         stationary->at.depth));
            __local float *to = tile + x * STATIONARY_LD + row;
            to[0] = value.x;
            to[STATIONARY_LD] = value.y;
            to[2 * STATIONARY_LD] = value.z;
            to[3 * STATIONARY_LD] = value.w;
        }
    }
}

/* Reads `count` elements in runs of `run`, `stride` apart. */
INLINE void read_runs(float *values, const __local float *at, const int count, const int run, const int stride)
{
    FOR_UNROLLED (g, count / run) {
        if (run == 4) {
            const float4 four = read4(at + g * stride);
            values[4 * g] = four.x;
            values[4 * g + 1] = four.y;
            values[4 * g + 2] = four.z;
            values[4 * g + 3] = four.w;
        } else {
            FOR_UNROLLED (i, run)
                values[g * run + i] = at[g * stride + i];
        }
    }
}

/* Reads the item's stationary rows of one step along the sum. `at`: that step of a stationary tile
 * or of P. */
INLINE void read_rows(float *values, const __local float *at)
{
    read_runs(values, at + item_y() * ROW_RUN, ROWS, ROW_RUN, TY * ROW_RUN);
}

/* S += stationary x streamed^T over a depth step. */
INLINE void multiply_scores(float *S, const __local float *stationary, const __local float *streamed)
{
    FOR_STEPS (k, DEPTH_STEP) {
        float row[ROWS], column[COLS];
        read_rows(row, stationary + k * STATIONARY_LD);
        read_runs(column, streamed + k * SCORES_LD + item_x() * COL_RUN, COLS, COL_RUN, TX * COL_RUN);
        FOR_UNROLLED (r, ROWS)
            FOR_UNROLLED (c, COLS)
                S[SCORE(r, c)] = mad(row[r], column[c], S[SCORE(r, c)]);
    }
}

/* Stores S transposed in local memory, for all items of the work-group. */
INLINE void put_operand(__local float *tile, const float *S)
{
    FOR_UNROLLED (c, COLS)
        FOR_UNROLLED (g, ROWS / ROW_RUN) {
            __local float *to = tile + tile_col(c) * STATIONARY_LD + tile_row(g * ROW_RUN);
            if (ROW_RUN == 4)
                *(__local float4 *)to = (float4)(S[SCORE(4 * g, c)], S[SCORE(4 * g + 1, c)], S[SCORE(4 * g + 2, c)],
                                                 S[SCORE(4 * g + 3, c)]);
            else
                FOR_UNROLLED (i, ROW_RUN)
                    to[i] = S[SCORE(g * ROW_RUN + i, c)];
        }
}

/* out += P x streamed, for STRIP streamed rows and the whole output block. */
INLINE void multiply_strip(float4 *out, const __local float *P, const __local float *streamed)
{
    FOR_STEPS (k, STRIP) {
        float p[ROWS];
        read_rows(p, P + k * STATIONARY_LD);
        FOR_OUT (x) {
            const float4 w = read4(streamed + k * OUT_BLOCK + out_depth(x));
            FOR_UNROLLED (r, ROWS)
                out[OUT(r, x)] = mad((float4)(p[r]), w, out[OUT(r, x)]);
        }
    }
}

/* S = stationary x streamed^T over `depth`. The next depth step is loaded while this one is
 * multiplied. */
INLINE void tile_scores(float *S, __local float *stationary_tile, const struct rows *stationary, long o,
                        __local float *streamed_tile, const struct rows *streamed, long w, const int depth,
                        const struct span *rows, int cols)
{
    stored4 of_stationary[PREFETCHED(TILE_ROWS, DEPTH_STEP)], of_streamed[PREFETCHED(TILE_COLS, DEPTH_STEP)];
    if (!STATIONARY_RESIDENT)
        prefetch(of_stationary, stationary, o, TILE_ROWS, 0, DEPTH_STEP, true);
    prefetch(of_streamed, streamed, w, TILE_COLS, 0, DEPTH_STEP, true);
    FOR_UNROLLED (s, ROWS * COLS)
        S[s] = 0.0f;
    for (int d = 0; d < depth; d += DEPTH_STEP) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (!STATIONARY_RESIDENT)
            store_transposed(stationary_tile, STATIONARY_LD, of_stationary, TILE_ROWS, DEPTH_STEP, false);
        store_transposed(streamed_tile, SCORES_LD, of_streamed, TILE_COLS, DEPTH_STEP, true);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (d + DEPTH_STEP < depth) {
            if (!STATIONARY_RESIDENT)
                prefetch(of_stationary, stationary, o, TILE_ROWS, d + DEPTH_STEP, DEPTH_STEP, true);
            prefetch(of_streamed, streamed, w, TILE_COLS, d + DEPTH_STEP, DEPTH_STEP, true);
        }
        multiply_scores(S, stationary_tile + (STATIONARY_RESIDENT ? d * STATIONARY_LD : 0), streamed_tile);
    }
}

/* out += P x streamed for the output block from d, strip by strip. For long sums, each tile is
 * summed separately first, in registers that scores do not need at that time. */
INLINE void tile_output(float4 *out, const float *P, __local float *p_tile, __local float *streamed_tile,
                        const struct rows *streamed, long w, int d, const int staged, const int depth,
                        const struct span *rows, int cols)
{
    __local float *strip = streamed_tile + TILE_COLS * STATIONARY_LD;
    stored4 of_streamed[PREFETCHED(STRIP, OUT_BLOCK)];
    prefetch(of_streamed, streamed, w, STRIP, d, OUT_BLOCK, false);
    barrier(CLK_LOCAL_MEM_FENCE);
    put_operand(p_tile, P);
#if LONG_SUMS
    float4 sum[ROWS * OUT_COLS];
    FOR_UNROLLED (x, ROWS * OUT_COLS)
        sum[x] = 0.0f;
#else
    float4 *const sum = out;
#endif
    for (int s = 0; s < TILE_COLS; s += STRIP) {
        if (s > 0)
            barrier(CLK_LOCAL_MEM_FENCE);
        store_prefetched(strip, of_streamed, STRIP, OUT_BLOCK);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (s + STRIP < TILE_COLS)
            prefetch(of_streamed, streamed, w + s + STRIP, STRIP, d, OUT_BLOCK, false);
        multiply_strip(sum, p_tile + s * STATIONARY_LD, strip);
    }
#if LONG_SUMS
    FOR_UNROLLED (x, ROWS * OUT_COLS)
        out[x] += sum[x];
#endif
}

#endif
