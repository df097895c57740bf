/* Engine `simt`: a work-group of WG_SIZE items as TY x TX. An item holds ROWS x COLS scores and ROWS x SLICE / TX
 * outputs in registers; tiles pass through local memory, row by row, in reads of four neighbouring depth elements.
 *
 *   item (ty, tx): score rows ty ROWS + r, score columns tx + TX c, output depth 4 (tx + TX x)
 *
 * What is staged is picked up from global memory into registers while the items multiply what was put down before. For
 * scores a CHUNK of the depth is staged at a time, for the output a STRIP of walked rows, with the scores' columns that
 * belong to it.
 *
 * Tile rows are PAD elements longer than their depth: 16-byte aligned, and items of neighbouring rows on different
 * banks.
 *
 * Local memory in floats: OWN (OWNER_DEPTH + PAD) an owner tile, the larger of WALK (CHUNK + PAD) and STRIP (SLICE +
 * PAD) the walked tile, OWN (STRIP + PAD) an operand, OWN TX the reduction. */
#ifndef ENGINE_SIMT_CL
#define ENGINE_SIMT_CL

#if !defined(TX) || !defined(TY) || !defined(STRIP) || !defined(UNROLL)
#error "TX, TY, STRIP and UNROLL must be given with -D"
#endif
#define WG_SIZE (TX * TY)
#if OWN % TY || WALK % STRIP || STRIP % TX || STRIP % 4 || SLICE % (4 * TX) || CHUNK % 4 || TX % 4
#error "TY must divide OWN, STRIP WALK, TX and 4 STRIP, 4 TX SLICE, 4 CHUNK and TX"
#endif

typedef float lane_f;
typedef int lane_i;
typedef float4 out_f;
typedef float owner_f;
#define LANES 1
#define ACC __private
#define ROWS (OWN / TY)
#define COLS (WALK / TX)
#define OUT_COLS (SLICE / (4 * TX))
#define PAD 4
#define OWNER_DEPTH(depth) (OWNER_RESIDENT ? (depth) : CHUNK)
#define SCORES_LD (CHUNK + PAD)
#define OUTPUT_LD (SLICE + PAD)
#define OPERAND_LD (STRIP + PAD)
#define WALKED_SIZE (WALK * SCORES_LD > STRIP * OUTPUT_LD ? WALK * SCORES_LD : STRIP * OUTPUT_LD)

#define OWNER_TILE(name, depth) __local float __attribute__((aligned(16))) name[OWN * (OWNER_DEPTH(depth) + PAD)]
#define WALKED_TILE(name) __local float __attribute__((aligned(16))) name[WALKED_SIZE]
#define SECOND_TILE(name, walked_tile) __local float *const name = walked_tile
#define OPERAND_TILE(name) __local float __attribute__((aligned(16))) name[OWN * OPERAND_LD]
#define REDUCE_TILE(name) __local float __attribute__((aligned(16))) name[OWN * TX]
#define ROW_VALUES(name) float name[ROWS]
#define COL_VALUES(name) float name[COLS]
#define SCORES(name) float name[ROWS * COLS]
#define OUTPUT(name) float4 name[ROWS * OUT_COLS]
#define SCORE(r, c) ((r)*COLS + (c))
#define OUT(r, x) ((r)*OUT_COLS + (x))

#define FOR_ROWS(r, rows) FOR_UNROLLED (r, ROWS)
#define FOR_COLS(c, cols) FOR_UNROLLED (c, COLS)
#define FOR_OUT(x) FOR_UNROLLED (x, OUT_COLS)
/* Along a product, four elements at a time; unrolled too far, some compilers run out of registers. */
#define FOR_QUADS(x, depth) PRAGMA(unroll UNROLL) for (int x = 0; x < (depth); x += 4)
#define RESCALE_SLACK 0.0f
#define NEEDS_RESCALE(factor) true /* cheaper than asking */
/* The walked tile of the scores serves the output as well, if it holds the whole depth. */
#define KEEPS_STAGED(depth) ((depth) == CHUNK && (depth) == SLICE && STRIP == WALK)

INLINE int item_x(void)
{
    return (int)get_local_id(0) % TX;
}

