/* SPDX-License-Identifier: Apache-2.0 */
/* Products of engine `cpu`. Tiles are copied, the stationary one transposed, and multiplied by
 * register blocks. */
#ifndef TILE_CPU_CL
#define TILE_CPU_CL

/* Loads elements from x on of a row with `there` elements; those past its end are 0. */
INLINE lane_f load_lanes(const __global stored *row, int x, int there)
{
    if (x + LANES <= there)
        return LOAD_LANES(LANES, row + x);
    float value[LANES];
    for (int i = 0; i < LANES; ++i)
        value[i] = x + i < there ? LOAD(row, x + i) : 0.0f;
    return JOIN(vload, LANES)(0, value);
}

/* tile[row][0 .. depth - 1] = rows from `first` on, from depth d on; what does not exist, or is
 * padding, becomes 0. */
INLINE void fetch(__local lane_f *tile, const struct rows *from, long first, int count, int d, const int depth)
{
    const int there = clamp(from->at.depth - d, 0, depth);
    for (int row = 0; row < count; ++row) {
        __local lane_f *to = tile + row * (depth / LANES);
        const bool exists = row_exists(from, first + row);
        const __global stored *data = from->data + (exists ? row_offset(&from->at, first + row) + d : 0);
        if (exists && there == depth)
            for (int x = 0; x < depth; x += LANES)
                to[x / LANES] = LOAD_LANES(LANES, data + x);
        else
            for (int x = 0; x < depth; x += LANES)
                to[x / LANES] = exists ? load_lanes(data, x, there) : (lane_f)(0.0f);
    }
}

INLINE void fetch_streamed(__local float *tile, const struct rows *streamed, long first, int d, int cols)
{
    fetch((__local lane_f *)tile, streamed, first, cols, d, DEPTH_STEP);
}

INLINE void fetch_rows(__local lane_f *tile, const struct rows *stationary, long first, const int depth,
                       const struct span *rows)
{
    fetch(tile, stationary, first, rows->end * LANES, 0, depth);
}

/* tile[x][row] in panels, transposed in blocks of LANES x LANES. */
INLINE void fetch_stationary(__local lane_f *tile, const struct rows *stationary, long first, int d, const int depth,
                             const struct span *rows)
{
    const int there = clamp(stationary->at.depth - d, 0, depth);
    FOR_ROWS (r, rows) {
        for (int x = 0; x < depth; x += LANES) {
            lane_f v[LANES];
            for (int i = 0; i < LANES; ++i) {
                const long row = first + r * LANES + i;
                v[i] = row_exists(stationary, row)
                           ? load_lanes(stationary->data + row_offset(&stationary->at, row) + d, x, there)
                           : (lane_f)(0.0f);
            }
            transpose(v);
            FOR_UNROLLED (i, LANES)
                tile[IN_PANEL(depth, r, x + i)] = v[i];
        }
    }
}

/* c[height][width] += A[height][K] x B[K][width], c in registers. A[r a_row + k a_step] is element
 * (r, k) of A; rows of B are b_row vectors long. */
INLINE void multiply_add(lane_f c[BLOCK_ROWS][BLOCK_COLS], const __local float *A, const int a_row, const int a_step,
                         const __local lane_f *B, const int b_row, int K, const int height, const int width)
{
    for (int k = 0; k < K; ++k) {
        lane_f b[BLOCK_COLS];
        FOR_REGISTERS (x, width)
            b[x] = B[k * b_row + x];
        FOR_REGISTERS (r, height)
            FOR_REGISTERS (x, width)
                c[r][x] = A[r * a_row + k * a_step] * b[x] + c[r][x];
    }
}

/* C[height][PANEL] (+)= A[height][K] x B[K][PANEL]. */
INLINE void multiply_block(__local lane_f *C, const __local float *A, const int a_row, const int a_step,
                           const __local lane_f *B, int K, const int height, bool first)
{
    lane_f c[BLOCK_ROWS][BLOCK_COLS];
    FOR_REGISTERS (r, height)
        FOR_REGISTERS (x, BLOCK_COLS)
            c[r][x] = first ? (lane_f)(0.0f) : C[r * BLOCK_COLS + x];
    multiply_add(c, A, a_row, a_step, B, BLOCK_COLS, K, height, BLOCK_COLS);
    FOR_REGISTERS (r, height)
        FOR_REGISTERS (x, BLOCK_COLS)
            C[r * BLOCK_COLS + x] = c[r][x];
}

/* C[height][rows] (+)= A[height][K] x B[K][rows]. `rest`: rows of C left after whole register
 * blocks. Panels of B and C have b_rows and c_rows rows. */
INLINE void multiply(__local lane_f *C, const int c_rows, const __local float *A, const int a_row, const int a_step,
                     const __local lane_f *B, const int b_rows, int K, int height, const int rest,
                     const struct span *rows, bool first)
{
    for (int x = rows->begin; x < rows->end; x += BLOCK_COLS) {
        __local lane_f *c = C + x * c_rows;
        const __local lane_f *b = B + x * b_rows;
        int r = 0;
        for (; r + BLOCK_ROWS <= height; r += BLOCK_ROWS)
            multiply_block(c + r * BLOCK_COLS, A + r * a_row, a_row, a_step, b, K, BLOCK_ROWS, first);
        if (rest)
            multiply_block(c + r * BLOCK_COLS, A + r * a_row, a_row, a_step, b, K, rest, first);
    }
}

