/* SPDX-License-Identifier: Apache-2.0 */
/* Emulates the PTX instructions of kernels/engines/nvidia/nvidia_ptx.cl in plain OpenCL C.
 * -DPTX_FILE selects this file, so that the nvidia engines run on any device. Lanes exchange values
 * through local memory, six words each. */
#ifndef EMULATED_PTX_CL
#define EMULATED_PTX_CL

#define EXCHANGE_WORDS (6 * WG_SIZE)
#define EXCHANGE_TILE(name) __local uint name[EXCHANGE_WORDS]
#define PTX_LANE ((int)get_local_id(0) % 32)
#undef FOR_UNROLLED /* loops with a barrier are not unrolled */
#define FOR_UNROLLED(i, count) for (int i = 0; i < (count); ++i)

INLINE float ptx_exp2(float x)
{
    return exp2(x);
}

#if defined(SOFTCAP)
INLINE float ptx_reciprocal(float x)
{
    return 1.0f / x;
}
#endif

/* A test sets another bound to make gradients wrong. */
#ifndef EMULATED_ZERO
#define EMULATED_ZERO 0.0f
#endif

INLINE float ptx_at_most_zero(float x)
{
    return x > EMULATED_ZERO ? EMULATED_ZERO : x;
}

#if STORAGE == STORAGE_FLOAT16
/* Bit operations instead of vload_half and vstore_half: those would access a uint through a pointer
 * to half, which breaks strict aliasing. */
DEFINE_HALF_LANES(2)

/* Rounds to nearest even. Below half's normal range, adding 0.5 rounds: the last bit of the sum is
 * half's smallest number, 2^-24. */
INLINE uint float_bits(float x)
{
    const uint bits = as_uint(x), size = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
    if (size > 0x7f800000u)
        return sign | 0x7e00u;
    if (size >= 0x477ff000u) /* 65520 */
        return sign | 0x7c00u;
    if (size < 0x38800000u)
        return sign | (as_uint(as_float(size) + 0.5f) - 0x3f000000u);
    return sign | (size - (112u << 23) + 0xfffu + (size >> 13 & 1u)) >> 13;
}
#endif

INLINE uint ptx_pack(float x, float y)
{
    return float_bits(x) | (uint)float_bits(y) << 16;
}

/* The two elements of a word. */
INLINE float2 ptx_unpack(uint pair)
{
#if STORAGE == STORAGE_FLOAT16
    return half_lanes2(as_ushort2(pair));
#else
    return (float2)(as_float(pair << 16), as_float(pair & 0xffff0000u));
#endif
}

INLINE float ptx_from_lane(float x, int mask, __local uint *tile)
{
    const int item = (int)get_local_id(0);
    tile[item] = as_uint(x);
    barrier(CLK_LOCAL_MEM_FENCE);
    const float y = as_float(tile[item ^ mask]);
    barrier(CLK_LOCAL_MEM_FENCE);
    return y;
}

INLINE void ptx_copy_if(__local stored *to, const __global stored *from, bool there)
{
    for (int i = 0; i < 8; ++i)
        to[i] = there ? from[i] : (stored)0;
}

INLINE void ptx_copy(__local stored *to, const __global stored *from)
{
    ptx_copy_if(to, from, true);
}

INLINE void ptx_copy_word(__local float *to, const __global float *from)
{
    *to = *from;
}

INLINE void ptx_copies_wait(void)
{
}

#define PTX_READ(m, tile, place, a, b)                                                                                 \
    for (int ptx_i = 0; ptx_i < 4; ++ptx_i) {                                                                          \
        const __local stored *ptx_row = (tile) + place(8 * ptx_i + PTX_LANE / 4, a, b);                                \
        (m)[ptx_i] = ptx_row[PTX_LANE % 4 * 2] | (uint)ptx_row[PTX_LANE % 4 * 2 + 1] << 16;                            \
    }
#define PTX_READ_TRANSPOSED(m, tile, place, a, b)                                                                      \
    for (int ptx_i = 0; ptx_i < 4; ++ptx_i) {                                                                          \
        const int ptx_row = 8 * ptx_i + PTX_LANE % 4 * 2;                                                              \
        (m)[ptx_i] =                                                                                                   \
            (tile)[place(ptx_row, a, b) + PTX_LANE / 4] | (uint)(tile)[place(ptx_row + 1, a, b) + PTX_LANE / 4] << 16; \
    }

/* mma.m16n8k16. Lane l holds of a rows l / 4 and + 8, columns 2 (l % 4), + 1, + 8, + 9; of b
 * rows 2 (l % 4), + 1, + 8, + 9 of column l / 4. */
INLINE void ptx_multiply(float *d, const uint *a, const uint *b, __local uint *tile)
{
    const int item = (int)get_local_id(0), first = item - PTX_LANE;
    for (int i = 0; i < 6; ++i)
        tile[6 * item + i] = i < 4 ? a[i] : b[i - 4];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = 0; i < 4; ++i) {
        const int row = PTX_LANE / 4, column = PTX_LANE % 4 * 2 + i % 2;
        for (int k = 0; k < 8; ++k) {
            const float2 x = ptx_unpack(tile[6 * (first + 4 * row + k % 4) + k / 4 * 2 + i / 2]);
            const float2 y = ptx_unpack(tile[6 * (first + 4 * column + k % 4) + 4 + k / 4]);
            d[i] += x.x * y.x + x.y * y.y;
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
}

#endif
