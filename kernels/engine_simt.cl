/* Engine `simt`: a work-group of WG_SIZE items as TY x TX. An item holds ROWS x COLS scores and ROWS x SLICE / TX
 * outputs in registers; tiles pass through local memory, row by row, in reads of four neighbouring depth elements.
 *
 *   item (ty, tx): score rows ty ROWS + r, score columns tx + TX c, output depth 4 (tx + TX x)
 *
 * Tile rows are PAD elements longer than their depth: 16-byte aligned, and items of neighbouring rows on different
 * banks.
 *
 * Local memory in floats: OWN (OWNER_DEPTH + PAD) an owner tile, WALK (WALKED_DEPTH + PAD) the walked tile, OWN (WALK +
 * PAD) an operand, OWN TX the reduction. */
#ifndef ENGINE_SIMT_CL
#define ENGINE_SIMT_CL

#if !defined(TX) || !defined(TY)
#error "TX and TY must be given with -D"
#endif
#define WG_SIZE (TX * TY)
#if OWN % TY || WALK % TX || WALK % 4 || SLICE % (4 * TX) || CHUNK % 4 || TX % 4
#error "TY must divide OWN, TX and 4 WALK, 4 TX SLICE, 4 CHUNK and TX"
#endif

typedef float lane_f;
typedef int lane_i;
typedef float4 out_f;
#define LANES 1
#define ACC __private
#define ROWS (OWN / TY)
#define COLS (WALK / TX)
#define OUT_COLS (SLICE / (4 * TX))
#define OUT_CHUNK SLICE
#define PAD 4
#define OWNER_DEPTH(depth) (OWNER_RESIDENT ? (depth) : CHUNK)
#define WALKED_DEPTH (CHUNK > SLICE ? CHUNK : SLICE)
#define WALKED_LD (WALKED_DEPTH + PAD)
#define OPERAND_LD (WALK + PAD)

#define OWNER_TILE(name, depth) __local float __attribute__((aligned(16))) name[OWN * (OWNER_DEPTH(depth) + PAD)]
#define WALKED_TILE(name) __local float __attribute__((aligned(16))) name[WALK * WALKED_LD]
#define OPERAND_TILE(name) __local float __attribute__((aligned(16))) name[OWN * OPERAND_LD]
#define REDUCE_TILE(name) __local float __attribute__((aligned(16))) name[OWN * TX]
#define ROW_FLOATS(name) float name[ROWS]
#define ROW_LANES(name) lane_f name[ROWS]
#define SCORES(name) float name[ROWS * COLS]
#define OUTPUT(name) float4 name[ROWS * OUT_COLS]

#define FOR_ROWS(r, rows) FOR_UNROLLED (r, ROWS)
#define FOR_COLS(c) FOR_UNROLLED (c, COLS)
#define FOR_OUT(x) FOR_UNROLLED (x, OUT_COLS)
/* Along a product, four elements at a time; unrolled further, some compilers run out of registers. */
#define FOR_QUADS(x, depth) _Pragma("unroll 2") for (int x = 0; x < (depth); x += 4)
#define NEEDS_RESCALE(factor) true /* cheaper than asking */
/* The walked tile of the scores serves the output as well, if it holds the whole depth. */
#define KEEPS_STAGED(depth) ((depth) == CHUNK && (depth) == SLICE)

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

INLINE int rows_in_use(long left)
{
    return (int)min(left, (long)OWN);
}

INLINE void tile_wait(void)
{
    barrier(CLK_LOCAL_MEM_FENCE);
}

INLINE void tile_release(void)
{
    barrier(CLK_LOCAL_MEM_FENCE);
}

/* Elements x .. x + 3 of a row of `depth`; those past its end are 0. */
INLINE float4 load_quad(const __global stored *row, int x, int depth)
{
    if (x + 4 <= depth)
        return load4(row + x);
    float4 value = 0.0f;
    if (x < depth)
        value.x = LOAD(row, x);
    if (x + 1 < depth)
        value.y = LOAD(row, x + 1);
    if (x + 2 < depth)
        value.z = LOAD(row, x + 2);
    return value;
}

/* tile[row][0 .. depth - 1] = rows first + row at depth d onwards; neighbouring items take neighbouring elements. */
INLINE void fetch(__local float *tile, const int ld, const struct rows *from, long first, const int count, int d,
                  const int depth)
{
    const int quads = depth / 4;
    for (int at = get_local_id(0); at < count * quads; at += WG_SIZE) {
        const int row = at / quads, x = 4 * (at % quads);
        float4 value = 0.0f;
        if (row_exists(from, first + row))
            value = load_quad(from->data + row_offset(&from->at, first + row), d + x, from->at.depth);
        *(__local float4 *)(tile + row * ld + x) = value;
    }
}

INLINE void fetch_owner(__local float *tile, const struct rows *owner, long first, int d, const int depth, int rows)
{
    fetch(tile, depth + PAD, owner, first, OWN, d, depth);
}

INLINE void fetch_walked(__local float *tile, const struct rows *walked, long first, int d)
{
    fetch(tile, WALKED_LD, walked, first, WALK, d, CHUNK);
}

INLINE void fetch_walked_for_output(__local float *tile, const struct rows *walked, long first, int d)
{
    fetch(tile, WALKED_LD, walked, first, WALK, d, SLICE);
}

