/* Products of engine `simt`. What is staged is picked up from global memory into registers while the items
 * multiply what was put down before. For scores a CHUNK of the depth is staged at a time, for the output a STRIP of walked rows, with
 * the scores' columns that belong to it. */
#ifndef TILE_SIMT_CL
#define TILE_SIMT_CL

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

/* What one item carries of `count` rows, `depth` deep. */
#define CARRIED(count, depth) (((count) * (depth) / 4 + WG_SIZE - 1) / WG_SIZE)

/* Rows first + row at depth d onwards into registers; neighbouring items take neighbouring elements. Whole tiles of
 * whole vectors, nearly all there are, need no question but this one. */
INLINE void pick_up(float4 *carried, const struct rows *from, long first, const int count, int d, const int depth)
{
    const int quads = depth / 4, item = (int)get_local_id(0);
    if (from->quads && !from->real && first + count <= from->at.count && d + depth <= from->at.depth) {
        const __global stored *data = from->data + from->at.origin + first * from->at.row + d;
        if (WG_SIZE % quads == 0 && count % (WG_SIZE / quads) == 0) { /* each stays in a column: one address moves */
            data += item / quads * from->at.row + 4 * (item % quads);
            FOR_UNROLLED (n, CARRIED(count, depth)) {
                carried[n] = load4_aligned(data);
                data += WG_SIZE / quads * from->at.row;
            }
            return;
        }
        FOR_UNROLLED (n, CARRIED(count, depth)) {
            const int at = item + n * WG_SIZE;
            if (count * quads % WG_SIZE == 0 || at < count * quads)
                carried[n] = load4_aligned(data + at / quads * from->at.row + 4 * (at % quads));
        }
        return;
    }
    FOR_UNROLLED (n, CARRIED(count, depth)) {
        const int at = item + n * WG_SIZE, row = at / quads, x = 4 * (at % quads);
        carried[n] = 0.0f;
        if (row < count && row_exists(from, first + row))
            carried[n] = load_quad(from->data + row_offset(&from->at, first + row), d + x, from->at.depth);
    }
}

/* And into a tile. */
INLINE void put_down(__local float *tile, const int ld, const float4 *carried, const int count, const int depth)
{
    const int quads = depth / 4;
    FOR_UNROLLED (n, CARRIED(count, depth)) {
        const int at = (int)get_local_id(0) + n * WG_SIZE, row = at / quads, x = 4 * (at % quads);
        if (row < count)
            *(__local float4 *)(tile + row * ld + x) = carried[n];
    }
}

INLINE void fetch_owner(__local float *tile, const struct rows *owner, long first, int d, const int depth,
                        const struct span *rows)
{
    const int quads = depth / 4;
    for (int at = get_local_id(0); at < OWN * quads; at += WG_SIZE) {
        const int row = at / quads, x = 4 * (at % quads);
        float4 value = 0.0f;
        if (row_exists(owner, first + row))
            value = load_quad(owner->data + row_offset(&owner->at, first + row), d + x, owner->at.depth);
        *(__local float4 *)(tile + row * (depth + PAD) + x) = value;
    }
}

/* S (+)= owner[.., d ..] x walked^T over CHUNK. */
INLINE void multiply_scores(float *S, const __local float *owner, const int owner_depth, int d,
                            const __local float *walked, bool first, const struct span *rows)
{
    const __local float *a = owner + tile_row(0) * (owner_depth + PAD) + d;
    const __local float *b = walked + item_x() * SCORES_LD;
    if (first)
        FOR_UNROLLED (s, ROWS * COLS)
            S[s] = 0.0f;
    FOR_QUADS (x, CHUNK) {
        float4 column[COLS];
        FOR_COLS (c, COLS)
            column[c] = read4(b + c * TX * SCORES_LD + x);
        FOR_ROWS (r, rows) {
            const float4 row = read4(a + r * (owner_depth + PAD) + x);
            FOR_COLS (c, COLS) {
                float s = S[SCORE(r, c)];
                s = mad(row.x, column[c].x, s);
                s = mad(row.y, column[c].y, s);
                s = mad(row.z, column[c].z, s);
                S[SCORE(r, c)] = mad(row.w, column[c].w, s);
            }
        }
    }
}

