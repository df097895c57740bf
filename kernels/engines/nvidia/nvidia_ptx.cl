/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of NVIDIA GPUs from sm_80 on that OpenCL C lacks. If PTX_FILE is defined, that file
 * replaces them: the tests have one in plain OpenCL C. There, lanes exchange values through local
 * memory. Functions between lanes therefore take a tile for it, and are called in uniform control
 * flow of the whole work-group.
 *
 *   EXCHANGE_TILE(name)           that memory, declared at kernel scope; EXCHANGE_WORDS: its words,
 *                                 which stationary tiles append instead
 *   ptx_exp2(x)                   2^x to about 2 units in the last place; denormals are 0
 *   ptx_reciprocal(x)             1 / x to 1 unit in the last place; of denormals infinity
 *   ptx_at_most_zero(x)           the smaller of x and 0; NaN stays
 *   ptx_pack(x, y), ptx_unpack(pair)   two floats as stored elements, x in the lower half, and back
 *   ptx_from_lane(x, mask, tile)  x of the lane with a number that differs in the bits of mask
 *   ptx_copy(to, from)            starts copying 16 bytes from global to local memory;
 *                                 ptx_copies_wait() waits
 *   ptx_copy_if(to, from, there)  the same, or zeros unless `there`
 *   ptx_copy_word(to, from)       the same for 4 bytes
 *   PTX_READ(m, tile, place, a, b), PTX_READ_TRANSPOSED(..)   four 8 x 8 matrices of stored
 *                                 elements; lane l names row l % 8 of matrix l / 8: 8 elements from
 *                                 tile + place(l, a, b)
 *   ptx_multiply(d, a, b, tile)   d += a b, 16 x 16 times 16 x 8 */
#ifndef NVIDIA_PTX_CL
#define NVIDIA_PTX_CL

#if STORAGE != STORAGE_FLOAT16 && STORAGE != STORAGE_BFLOAT16
#error "this engine needs 16-bit types"
#endif

#ifdef PTX_FILE
#include PTX_FILE
#elif !defined(cl_nv_pragma_unroll)
#error "the compiler has no inline PTX"
#else

#define EXCHANGE_WORDS 0
#define EXCHANGE_TILE(name) __local uint *const name = 0

#if STORAGE == STORAGE_FLOAT16
#define PTX_TYPE "f16"
#else
#define PTX_TYPE "bf16"
#endif

INLINE float ptx_exp2(float x)
{
    float y;
    __asm__("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

#if defined(SOFTCAP)
INLINE float ptx_reciprocal(float x)
{
    float y;
    __asm__("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#endif

INLINE float ptx_at_most_zero(float x)
{
    float y;
    __asm__("min.NaN.f32 %0, %1, 0f00000000;" : "=f"(y) : "f"(x));
    return y;
}

INLINE uint ptx_pack(float x, float y)
{
    uint pair;
    __asm__("cvt.rn." PTX_TYPE "x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(y), "f"(x));
    return pair;
}

INLINE float2 ptx_unpack(uint pair)
{
#if STORAGE == STORAGE_FLOAT16
    float2 x;
    __asm__("{.reg .b16 l, h; mov.b32 {l, h}, %2; cvt.f32.f16 %0, l; cvt.f32.f16 %1, h;}"
            : "=f"(x.x), "=f"(x.y)
            : "r"(pair));
    return x;
#else
    return (float2)(as_float(pair << 16), as_float(pair & 0xffff0000u));
#endif
}

INLINE float ptx_from_lane(float x, int mask, __local uint *tile)
{
    uint y;
    __asm__ volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(y) : "r"(as_uint(x)), "r"(mask));
    return as_float(y);
}

INLINE uint ptx_local_address(const __local void *at)
{
    return (uint)(ulong)at;
}

INLINE void ptx_copy(__local stored *to, const __global stored *from)
{
    __asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(ptx_local_address(to)), "l"(from) : "memory");
}

INLINE void ptx_copy_if(__local stored *to, const __global stored *from, bool there)
{
    __asm__ volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(ptx_local_address(to)), "l"(from),
                     "r"(there ? 16 : 0)
                     : "memory");
}

INLINE void ptx_copy_word(__local float *to, const __global float *from)
{
    __asm__ volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(ptx_local_address(to)), "l"(from) : "memory");
}

INLINE void ptx_copies_wait(void)
{
    __asm__ volatile("cp.async.wait_all;" ::: "memory");
}

INLINE void ptx_read(uint *m, const __local stored *row)
{
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                     : "r"(ptx_local_address(row))
                     : "memory");
}

INLINE void ptx_read_transposed(uint *m, const __local stored *row)
{
    __asm__ volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(m[0]), "=r"(m[1]), "=r"(m[2]), "=r"(m[3])
                     : "r"(ptx_local_address(row))
                     : "memory");
}

#define PTX_READ(m, tile, place, a, b) ptx_read(m, (tile) + place(PTX_LANE, a, b))
#define PTX_READ_TRANSPOSED(m, tile, place, a, b) ptx_read_transposed(m, (tile) + place(PTX_LANE, a, b))
#define PTX_LANE ((int)get_local_id(0) % 32)

INLINE void ptx_multiply(float *d, const uint *a, const uint *b, __local uint *tile)
{
    __asm__("mma.sync.aligned.m16n8k16.row.col.f32." PTX_TYPE "." PTX_TYPE ".f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

#endif

#endif
