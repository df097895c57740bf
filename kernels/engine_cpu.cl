/* Engine `cpu`: one work-item a work-group, so one core works through a tile alone and nothing waits. Vectors of LANES
 * floats; products in register blocks of BLOCK_ROWS x BLOCK_COLS vectors. Tiles and accumulators are local memory,
 * which a CPU device takes from its caches.
 *
 *   score columns run along the lanes: column LANES c + lane; the walked tile is transposed for them, [depth][WALK]
 *   output depth runs along the lanes too; for it the walked tile is [WALK][CHUNK]
 *
 * Local memory in floats: OWN OWNER_DEPTH an owner tile, WALK CHUNK the walked tile, OWN WALK a score array, OWN SLICE
 * an output. */
#ifndef ENGINE_CPU_CL
#define ENGINE_CPU_CL

#if !defined(LANES) || !defined(BLOCK_ROWS) || !defined(BLOCK_COLS)
#error "LANES, BLOCK_ROWS and BLOCK_COLS must be given with -D"
#endif
#define WG_SIZE 1
#if OWN % BLOCK_ROWS || WALK % (LANES * BLOCK_COLS) || CHUNK % LANES || SLICE % CHUNK
#error "BLOCK_ROWS must divide OWN, LANES BLOCK_COLS WALK, LANES CHUNK, CHUNK SLICE"
#endif

typedef JOIN(float, LANES) lane_f;
typedef JOIN(int, LANES) lane_i;
#define LANES_LOG2 (LANES == 16 ? 4 : LANES == 8 ? 3 : 2)
typedef lane_f out_f;
#define ACC __local
#define ROWS OWN
#define COLS (WALK / LANES)
#define OUT_COLS (SLICE / LANES)
#define OWNER_DEPTH(depth) (OWNER_RESIDENT ? (depth) : CHUNK)

#define OWNER_TILE(name, depth) __local float __attribute__((aligned(64))) name[OWN * OWNER_DEPTH(depth)]
#define WALKED_TILE(name) __local float __attribute__((aligned(64))) name[WALK * CHUNK]
#define OPERAND_TILE(name) __local float *const name = 0 /* scores are operands as they lie */
#define REDUCE_TILE(name) __local float *const name = 0
#define ROW_FLOATS(name) __local float name[OWN]
#define ROW_LANES(name) __local lane_f name[OWN]
#define SCORES(name) __local lane_f name[OWN * COLS]
#define OUTPUT(name) __local lane_f name[OWN * OUT_COLS]

#define FOR_ROWS(r, rows) for (int r = 0; r < (rows); ++r)
#define FOR_COLS(c) FOR_UNROLLED (c, COLS)
#define FOR_OUT(x) for (int x = 0; x < OUT_COLS; ++x)
#define NEEDS_RESCALE(factor) ((factor) != 1.0f)

INLINE int tile_row(int r)
{
    return r;
}

INLINE lane_i lane_numbers(void)
{
#if LANES == 16
    return (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LANES == 8
    return (int8)(0, 1, 2, 3, 4, 5, 6, 7);
#else
    return (int4)(0, 1, 2, 3);
#endif
}

INLINE lane_i tile_col(int c)
{
    return c * LANES + lane_numbers();
}

/* Whole register blocks; rows past the last real one are zero. */
INLINE int rows_in_use(long left)
{
    const int rows = (int)min(left, (long)OWN);
    return (rows + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS;
}

/* Elements x onwards of a row, as far as it has `there`. */
INLINE void store_lanes(__global result *row, int x, int there, lane_f value)
{
    if (x + LANES <= there) {
        STORE_RESULT_LANES(LANES, row + x, value);
        return;
    }
    float values[LANES];
    JOIN(vstore, LANES)(value, 0, values);
    for (int i = 0; x + i < there; ++i)
        STORE_RESULT(row, x + i, values[i]);
}

/* data rows = factor[r] * out, for the depth slice from d; only elements that exist are written. */
INLINE void store_output(const __local lane_f *out, const ACC float *factor, __global result *data,
                         const struct layout *at, long first, int d, int rows)
{
    const int real = (int)min((long)rows, at->count - first);
    const int depth = min(at->depth - d, SLICE);
    for (int r = 0; r < real; ++r) {
        __global result *to = data + row_offset(at, first + r) + d;
        for (int x = 0; x < depth; x += LANES)
            store_lanes(to, x, depth, out[r * OUT_COLS + x / LANES] * factor[r]);
    }
}

INLINE void store_stat(const ACC float *value, __global float *data, const struct layout *at, long first, int rows)
{
    for (int r = 0; r < rows && first + r < at->count; ++r)
        data[row_offset(at, first + r)] = value[r];
}

/* 2^x to 2 ulp for x <= 128, and exactly 0 below -126, where float32 has no normal numbers: 2^x = 2^n 2^f, n the
 * nearest integer, 2^f by a polynomial on [-1/2, 1/2]. */
INLINE lane_f lane_exp2(lane_f x)
{
    const lane_f n = rint(x), f = x - n;
    lane_f p = 1.535336188319500e-4f * f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
    const lane_i exponent = (JOIN(convert_int, LANES)(n) + 127) << 23;
    return x < -126.0f ? (lane_f)(0.0f) : JOIN(as_float, LANES)(exponent) * p;
}

/* Folds the lanes in halves with f(a, b). */
#define FOLD4(f, v) f(f((v).x, (v).y), f((v).z, (v).w))
#if LANES == 16
#define FOLD(f, v) FOLD4(f, f(f((v).lo.lo, (v).lo.hi), f((v).hi.lo, (v).hi.hi)))
#elif LANES == 8
#define FOLD(f, v) FOLD4(f, f((v).lo, (v).hi))
#else
#define FOLD(f, v) FOLD4(f, v)
#endif
#define ADD(a, b) ((a) + (b))

INLINE float lane_max(lane_f x)
{
    return FOLD(fmax, x);
}

INLINE float lane_sum(lane_f x)
{
    return FOLD(ADD, x);
}

/* Lanes to an array and back. */
#define SPREAD(type, name, lanes)                                                                                      \
    type name[LANES];                                                                                                  \
    JOIN(vstore, LANES)(lanes, 0, name)
#define COLLECT(name) JOIN(vload, LANES)(0, name)

/* A float32 a row, of rows first + row; `otherwise` for rows that do not exist. */
INLINE lane_f gather_stat(const __global float *data, const struct layout *at, long first, lane_i row, float otherwise)
{
    float value[LANES];
    SPREAD(int, r, row);
    for (int i = 0; i < LANES; ++i)
        value[i] = first + r[i] < at->count ? data[row_offset(at, first + r[i])] : otherwise;
    return COLLECT(value);
}

INLINE lane_i gather_mask(const __global uchar *mask, lane_i i, long row, lane_i head, long per_head, lane_i j,
                          long column)
{
    int value[LANES];
    SPREAD(int, ii, i);
    SPREAD(int, hh, head);
    SPREAD(int, jj, j);
    for (int x = 0; x < LANES; ++x)
        value[x] = mask[ii[x] * row + hh[x] * per_head + jj[x] * column];
    return COLLECT(value);
}

/* One item holds whole rows. */
INLINE void reduce_max(ACC float *value, __local float *tile, int rows)
{
}

INLINE void reduce_sum(ACC float *value, __local float *tile, int rows)
{
}

#endif
