/* How tensor elements lie in global memory: a type, a load and a store. All arithmetic is float32. Included first by
 * all. */
#ifndef STORAGE_CL
#define STORAGE_CL

/* Inlining is not left to the compiler: PoCL 3.1 gives a function that it did not inline other local arrays than the
 * kernel's. */
#define INLINE static inline __attribute__((always_inline))

#define FOR_UNROLLED(i, count) _Pragma("unroll") for (int i = 0; i < (count); ++i)

typedef float stored;
#define LOAD(data, i) ((data)[i])
#define STORE(data, i, x) ((data)[i] = (x))

/* Four neighbours at once, in one access where their address allows it. */
INLINE float4 load4(const __global stored *data)
{
    return ((size_t)data & 15) == 0 ? *(const __global float4 *)data : vload4(0, data);
}

#endif