/* Stores the columns of S from `first` on, STRIP of them, where every item of the group can read them. */
INLINE void put_operand(__local float *tile, const float *S, const int first)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, STRIP / TX)
            tile[tile_row(r) * OPERAND_LD + tile_col(c)] = S[SCORE(r, first / TX + c)];
}

/* out += P x walked, STRIP rows of it, all of SLICE. */
INLINE void multiply_strip(float4 *out, const __local float *P, const __local float *walked)
{
    FOR_QUADS (k, STRIP) {
        float4 p[ROWS];
        FOR_UNROLLED (r, ROWS)
            p[r] = read4(P + tile_row(r) * OPERAND_LD + k);
        FOR_OUT (x) {
            const __local float *w = walked + k * OUTPUT_LD + out_depth(x);
            const float4 w0 = read4(w), w1 = read4(w + OUTPUT_LD), w2 = read4(w + 2 * OUTPUT_LD),
                         w3 = read4(w + 3 * OUTPUT_LD);
            FOR_UNROLLED (r, ROWS) {
                float4 sum = out[OUT(r, x)];
                sum = mad((float4)(p[r].x), w0, sum);
                sum = mad((float4)(p[r].y), w1, sum);
                sum = mad((float4)(p[r].z), w2, sum);
                out[OUT(r, x)] = mad((float4)(p[r].w), w3, sum);
            }
        }
    }
}

/* S = owner x walked^T over `depth`. The next chunk is on its way while this one is multiplied. */
INLINE void tile_scores(float *S, __local float *owner_tile, const struct rows *owner, long o,
                        __local float *walked_tile, const struct rows *walked, long w, const int depth,
                        const struct span *rows, int cols)
{
    float4 of_owner[CARRIED(OWN, CHUNK)], of_walked[CARRIED(WALK, CHUNK)];
    if (!OWNER_RESIDENT)
        pick_up(of_owner, owner, o, OWN, 0, CHUNK);
    pick_up(of_walked, walked, w, WALK, 0, CHUNK);
    for (int d = 0; d < depth; d += CHUNK) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (!OWNER_RESIDENT)
            put_down(owner_tile, SCORES_LD, of_owner, OWN, CHUNK);
        put_down(walked_tile, SCORES_LD, of_walked, WALK, CHUNK);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (d + CHUNK < depth) {
            if (!OWNER_RESIDENT)
                pick_up(of_owner, owner, o, OWN, d + CHUNK, CHUNK);
            pick_up(of_walked, walked, w, WALK, d + CHUNK, CHUNK);
        }
        multiply_scores(S, owner_tile, OWNER_RESIDENT ? depth : CHUNK, OWNER_RESIDENT ? d : 0, walked_tile, d == 0,
                        rows);
    }
}

/* out += P x walked for the depth slice from d, strip by strip. */
INLINE void tile_output(float4 *out, const float *P, __local float *p_tile, __local float *walked_tile,
                        const struct rows *walked, long w, int d, const int staged, const int depth,
                        const struct span *rows, int cols)
{
    const bool there = staged == STAGED_LAST && KEEPS_STAGED(depth);
    float4 of_walked[CARRIED(STRIP, SLICE)];
    if (!there)
        pick_up(of_walked, walked, w, STRIP, d, SLICE);
    FOR_UNROLLED (s, WALK / STRIP) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (!there)
            put_down(walked_tile, OUTPUT_LD, of_walked, STRIP, SLICE);
        put_operand(p_tile, P, s * STRIP);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (s + 1 < WALK / STRIP)
            pick_up(of_walked, walked, w + (s + 1) * STRIP, STRIP, d, SLICE);
        multiply_strip(out, p_tile, walked_tile);
    }
}

#endif
