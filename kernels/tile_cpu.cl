/* Products of engine `cpu`: tiles are copied, the owner's transposed, and multiplied in register blocks. */
#ifndef TILE_CPU_CL
#define TILE_CPU_CL

/* Elements x onwards of a row that has `there`; those past its end are 0. */
INLINE lane_f load_lanes(const __global stored *row, int x, int there)
{
    if (x + LANES <= there)
        return LOAD_LANES(LANES, row + x);
    float value[LANES];
    for (int i = 0; i < LANES; ++i)
        value[i] = x + i < there ? LOAD(row, x + i) : 0.0f;
    return JOIN(vload, LANES)(0, value);
}

/* tile[row][0 .. CHUNK - 1] = rows first + row at depth d onwards; what does not exist, or is padding, becomes 0. */
INLINE void fetch_walked(__local float *tile, const struct rows *walked, long first, int d, int cols)
{
    const int there = clamp(walked->at.depth - d, 0, CHUNK);
    for (int row = 0; row < cols; ++row) {
        __local lane_f *to = (__local lane_f *)(tile + row * CHUNK);
        const bool exists = row_exists(walked, first + row);
        const __global stored *data = walked->data + (exists ? row_offset(&walked->at, first + row) + d : 0);
        for (int x = 0; x < CHUNK; x += LANES)
            to[x / LANES] = exists ? load_lanes(data, x, there) : (lane_f)(0.0f);
    }
}

/* tile[x][row], transposed in blocks of LANES x LANES. */
INLINE void fetch_owner(__local lane_f *tile, const struct rows *owner, long first, int d, const int depth,
                        const struct span *rows)
{
    const int there = clamp(owner->at.depth - d, 0, depth);
    FOR_ROWS (r, rows) {
        for (int x = 0; x < depth; x += LANES) {
            lane_f v[LANES];
            for (int i = 0; i < LANES; ++i) {
                const long row = first + r * LANES + i;
                v[i] = row_exists(owner, row) ? load_lanes(owner->data + row_offset(&owner->at, row) + d, x, there)
                                              : (lane_f)(0.0f);
            }
            transpose(v);
            FOR_UNROLLED (i, LANES)
                tile[(x + i) * ROWS + r] = v[i];
        }
    }
}

/* C[height][BLOCK_COLS] (+)= A[height][K] x B[K][BLOCK_COLS], all in registers but A and B. Element (r, k) of A is at
 * [r a_row + k a_step]; rows of B and C are ROWS vectors long. */
INLINE void multiply_block(__local lane_f *C, const __local float *A, const int a_row, const int a_step,
                           const __local lane_f *B, int K, const int height, bool first)
{
    lane_f c[BLOCK_ROWS][BLOCK_COLS];
    FOR_UNROLLED (r, height)
        FOR_UNROLLED (x, BLOCK_COLS)
            c[r][x] = first ? (lane_f)(0.0f) : C[r * ROWS + x];
    for (int k = 0; k < K; ++k) {
        lane_f b[BLOCK_COLS];
        FOR_UNROLLED (x, BLOCK_COLS)
            b[x] = B[k * ROWS + x];
        FOR_UNROLLED (r, height)
            FOR_UNROLLED (x, BLOCK_COLS)
                c[r][x] = A[r * a_row + k * a_step] * b[x] + c[r][x];
    }
    FOR_UNROLLED (r, height)
        FOR_UNROLLED (x, BLOCK_COLS)
            C[r * ROWS + x] = c[r][x];
}

/* C[height][rows] (+)= A[height][K] x B[K][rows]; past whole register blocks `rest` of C are left. */
INLINE void multiply(__local lane_f *C, const __local float *A, const int a_row, const int a_step,
                     const __local lane_f *B, int K, int height, const int rest, const struct span *rows, bool first)
{
    for (int x = rows->begin; x < rows->end; x += BLOCK_COLS) {
        int r = 0;
        for (; r + BLOCK_ROWS <= height; r += BLOCK_ROWS)
            multiply_block(C + r * ROWS + x, A + r * a_row, a_row, a_step, B + x, K, BLOCK_ROWS, first);
        if (rest)
            multiply_block(C + r * ROWS + x, A + r * a_row, a_row, a_step, B + x, K, rest, first);
    }
}

/* S = owner x walked^T over DEPTH (D_PAD or DV_PAD). owner_tile holds the owner's rows already if OWNER_RESIDENT. */
INLINE void tile_scores(ACC lane_f *S, __local lane_f *owner_tile, const struct rows *owner, long o,
                        __local float *walked_tile, const struct rows *walked, long w, const int depth,
                        const struct span *rows, int cols)
{
    for (int d = 0; d < depth; d += CHUNK) {
        if (!OWNER_RESIDENT)
            fetch_owner(owner_tile, owner, o, d, CHUNK, rows);
        fetch_walked(walked_tile, walked, w, d, cols);
        multiply(S, walked_tile, CHUNK, 1, owner_tile + (OWNER_RESIDENT ? d * ROWS : 0), CHUNK, cols, 0, rows, d == 0);
    }
}

/* out += P x walked, for the depth slice from d. */
INLINE void tile_output(ACC out_f *out, ACC lane_f *P, __local float *p_tile, __local float *walked_tile,
                        const struct rows *walked, long w, int d, const int staged, const int depth,
                        const struct span *rows, int cols)
{
    const bool there = staged != STAGED_NOT && KEEPS_STAGED(depth);
    for (int x = 0; x < SLICE; x += CHUNK) {
        if (!there)
            fetch_walked(walked_tile, walked, w, d + x, cols);
        multiply(out + x * ROWS, walked_tile, 1, CHUNK, P, cols, CHUNK, CHUNK % BLOCK_ROWS, rows, false);
    }
}

#endif
