/* SPDX-License-Identifier: Apache-2.0 */
/* How tensor elements are stored in global memory: a type, loads and stores. All arithmetic is
 * float32. Every kernel includes this file first.
 *
 *   stored                    an element
 *   LOAD(data, i)             element i as a float
 *   STORE(data, i, x)         stores a float, rounded to nearest even
 *   LOAD_LANES(n, data)       the first n elements as a vector of n floats, at any alignment
 *   STORE_LANES(n, data, x)   stores a vector of n floats, likewise
 *   stored4, widen4(x)        four elements as stored, and as floats; zero bits are zeros
 *   vector, widen_vec16(x)    the VEC16 elements of a vec16 as stored, and as floats: a vec16_f
 *   vec16_sum(x)              sum of the elements of a vec16_f */
#ifndef STORAGE_CL
#define STORAGE_CL

/* The rounding error of sum = x + y. */
#define LOST_IN_SUM(x, y, sum) (((x) - ((sum) - ((sum) - (x)))) + ((y) - ((sum) - (x))))

/* Always inlined: PoCL 3.1 gives a function that is not inlined local arrays other than the
 * kernel's. */
#define INLINE static inline __attribute__((always_inline))

#define PRAGMA_(x) _Pragma(#x)
#define PRAGMA(x) PRAGMA_(x)
#define FOR_UNROLLED(i, count) _Pragma("unroll") for (int i = 0; i < (count); ++i)

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#define STORAGE_FLOAT32 0 /* values of clattn_dtype */
#define STORAGE_FLOAT16 1
#define STORAGE_BFLOAT16 2

#ifndef STORAGE
#error "STORAGE must be given with -D"
#elif STORAGE == STORAGE_FLOAT32

typedef float stored;
#define LOAD(data, i) ((data)[i])
#define STORE(data, i, x) ((data)[i] = (x))
#define LOAD_LANES(n, data) JOIN(vload, n)(0, data)
#define STORE_LANES(n, data, x) JOIN(vstore, n)(x, 0, data)

typedef float4 stored4, vector, vec16_f;
#define widen4(x) (x)
#define VEC16 4
#define widen_vec16(x) (x)

#elif STORAGE == STORAGE_FLOAT16

/* Loads and stores of half are core OpenCL; arithmetic on half is not, and is not used. */
typedef ushort stored;
#define HALF_IN(data) ((const __global half *)(data))
#define HALF_OUT(data) ((__global half *)(data))
#define LOAD(data, i) vload_half(i, HALF_IN(data))
#define STORE(data, i, x) vstore_half_rte(x, i, HALF_OUT(data))
#define LOAD_LANES(n, data) JOIN(half_lanes, n)(JOIN(vload, n)(0, data))
#define STORE_LANES(n, data, x) JOIN(JOIN(vstore_half, n), _rte)(x, 0, HALF_OUT(data))

/* Vectors of half, converted by their bits: PoCL converts them element by element. Shifted to a
 * float's exponent and fraction, the bits are 2^112 too small, for subnormal halves too; infinity
 * and NaN need the largest exponent. */
#define DEFINE_HALF_LANES(n)                                                                                           \
    INLINE float##n half_lanes##n(ushort##n half_bits)                                                                 \
    {                                                                                                                  \
        const uint##n bits = convert_uint##n(half_bits), size = (bits & 0x7fffu) << 13;                                \
        const uint##n scaled = as_uint##n(as_float##n(size) * 0x1p112f);                                               \
        return as_float##n((bits & 0x8000u) << 16 | (size >= 0x0f800000u ? scaled | 0x7f800000u : scaled));            \
    }
DEFINE_HALF_LANES(4)
DEFINE_HALF_LANES(8)
DEFINE_HALF_LANES(16)

typedef ushort4 stored4;
#define widen4(x) half_lanes4(x)
typedef ushort8 vector;
typedef float8 vec16_f;
#define VEC16 8
#define widen_vec16(x) half_lanes8(x)

#elif STORAGE == STORAGE_BFLOAT16

/* The upper half of a float32's bits. Rounding adds just under half a unit, and one more if the
 * unit is odd: nearest even. A NaN keeps one bit set, so that it does not become infinity. */
typedef ushort stored;
#define BITS_LANES(n, bits) (JOIN(as_float, n)(JOIN(convert_uint, n)(bits) << 16))
#define ROUNDED_LANES(n, u) (((u) + 0x7fffu + (((u) >> 16) & 1u)) >> 16)
#define IS_NAN(u) (((u)&0x7fffffffu) > 0x7f800000u)

INLINE float bits_float(ushort bits)
{
    return as_float((uint)bits << 16);
}

INLINE ushort float_bits(float x)
{
    const uint u = as_uint(x);
    return (ushort)(IS_NAN(u) ? u >> 16 | 0x40u : ROUNDED_LANES(, u));
}

#define LOAD(data, i) bits_float((data)[i])
#define STORE(data, i, x) ((data)[i] = float_bits(x))
#define LOAD_LANES(n, data) BITS_LANES(n, JOIN(vload, n)(0, data))
#define STORE_LANES(n, data, x) JOIN(store_bits, n)(data, x)

#define DEFINE_STORE_BITS(n)                                                                                           \
    INLINE void store_bits##n(__global ushort *data, float##n x)                                                       \
    {                                                                                                                  \
        const uint##n u = as_uint##n(x);                                                                               \
        vstore##n(convert_ushort##n(IS_NAN(u) ? u >> 16 | 0x40u : ROUNDED_LANES(n, u)), 0, data);                      \
    }
DEFINE_STORE_BITS(4)
DEFINE_STORE_BITS(8)
DEFINE_STORE_BITS(16)

typedef ushort4 stored4;
#define widen4(x) BITS_LANES(4, x)
typedef ushort8 vector;
typedef float8 vec16_f;
#define VEC16 8
#define widen_vec16(x) BITS_LANES(8, x)

#else
#error "STORAGE is unknown"
#endif

/* Element i of a bias, which may be float32 beside tensors of 16 bits. */
#if defined(BIAS_FLOAT32)
#define load_bias(data, i) ((const __global float *)(data))[i]
#elif defined(BIAS)
INLINE float load_bias(const __global stored *data, long i)
{
    return LOAD(data, i);
}
#endif

INLINE float vec16_sum(vec16_f x)
{
#if VEC16 == 8
    const float4 sums = x.lo + x.hi;
#else
    const float4 sums = x;
#endif
    return (sums.x + sums.y) + (sums.z + sums.w);
}

/* Elements x .. x + 3 of a row with `depth` elements; those past its end are 0. */
INLINE stored4 load_quad(const __global stored *row, int x, int depth)
{
    if (x + 4 <= depth)
        return vload4(0, row + x);
    stored4 value = 0;
    if (x < depth)
        value.x = row[x];
    if (x + 1 < depth)
        value.y = row[x + 1];
    if (x + 2 < depth)
        value.z = row[x + 2];
    return value;
}

/* The type of a kernel's output elements, and their stores: as stored in tensors, but float32 for
 * partial results (SPLIT). RESULT(out, partials): the buffer that a forward writes. */
#if defined(SPLIT) && SPLIT
typedef float result;
#define RESULT(out, partials) (partials)
#define STORE_RESULT(data, i, x) ((data)[i] = (x))
#define STORE_RESULT_LANES(n, data, x) JOIN(vstore, n)(x, 0, data)
#else
typedef stored result;
#define RESULT(out, partials) (out)
#define STORE_RESULT STORE
#define STORE_RESULT_LANES STORE_LANES
#endif

#endif
