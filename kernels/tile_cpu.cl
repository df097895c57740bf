/* Products of engine `cpu`: tiles are copied, the walked one transposed for scores, and multiplied in register blocks. */
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

/* tile[row][0 .. depth - 1] = rows first + row at depth d onwards. */
INLINE void fetch(__local float *tile, const struct rows *from, long first, int count, int d, const int depth)
{
    const int there = clamp(from->at.depth - d, 0, depth);
    for (int row = 0; row < count; ++row) {
        __local lane_f *to = (__local lane_f *)(tile + row * depth);
        const bool exists = row_exists(from, first + row);
        const __global stored *data = from->data + (exists ? row_offset(&from->at, first + row) + d : 0);
        for (int x = 0; x < depth; x += LANES)
            to[x / LANES] = exists ? load_lanes(data, x, there) : (lane_f)(0.0f);
    }
}

INLINE void fetch_owner(__local float *tile, const struct rows *owner, long first, int d, const int depth, int rows)
{
    fetch(tile, owner, first, rows, d, depth);
}

/* The lower, or upper, halves of a and b, lane by lane in turn. */
#define ZIP4(a, b) (a).x, (b).x, (a).y, (b).y, (a).z, (b).z, (a).w, (b).w
#if LANES == 16
#define ZIP_LO(a, b) (lane_f)(ZIP4((a).lo.lo, (b).lo.lo), ZIP4((a).lo.hi, (b).lo.hi))
#define ZIP_HI(a, b) (lane_f)(ZIP4((a).hi.lo, (b).hi.lo), ZIP4((a).hi.hi, (b).hi.hi))
#elif LANES == 8
#define ZIP_LO(a, b) (lane_f)(ZIP4((a).lo, (b).lo))
#define ZIP_HI(a, b) (lane_f)(ZIP4((a).hi, (b).hi))
#else
#define ZIP_LO(a, b) (lane_f)((a).x, (b).x, (a).y, (b).y)
#define ZIP_HI(a, b) (lane_f)((a).z, (b).z, (a).w, (b).w)
#endif

/* Transposes LANES vectors: each round of zipping the first half with the second rotates the bits of (vector, lane) by
 * one. */
INLINE void transpose(lane_f *v)
{
    lane_f zipped[LANES];
    FOR_UNROLLED (round, LANES_LOG2) {
        FOR_UNROLLED (i, LANES / 2) {
            zipped[2 * i] = ZIP_LO(v[i], v[i + LANES / 2]);
            zipped[2 * i + 1] = ZIP_HI(v[i], v[i + LANES / 2]);
        }
        FOR_UNROLLED (i, LANES)
            v[i] = zipped[i];
    }
}

/* tile[x][row], transposed in blocks of LANES x LANES. */
INLINE void fetch_walked(__local float *tile, const struct rows *walked, long first, int d)
{
    const int there = clamp(walked->at.depth - d, 0, CHUNK);
    for (int row = 0; row < WALK; row += LANES) {
        for (int x = 0; x < CHUNK; x += LANES) {
            lane_f v[LANES];
            for (int i = 0; i < LANES; ++i) {
                const long r = first + row + i;
                v[i] = row_exists(walked, r) ? load_lanes(walked->data + row_offset(&walked->at, r) + d, x, there)
                                             : (lane_f)(0.0f);
            }
            transpose(v);
            FOR_UNROLLED (i, LANES)
                *(__local lane_f *)(tile + (x + i) * WALK + row) = v[i];
        }
    }
}

INLINE void fetch_walked_for_output(__local float *tile, const struct rows *walked, long first, int d)
{
    fetch(tile, walked, first, WALK, d, CHUNK);
}

/* C[BLOCK_ROWS][cols] (+)= A[BLOCK_ROWS][K] x B[K][cols], all in registers but B. ldb and ldc count vectors. */
INLINE void multiply_block(__local lane_f *C, const int ldc, const __local float *A, const int lda,
                           const __local lane_f *B, const int ldb, const int K, const int cols, bool first)
{
    lane_f c[BLOCK_ROWS][BLOCK_COLS];
    FOR_UNROLLED (r, BLOCK_ROWS)
        FOR_UNROLLED (x, cols)
            c[r][x] = first ? (lane_f)(0.0f) : C[r * ldc + x];
    for (int k = 0; k < K; ++k) {
        lane_f b[BLOCK_COLS];
        FOR_UNROLLED (x, cols)
            b[x] = B[k * ldb + x];
        FOR_UNROLLED (r, BLOCK_ROWS)
            FOR_UNROLLED (x, cols)
                c[r][x] = A[r * lda + k] * b[x] + c[r][x];
    }
    FOR_UNROLLED (r, BLOCK_ROWS)
        FOR_UNROLLED (x, cols)
            C[r * ldc + x] = c[r][x];
}

/* C[rows][cols] (+)= A[rows][K] x B[K][cols]. */
INLINE void multiply(__local lane_f *C, const int ldc, const __local float *A, const int lda, const __local float *B,
                     const int cols, const int K, bool first, int rows)
{
    const __local lane_f *b = (const __local lane_f *)B;
    for (int r = 0; r < rows; r += BLOCK_ROWS) {
        for (int x = 0; x + BLOCK_COLS <= cols; x += BLOCK_COLS)
            multiply_block(C + r * ldc + x, ldc, A + r * lda, lda, b + x, cols, K, BLOCK_COLS, first);
        const int done = cols / BLOCK_COLS * BLOCK_COLS;
        if (done < cols)
            multiply_block(C + r * ldc + done, ldc, A + r * lda, lda, b + done, cols, K, cols - done, first);
    }
}

/* S (+)= owner[.., d ..] x walked^T over CHUNK. */
INLINE void multiply_scores(__local lane_f *S, const __local float *owner, const int owner_depth, int d,
                            const __local float *walked, bool first, int rows)
{
    multiply(S, COLS, owner + d, owner_depth, walked, COLS, CHUNK, first, rows);
}

INLINE const __local float *operand(const __local lane_f *S, __local float *tile, int rows)
{
    return (const __local float *)S;
}

/* out[.., from .. from + CHUNK - 1] += P x walked. */
INLINE void multiply_output(__local lane_f *out, int from, const __local float *P, const __local float *walked,
                            int rows)
{
    multiply(out + from / LANES, OUT_COLS, P, WALK, walked, CHUNK / LANES, WALK, false, rows);
}

/* S = owner x walked^T over DEPTH (D_PAD or DV_PAD). owner_tile holds the owner's rows already if OWNER_RESIDENT. */
INLINE void tile_scores(ACC lane_f *S, __local float *owner_tile, const struct rows *owner, long o,
                        __local float *walked_tile, const struct rows *walked, long w, const int depth, int rows)
{
    for (int d = 0; d < depth; d += CHUNK) {
        if (!OWNER_RESIDENT)
            fetch_owner(owner_tile, owner, o, d, CHUNK, rows);
        fetch_walked(walked_tile, walked, w, d);
        multiply_scores(S, owner_tile, OWNER_RESIDENT ? depth : CHUNK, OWNER_RESIDENT ? d : 0, walked_tile, d == 0,
                        rows);
    }
}

/* out += P x walked, for the depth slice from d. */
INLINE void tile_output(ACC out_f *out, ACC lane_f *P, __local float *p_tile, __local float *walked_tile,
                        const struct rows *walked, long w, int d, bool staged, const int depth, int rows)
{
    for (int x = 0; x < SLICE; x += CHUNK) {
        fetch_walked_for_output(walked_tile, walked, w, d + x);
        multiply_output(out, x, (__local float *)P, walked_tile, rows);
    }
}

#endif