INLINE float4 read4(const __local float *at)
{
    return *(const __local float4 *)at;
}

/* S (+)= owner[.., d ..] x walked^T over CHUNK. */
INLINE void multiply_scores(float *S, const __local float *owner, const int owner_depth, int d,
                            const __local float *walked, bool first, int rows)
{
    const __local float *a = owner + tile_row(0) * (owner_depth + PAD) + d;
    const __local float *b = walked + item_x() * WALKED_LD;
    if (first)
        FOR_UNROLLED (s, ROWS * COLS)
            S[s] = 0.0f;
    FOR_QUADS (x, CHUNK) {
        float4 column[COLS];
        FOR_COLS (c)
            column[c] = read4(b + c * TX * WALKED_LD + x);
        FOR_ROWS (r, rows) {
            const float4 row = read4(a + r * (owner_depth + PAD) + x);
            FOR_COLS (c) {
                float s = S[r * COLS + c];
                s = mad(row.x, column[c].x, s);
                s = mad(row.y, column[c].y, s);
                s = mad(row.z, column[c].z, s);
                S[r * COLS + c] = mad(row.w, column[c].w, s);
            }
        }
    }
}

/* Stores S where every item of the group can read it, after the next tile_wait. */
INLINE const __local float *operand(const float *S, __local float *tile, int rows)
{
    FOR_ROWS (r, rows)
        FOR_COLS (c)
            tile[tile_row(r) * OPERAND_LD + tile_col(c)] = S[r * COLS + c];
    return tile;
}

/* out += P x walked: all of SLICE, so `from` is 0. */
INLINE void multiply_output(float4 *out, int from, const __local float *P, const __local float *walked, int rows)
{
    FOR_QUADS (k, WALK) {
        float4 p[ROWS];
        FOR_ROWS (r, rows)
            p[r] = read4(P + tile_row(r) * OPERAND_LD + k);
        FOR_OUT (x) {
            const __local float *w = walked + k * WALKED_LD + out_depth(x);
            const float4 w0 = read4(w), w1 = read4(w + WALKED_LD), w2 = read4(w + 2 * WALKED_LD),
                         w3 = read4(w + 3 * WALKED_LD);
            FOR_ROWS (r, rows) {
                float4 sum = out[r * OUT_COLS + x];
                sum = mad((float4)(p[r].x), w0, sum);
                sum = mad((float4)(p[r].y), w1, sum);
                sum = mad((float4)(p[r].z), w2, sum);
                out[r * OUT_COLS + x] = mad((float4)(p[r].w), w3, sum);
            }
        }
    }
}

/* data rows = factor[r] * out, for the depth slice from d; only elements that exist are written. */
INLINE void store_output(const float4 *out, const ACC float *factor, __global stored *data, const struct layout *at,
                         long first, int d, int rows)
{
    FOR_ROWS (r, rows) {
        const long row = first + tile_row(r);
        if (row < at->count) {
            const long to = row_offset(at, row);
            FOR_OUT (x) {
                const float4 value = out[r * OUT_COLS + x] * factor[r];
                const int depth = d + out_depth(x);
                if (depth < at->depth)
                    STORE(data, to + depth, value.x);
                if (depth + 1 < at->depth)
                    STORE(data, to + depth + 1, value.y);
                if (depth + 2 < at->depth)
                    STORE(data, to + depth + 2, value.z);
                if (depth + 3 < at->depth)
                    STORE(data, to + depth + 3, value.w);
            }
        }
    }
}

/* One float32 a row, written by one item of those that share the row. */
INLINE void store_stat(const ACC float *value, __global float *data, const struct layout *at, long first, int rows)
{
    FOR_ROWS (r, rows)
        if (item_x() == 0 && first + tile_row(r) < at->count)
            data[row_offset(at, first + tile_row(r))] = value[r];
}

INLINE lane_f lane_exp2(lane_f x)
{
    return exp2(x);
}

INLINE float lane_max(lane_f x)
{
    return x;
}

INLINE float lane_sum(lane_f x)
{
    return x;
}

/* A float32 a row, of rows first + row; `otherwise` for rows that do not exist. */
INLINE lane_f gather_stat(const __global float *data, const struct layout *at, long first, lane_i row, float otherwise)
{
    return first + row < at->count ? data[row_offset(at, first + row)] : otherwise;
}

INLINE lane_i gather_mask(const __global uchar *mask, lane_i i, long row, lane_i head, long per_head, lane_i j,
                          long column)
{
    return mask[i * row + head * per_head + j * column];
}

/* Combine what the TX items of a row hold; the caller must reach a barrier before the tile is written again. */
INLINE void share_rows(const float *value, __local float *tile, int rows)
{
    FOR_ROWS (r, rows)
        tile[tile_row(r) * TX + item_x()] = value[r];
    barrier(CLK_LOCAL_MEM_FENCE);
}

INLINE void reduce_max(ACC float *value, __local float *tile, int rows)
{
    share_rows(value, tile, rows);
    FOR_ROWS (r, rows) {
        float4 most = read4(tile + tile_row(r) * TX);
        for (int x = 4; x < TX; x += 4)
            most = fmax(most, read4(tile + tile_row(r) * TX + x));
        value[r] = fmax(fmax(most.x, most.y), fmax(most.z, most.w));
    }
}

INLINE void reduce_sum(ACC float *value, __local float *tile, int rows)
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
