/* SPDX-License-Identifier: Apache-2.0 */
/* Products of engine `nvidia_mma`, and fetching of tiles ahead of them. */
#ifndef TILE_NVIDIA_MMA_CL
#define TILE_NVIDIA_MMA_CL

#define FETCHES_AHEAD

/* Copies a chunk element by element: `left` elements exist, the others become 0. */
INLINE void load_chunk(__local stored *to, const __global stored *from, int left)
{
    FOR_UNROLLED (i, 8)
        to[i] = i < left ? from[i] : (stored)0;
}

/* Copies whole rows with all chunks, as nearly all are. A work-item copies the same chunk of
 * several rows. */
INLINE void copy_rows(__local stored *tile, const struct rows *from, long first, const int count, const int depth)
{
    const int chunks = depth / 8, step = WG_SIZE / chunks;
    const int row = (int)get_local_id(0) / chunks, chunk = (int)get_local_id(0) % chunks;
    const __global stored *data = from->data + from->at.origin + (first + row) * from->at.row + 8 * chunk;
    if (WG_SIZE % chunks != 0 && row >= step)
        return;
    FOR_UNROLLED (n, (count + step - 1) / step) {
        if (count % step == 0 || row + n * step < count)
            ptx_copy(tile + tile_element(chunks, row + n * step, chunk), data);
        data += step * from->at.row;
    }
}

/* Starts copying rows first .. first + count - 1, `depth` elements each; what does not exist
 * becomes 0. They have arrived after ptx_copies_wait and a barrier. */
INLINE void fetch_rows(__local stored *tile, const struct rows *from, long first, const int count, const int depth)
{
    const int chunks = depth / 8;
    const bool by_chunks = has_vec16(from->data, &from->at),
               whole = first + count <= from->at.count && !has_padding(from);
    if (by_chunks && whole && from->at.depth == depth && rows_in_line(&from->at)) {
        copy_rows(tile, from, first, count, depth);
        return;
    }
    for (int at = (int)get_local_id(0); at < count * chunks; at += WG_SIZE) {
        const int row = at / chunks, chunk = at % chunks;
        __local stored *to = tile + tile_element(chunks, row, chunk);
        const int left = whole || row_exists(from, first + row) ? from->at.depth - 8 * chunk : 0;
        const __global stored *data = from->data + row_offset(&from->at, first + row);
        if (by_chunks)
            ptx_copy_if(to, data + (left > 0 ? 8 * chunk : 0), left > 0);
        else
            load_chunk(to, data + 8 * chunk, left);
    }
}

INLINE void fetch_stationary(__local stored *tile, const struct rows *stationary, long first, int d, const int depth,
                             const struct span *rows)
{
    fetch_rows(tile, stationary, first, TILE_ROWS, depth);
}

/* Offset of the buffer for the streamed rows from w on. */
INLINE int buffer_of(long w)
{
    return (int)((ulong)w / TILE_COLS % 2) * BUFFER;
}

INLINE void fetch_first(__local stored *a_tile, const struct rows *a, const int a_depth, __local stored *b_tile,
                        const struct rows *b, const int b_depth, const struct range *range)
{
    barrier(CLK_LOCAL_MEM_FENCE); /* another visit may still read the tiles */
    fetch_rows(a_tile + buffer_of(range->begin), a, range->begin, TILE_COLS, a_depth);
    fetch_rows(b_tile + buffer_of(range->begin), b, range->begin, TILE_COLS, b_depth);
}

INLINE void fetch_tiles(__local stored *a_tile, const struct rows *a, const int a_depth, __local stored *b_tile,
                        const struct rows *b, const int b_depth, long w, const struct range *range)
{
    ptx_copies_wait();
    barrier(CLK_LOCAL_MEM_FENCE);
    if (w + TILE_COLS < range->end) {
        fetch_rows(a_tile + buffer_of(w + TILE_COLS), a, w + TILE_COLS, TILE_COLS, a_depth);
        fetch_rows(b_tile + buffer_of(w + TILE_COLS), b, w + TILE_COLS, TILE_COLS, b_depth);
    }
}

/* S = stationary x streamed^T. */
INLINE void tile_scores(float *S, __local stored *stationary_tile, const struct rows *stationary, long o,
                        __local stored *streamed_tile, const struct rows *streamed, long w, const int depth,
                        const struct span *rows, int cols)
{
    __local uint *exchange = (__local uint *)(stationary_tile + TILE_ROWS * depth);
    const __local stored *own_rows = stationary_tile + STATIONARY_WARP * ROW_BLOCKS * 16 * depth;
    streamed_tile += buffer_of(w);
    FOR_UNROLLED (s, ROWS * COLS)
        S[s] = 0.0f;
    FOR_UNROLLED (k, depth / 16) {
        uint of_stationary[4 * ROW_BLOCKS];
        FOR_UNROLLED (b, ROW_BLOCKS)
            PTX_READ(of_stationary + 4 * b, own_rows + tile_corner(depth / 8, 16 * b, 2 * k), rows_first, depth / 8,
                     2 * k);
        FOR_UNROLLED (n, TILE_COLS / 16) {
            uint of_streamed[4];
            PTX_READ(of_streamed, streamed_tile + tile_corner(depth / 8, 16 * n, 2 * k), depth_first, depth / 8, 2 * k);
            FOR_UNROLLED (b, ROW_BLOCKS) {
                ptx_multiply(S + SCORE(2 * b, 4 * n), of_stationary + 4 * b, of_streamed, exchange);
                ptx_multiply(S + SCORE(2 * b, 4 * n + 2), of_stationary + 4 * b, of_streamed + 2, exchange);
            }
        }
    }
}

/* out += P x streamed, for the output block from d. */
INLINE void tile_output(float *out, const float *P, __local uint *exchange, __local stored *streamed_tile,
                        const struct rows *streamed, long w, int d, const int staged, const int depth,
                        const struct span *rows, int cols)
{
    streamed_tile += buffer_of(w);
    FOR_UNROLLED (k, TILE_COLS / 16) {
        uint of_p[4 * ROW_BLOCKS];
        FOR_UNROLLED (b, ROW_BLOCKS)
            pack_block(of_p + 4 * b, P, b, k);
        FOR_UNROLLED (x, OUT_BLOCK / 16)
            if (d + 16 * x < depth) {
                uint of_streamed[4];
                PTX_READ_TRANSPOSED(of_streamed, streamed_tile + tile_corner(depth / 8, 16 * k, d / 8 + 2 * x),
                                    rows_first, depth / 8, d / 8 + 2 * x);
                FOR_UNROLLED (b, ROW_BLOCKS) {
                    ptx_multiply(out + OUT(2 * b, 4 * x), of_p + 4 * b, of_streamed, exchange);
                    ptx_multiply(out + OUT(2 * b, 4 * x + 2), of_p + 4 * b, of_streamed + 2, exchange);
                }
            }
    }
}

#endif