INLINE int tile_row(int r)
{
    return (int)get_local_id(0) / TX * ROWS + r;
}

INLINE lane_i tile_col(int c)
{
    return item_x() + c * TX;
}

INLINE int out_depth(int x)
{
    return 4 * (item_x() + x * TX);
}

/* Items work on whole tiles. */
INLINE void rows_in_use(struct span *rows, long left)
{
    rows->begin = 0;
    rows->end = ROWS;
}

INLINE void narrow_rows(struct span *rows, int first, int count)
{
}

INLINE int cols_in_use(long left)
{
    return COLS;
}

INLINE float4 read4(const __local float *at)
{
    return *(const __local float4 *)at;
}

/* data rows = factor[r] * out, for the depth slice from d; only elements that exist are written. */
INLINE void store_output(const float4 *out, const ACC float *factor, __global result *data, const struct layout *at,
                         long first, int d, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        const long row = first + tile_row(r);
        if (row < at->count) {
            const long to = row_offset(at, row);
            FOR_OUT (x) {
                const float4 value = out[OUT(r, x)] * factor[r];
                const int depth = d + out_depth(x);
                if (depth < at->depth)
                    STORE_RESULT(data, to + depth, value.x);
                if (depth + 1 < at->depth)
                    STORE_RESULT(data, to + depth + 1, value.y);
                if (depth + 2 < at->depth)
                    STORE_RESULT(data, to + depth + 2, value.z);
                if (depth + 3 < at->depth)
                    STORE_RESULT(data, to + depth + 3, value.w);
            }
        }
    }
}

/* One float32 a row, written by one item of those that share the row. */
INLINE void store_stat(const ACC float *value, __global float *data, const struct layout *at, long first,
                       const struct span *rows)
{
    FOR_ROWS (r, rows)
        if (item_x() == 0 && first + tile_row(r) < at->count)
            data[row_offset(at, first + tile_row(r))] = value[r];
}

INLINE lane_f lane_exp2(lane_f x)
{
    return exp2(x);
}

INLINE lane_f lane_max(lane_f x, lane_f y)
{
    return fmax(x, y);
}

/* A float32 a row, of row `row`; `otherwise` where that does not exist. */
INLINE float stat(const __global float *data, const struct layout *at, long row, float otherwise)
{
    return row < at->count ? data[row_offset(at, row)] : otherwise;
}

INLINE lane_f row_stat(const __global float *data, const struct layout *at, long first, int r, float otherwise)
{
    return stat(data, at, first + tile_row(r), otherwise);
}

INLINE lane_f col_stat(const __global float *data, const struct layout *at, long first, int c, float otherwise)
{
    return stat(data, at, first + tile_col(c), otherwise);
}

INLINE lane_i gather_mask(const __global uchar *mask, lane_i i, long row, lane_i head, long per_head, lane_i j,
                          long column)
{
    return mask[i * row + head * per_head + j * column];
}

/* Combine what the TX items of a row hold; the caller must reach a barrier before the tile is written again. */
INLINE void share_rows(const float *value, __local float *tile, const struct span *rows)
{
    FOR_ROWS (r, rows)
        tile[tile_row(r) * TX + item_x()] = value[r];
    barrier(CLK_LOCAL_MEM_FENCE);
}

INLINE void reduce_max(ACC float *value, __local float *tile, const struct span *rows)
{
    share_rows(value, tile, rows);
    FOR_ROWS (r, rows) {
        float4 most = read4(tile + tile_row(r) * TX);
        for (int x = 4; x < TX; x += 4)
            most = fmax(most, read4(tile + tile_row(r) * TX + x));
        value[r] = fmax(fmax(most.x, most.y), fmax(most.z, most.w));
    }
}

INLINE void reduce_sum(ACC float *value, __local float *tile, const struct span *rows)
{
    share_rows(value, tile, rows);
    FOR_ROWS (r, rows) {
        float4 sum = read4(tile + tile_row(r) * TX);
        for (int x = 4; x < TX; x += 4)
            sum += read4(tile + tile_row(r) * TX + x);
        value[r] = (sum.x + sum.y) + (sum.z + sum.w);
    }
}

#endif