/* S = stationary x streamed^T over `depth` (D_PAD or DV_PAD). With STATIONARY_RESIDENT,
 * stationary_tile already holds the rows. */
INLINE void tile_scores(ACC lane_f *S, __local lane_f *stationary_tile, const struct rows *stationary, long o,
                        __local float *streamed_tile, const struct rows *streamed, long w, const int depth,
                        const struct span *rows, int cols)
{
    const int staged = STATIONARY_RESIDENT ? depth : DEPTH_STEP;
    for (int d = 0; d < depth; d += DEPTH_STEP) {
        if (!STATIONARY_RESIDENT)
            fetch_stationary(stationary_tile, stationary, o, d, DEPTH_STEP, rows);
        fetch_streamed(streamed_tile, streamed, w, d, cols);
        multiply(S, TILE_COLS, streamed_tile, DEPTH_STEP, 1,
                 stationary_tile + (STATIONARY_RESIDENT ? d * BLOCK_COLS : 0), staged, DEPTH_STEP, cols, 0, rows,
                 d == 0);
    }
}

/* out += P x streamed, for the output block from d. */
INLINE void tile_output(ACC out_f *out, ACC lane_f *P, __local float *p_tile, __local float *streamed_tile,
                        const struct rows *streamed, long w, int d, const int staged, const int depth,
                        const struct span *rows, int cols)
{
    const bool there = staged != STAGED_NOT && KEEPS_STAGED(depth);
    for (int x = 0; x < OUT_BLOCK; x += DEPTH_STEP) {
        if (!there)
            fetch_streamed(streamed_tile, streamed, w, d + x, cols);
        multiply(out + x * BLOCK_COLS, OUT_BLOCK, streamed_tile, 1, DEPTH_STEP, P, TILE_COLS, cols, DEPTH_STEP,
                 DEPTH_STEP % BLOCK_ROWS, rows, false);
    }
}

/* ---- float32 sums of streamed rows in global memory, laid out by `at`: backward_fused ---- */

INLINE void clear_rows(__global float *sums, const struct layout *at)
{
    for (long row = 0; row < at->count; ++row)
        for (int x = 0; x < at->depth; ++x)
            sums[row_offset(at, row) + x] = 0.0f;
}

/* Adds scale c to the rows of sums, for rows and elements that exist. */
INLINE void add_block(__global float *sums, const struct layout *at, long first, int x, const int width,
                      lane_f c[BLOCK_ROWS][BLOCK_COLS], float scale)
{
    for (int r = 0; r < BLOCK_ROWS && first + r < at->count; ++r) {
        __global float *row = sums + row_offset(at, first + r);
        for (int n = 0; n < width; ++n) {
            const int there = at->depth - x - n * LANES;
            if (there >= LANES) {
                __global float *to = row + x + n * LANES;
                JOIN(vstore, LANES)(JOIN(vload, LANES)(0, to) + scale * c[r][n], 0, to);
            } else if (there > 0) {
                float value[LANES];
                JOIN(vstore, LANES)(c[r][n], 0, value);
                for (int i = 0; i < there; ++i)
                    row[x + n * LANES + i] += scale * value[i];
            }
        }
    }
}

/* sums += scale x dS^T[BLOCK_ROWS][K] x B[K][width], panel by panel of dS; rows of B are b_row
 * vectors long. */
INLINE void add_product(__global float *sums, const struct layout *at, long first, int x, const int width,
                        const __local lane_f *dS, const __local lane_f *B, const int b_row, int K, float scale)
{
    lane_f c[BLOCK_ROWS][BLOCK_COLS];
    FOR_REGISTERS (r, BLOCK_ROWS)
        FOR_REGISTERS (n, width)
            c[r][n] = 0.0f;
    for (int k = 0; k < K; k += PANEL)
        multiply_add(c, (const __local float *)dS + k * TILE_COLS, PANEL, 1, B + k * b_row, b_row, PANEL, BLOCK_ROWS,
                     width);
    add_block(sums, at, first, x, width, c, scale);
}

/* Sums of streamed rows from w on += scale x dS^T x stationary rows, over the stationary rows in
 * `rows`. dS is a score array. */
INLINE void add_streamed(__global float *sums, const struct layout *at, long w, const __local lane_f *dS,
                         const __local lane_f *stationary_rows, const int depth, float scale, const struct span *rows,
                         int cols)
{
    const int vectors = depth / LANES, K = (rows->end - rows->begin) * LANES;
    const __local lane_f *B = stationary_rows + rows->begin * LANES * vectors;
    for (int c = 0; c < cols; c += BLOCK_ROWS) {
        const __local lane_f *A = dS + SCORE(rows->begin, c);
        int x = 0;
        for (; x + BLOCK_COLS <= vectors; x += BLOCK_COLS)
            add_product(sums, at, w + c, x * LANES, BLOCK_COLS, A, B + x, vectors, K, scale);
        if (vectors % BLOCK_COLS)
            add_product(sums, at, w + c, x * LANES, vectors % BLOCK_COLS, A, B + x, vectors, K, scale);
    }
}

INLINE void round_rows(__global stored *to, const struct layout *to_at, const __global float *sums,
                       const struct layout *sums_at)
{
    for (long row = 0; row < to_at->count; ++row)
        for (int x = 0; x < to_at->depth; ++x)
            STORE(to, row_offset(to_at, row) + x, sums[row_offset(sums_at, row) + x]);
}

#endif
