/* OpenCL's functions that kernels of engine nvidia_wgmma call, as far as clang's PTX target lacks them: enough to
 * compile them where there is no driver (compile_offline.sh). */
#define cl_nv_pragma_unroll 1
#define get_local_id(i) ((size_t)__nvvm_read_ptx_sreg_tid_x())
#define get_group_id(i) ((size_t)__nvvm_read_ptx_sreg_ctaid_x())
#define get_num_groups(i) ((size_t)__nvvm_read_ptx_sreg_nctaid_x())
#define barrier(fence) __syncthreads()
#define fmax __builtin_fmaxf
#define fma __builtin_fmaf
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define clamp(x, a, b) min(max(x, a), b)
#define log2 nvptx_log2
#define atomic_inc nvptx_atomic_inc
#define vstore_half_rte(x, i, p) nvptx_store_half(x, (__global ushort *)(p) + (i))

static inline float nvptx_log2(float x)
{
    float y;
    __asm__("lg2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

static inline uint nvptx_atomic_inc(volatile __global uint *p)
{
    uint before;
    __asm__ volatile("atom.global.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(p) : "memory");
    return before;
}

static inline void nvptx_store_half(float x, __global ushort *p)
{
    ushort half_bits;
    __asm__("cvt.rn.f16.f32 %0, %1;" : "=h"(half_bits) : "f"(x));
    *p = half_bits;
}
