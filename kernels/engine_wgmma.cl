/* Engine `nvidia_wgmma`: warpgroups of 128 work-items on Hopper's tensor cores. OWN / 64 of them consume tiles, 64
 * owner rows each; one more, the producer, has the copy engine bring them. Its kernels are files of their own
 * (forward_wgmma.cl); what lies how in an accumulator is said in wgmma.cl.
 *
 * Tiles have OWN = 64, 128 or 192 rows, and WALK rows, a multiple of 16 up to 256; D_PAD and DV_PAD, multiples of 16,
 * are what products compute. STAGES tiles of each walked tensor are on their way or in use. */
#ifndef ENGINE_WGMMA_CL
#define ENGINE_WGMMA_CL

#include "tensor_copy.cl"

#if !defined(STAGES) || !defined(TURNS) || !defined(OWNER_REGISTERS)
#error "STAGES, TURNS and OWNER_REGISTERS must be given with -D"
#endif
#if OWN % 64 || OWN > 192 || WALK % 16 || WALK > 256 || D_PAD % 16 || DV_PAD % 16 || D_PAD > 256 || DV_PAD > 256
#error "engine nvidia_wgmma: sizes of tiles"
#endif
#if PACKED || MASK
#error "engine nvidia_wgmma: no packed heads, no mask"
#endif
#if TURNS && OWN != 128
#error "TURNS are of two warpgroups"
#endif

#define CONSUMERS (OWN / 64)
#define CONSUMER_ITEMS (CONSUMERS * 128)
#define WG_SIZE (CONSUMER_ITEMS + 128)

/* Registers of a work-item: 65536 of a compute unit, shared out. */
#if OWN == 192
#define CONSUMER_REGISTERS 160
#define PRODUCER_REGISTERS 32
#else
#define CONSUMER_REGISTERS 240
#define PRODUCER_REGISTERS 24
#endif

#define ACC
typedef float lane_f;
typedef int lane_i;

INLINE lane_f lane_exp2(lane_f x)
{
    float power;
    __asm__("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}

/* The value of the work-item whose lane differs by `mask`. */
INLINE float of_neighbour(float x, int mask)
{
    uint bits;
    __asm__ volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(bits) : "r"(as_uint(x)), "r"(mask));
    return as_float(bits);
}

/* ---- accumulators: ROWS rows of a work-item, COLS columns ---- */

#define ROWS 2
#define COLS (WALK / 4)
#define OUT_COLS(depth) ((depth) / 4)
#define SCORE(r, c) ((c) / 2 * 4 + (r)*2 + (c) % 2)
#define OUT SCORE
#define FOR_ROWS(r) FOR_UNROLLED (r, ROWS)
#define FOR_COLS(c) FOR_UNROLLED (c, COLS)

/* Row r of the work-item among the tile's, and column c. */
INLINE int tile_row(int r)
{
    return (int)get_local_id(0) / 32 * 16 + (int)get_local_id(0) % 32 / 4 + 8 * r;
}

INLINE int tile_col(int c)
{
    return c / 2 * 8 + (int)get_local_id(0) % 4 * 2 + c % 2;
}

/* Of the four work-items that share a row. */
INLINE float row_maximum(float x)
{
    x = fmax(x, of_neighbour(x, 1));
    return fmax(x, of_neighbour(x, 2));
}

INLINE float row_sum(float x)
{
    x += of_neighbour(x, 1);
    return x + of_neighbour(x, 2);
}

/* data rows = factor[r] * out, `depth` deep; only elements that exist are written. */
INLINE void store_output(const float *out, const int depth, const float *factor, __global stored *data,
                         const struct layout *at, long first)
{
    const bool pairs = ((size_t)(data + at->origin) & 3) == 0 && at->row % 2 == 0 && at->depth % 2 == 0;
    FOR_ROWS (r) {
        const long row = first + tile_row(r);
        if (row >= at->count)
            continue;
        __global stored *to = data + row_offset(at, row);
        FOR_UNROLLED (x, OUT_COLS(depth) / 2) {
            const int d = tile_col(2 * x);
            const float low = out[OUT(r, 2 * x)] * factor[r], high = out[OUT(r, 2 * x + 1)] * factor[r];
            if (pairs) {
                if (d < at->depth)
                    *(__global uint *)(to + d) = pack_pair(low, high);
            } else {
                if (d < at->depth)
                    STORE(to, d, low);
                if (d + 1 < at->depth)
                    STORE(to, d + 1, high);
            }
        }
    }
}

/* One float32 a row, of this work-item's row r; `otherwise` where that does not exist. */
INLINE float row_stat(const __global float *data, const struct layout *at, long first, int r, float otherwise)
{
    const long row = first + tile_row(r);
    return row < at->count ? data[row_offset(at, row)] : otherwise;
}

INLINE void store_stat(const float *value, __global float *data, const struct layout *at, long first)
{
    FOR_ROWS (r)
        if (get_local_id(0) % 4 == 0 && first + tile_row(r) < at->count)
            data[row_offset(at, first + tile_row(r))] = value[r];
}

#endif
