/* SPDX-License-Identifier: Apache-2.0 */
/* The products of Hopper's tensor cores, by inline PTX. One instruction multiplies
 * (64, 16) x (16, n) for a warpgroup of 128 work-items, which continue while it runs.
 *
 * Only target sm_90a has these instructions, and OpenCL compilers write PTX for sm_90. They are
 * written as PTX comments that begin with @; host/opencl/ptx.c turns these into instructions in the
 * compiled text.
 *
 * An accumulator is a float[n / 2] of each work-item; n is a plain number, a multiple of 16 up to
 * 256. Warp w of the warpgroup holds rows 16 w to 16 w + 15. Elements 4 i to 4 i + 3 of lane t are
 * columns 8 i + 2 (t % 4) + 0, 1 of row t / 4 and of row t / 4 + 8. Sixteen columns of them, packed
 * in pairs, are a uint[4]: operand A of another product.
 *
 * Order: WGMMA_FENCE, products, WGMMA_COMMIT; later WGMMA_WAIT. Registers of an accumulator or of A
 * must not be touched in between, or the products run one by one (ptxas says C7510 to C7514). */
#ifndef WGMMA_CL
#define WGMMA_CL

#include "attention/storage.cl"

#include "engines/nvidia/nvidia_ptx.cl"

#define STRING_(x) #x
#define STRING(x) STRING_(x)

#if STORAGE == STORAGE_FLOAT16
#define WGMMA_TYPES "k16.f32.f16.f16 "
#elif STORAGE == STORAGE_BFLOAT16
#define WGMMA_TYPES "k16.f32.bf16.bf16 "
#else
#error "tensor cores need 16-bit types"
#endif

/* For each n, in an asm text: PLACES, the n / 2 placeholders of an accumulator; ELEMENTS, its
 * elements as operands; BEHIND, the placeholders of the six operands after them. */
#define PLACES_16 "%0,%1,%2,%3,%4,%5,%6,%7"
#define PLACES_32 PLACES_16 ",%8,%9,%10,%11,%12,%13,%14,%15"
#define PLACES_48 PLACES_32 ",%16,%17,%18,%19,%20,%21,%22,%23"
#define PLACES_64 PLACES_48 ",%24,%25,%26,%27,%28,%29,%30,%31"
#define PLACES_80 PLACES_64 ",%32,%33,%34,%35,%36,%37,%38,%39"
#define PLACES_96 PLACES_80 ",%40,%41,%42,%43,%44,%45,%46,%47"
#define PLACES_112 PLACES_96 ",%48,%49,%50,%51,%52,%53,%54,%55"
#define PLACES_128 PLACES_112 ",%56,%57,%58,%59,%60,%61,%62,%63"
#define PLACES_144 PLACES_128 ",%64,%65,%66,%67,%68,%69,%70,%71"
#define PLACES_160 PLACES_144 ",%72,%73,%74,%75,%76,%77,%78,%79"
#define PLACES_176 PLACES_160 ",%80,%81,%82,%83,%84,%85,%86,%87"
#define PLACES_192 PLACES_176 ",%88,%89,%90,%91,%92,%93,%94,%95"
#define PLACES_208 PLACES_192 ",%96,%97,%98,%99,%100,%101,%102,%103"
#define PLACES_224 PLACES_208 ",%104,%105,%106,%107,%108,%109,%110,%111"
#define PLACES_240 PLACES_224 ",%112,%113,%114,%115,%116,%117,%118,%119"
#define PLACES_256 PLACES_240 ",%120,%121,%122,%123,%124,%125,%126,%127"

#define EIGHT(d, i)                                                                                                    \
    "+f"((d)[i]), "+f"((d)[i + 1]), "+f"((d)[i + 2]), "+f"((d)[i + 3]), "+f"((d)[i + 4]), "+f"((d)[i + 5]),            \
        "+f"((d)[i + 6]), "+f"((d)[i + 7])
#define ELEMENTS_16(d) EIGHT(d, 0)
#define ELEMENTS_32(d) ELEMENTS_16(d), EIGHT(d, 8)
#define ELEMENTS_48(d) ELEMENTS_32(d), EIGHT(d, 16)
#define ELEMENTS_64(d) ELEMENTS_48(d), EIGHT(d, 24)
#define ELEMENTS_80(d) ELEMENTS_64(d), EIGHT(d, 32)
#define ELEMENTS_96(d) ELEMENTS_80(d), EIGHT(d, 40)
#define ELEMENTS_112(d) ELEMENTS_96(d), EIGHT(d, 48)
#define ELEMENTS_128(d) ELEMENTS_112(d), EIGHT(d, 56)
#define ELEMENTS_144(d) ELEMENTS_128(d), EIGHT(d, 64)
#define ELEMENTS_160(d) ELEMENTS_144(d), EIGHT(d, 72)
#define ELEMENTS_176(d) ELEMENTS_160(d), EIGHT(d, 80)
#define ELEMENTS_192(d) ELEMENTS_176(d), EIGHT(d, 88)
#define ELEMENTS_208(d) ELEMENTS_192(d), EIGHT(d, 96)
#define ELEMENTS_224(d) ELEMENTS_208(d), EIGHT(d, 104)
#define ELEMENTS_240(d) ELEMENTS_224(d), EIGHT(d, 112)
#define ELEMENTS_256(d) ELEMENTS_240(d), EIGHT(d, 120)

#define BEHIND_16(pick) pick("%8", "%9", "%10", "%11", "%12", "%13")
#define BEHIND_32(pick) pick("%16", "%17", "%18", "%19", "%20", "%21")
#define BEHIND_48(pick) pick("%24", "%25", "%26", "%27", "%28", "%29")
#define BEHIND_64(pick) pick("%32", "%33", "%34", "%35", "%36", "%37")
#define BEHIND_80(pick) pick("%40", "%41", "%42", "%43", "%44", "%45")
#define BEHIND_96(pick) pick("%48", "%49", "%50", "%51", "%52", "%53")
#define BEHIND_112(pick) pick("%56", "%57", "%58", "%59", "%60", "%61")
#define BEHIND_128(pick) pick("%64", "%65", "%66", "%67", "%68", "%69")
#define BEHIND_144(pick) pick("%72", "%73", "%74", "%75", "%76", "%77")
#define BEHIND_160(pick) pick("%80", "%81", "%82", "%83", "%84", "%85")
#define BEHIND_176(pick) pick("%88", "%89", "%90", "%91", "%92", "%93")
#define BEHIND_192(pick) pick("%96", "%97", "%98", "%99", "%100", "%101")
#define BEHIND_208(pick) pick("%104", "%105", "%106", "%107", "%108", "%109")
#define BEHIND_224(pick) pick("%112", "%113", "%114", "%115", "%116", "%117")
#define BEHIND_240(pick) pick("%120", "%121", "%122", "%123", "%124", "%125")
#define BEHIND_256(pick) pick("%128", "%129", "%130", "%131", "%132", "%133")

#define FIRST_TWO(a, b, c, d, e, f) a ", " b
#define THIRD(a, b, c, d, e, f) c
#define FIRST_FIVE(a, b, c, d, e, f) "{" a "," b "," c "," d "}, " e
#define SIXTH(a, b, c, d, e, f) f
#define PLACES(n) JOIN(PLACES_, n)
#define ELEMENTS(n, d) JOIN(ELEMENTS_, n)(d)
#define BEHIND(n, pick) JOIN(BEHIND_, n)(pick)

/* Layout of B in local memory: (n, 16), contiguous along the depth of 16, as K in Q K^T; or
 * (16, n), contiguous along n, as V in P V. */
#define B_ALONG_DEPTH 0
#define B_ALONG_COLUMNS 1

/* acc (64, n) = keep * acc + A (64, 16) B, keep 0 or 1. A and B are descriptors of local memory. */
#define WGMMA_LOCAL(n, b_along, keep, acc, a_at, b_at)                                                                 \
    __asm__ volatile(                                                                                                  \
        "//@ {.reg .pred p; setp.ne.b32 p, " BEHIND(n, THIRD) ", 0; wgmma.mma_async.sync.aligned.m64n" STRING(n)       \
            WGMMA_TYPES "{" PLACES(n) "}, " BEHIND(n, FIRST_TWO) ", p, 1, 1, 0, " STRING(b_along) ";}"                 \
        : ELEMENTS(n, acc)                                                                                             \
        : "l"(a_at), "l"(b_at), "r"((uint)(keep))                                                                      \
        : "memory")

/* The same with A in registers. */
#define WGMMA_REGISTERS(n, b_along, keep, acc, a, b_at)                                                                \
    __asm__ volatile(                                                                                                  \
        "//@ {.reg .pred p; setp.ne.b32 p, " BEHIND(n, SIXTH) ", 0; wgmma.mma_async.sync.aligned.m64n" STRING(n)       \
            WGMMA_TYPES "{" PLACES(n) "}, " BEHIND(n, FIRST_FIVE) ", p, 1, 1, " STRING(b_along) ";}"                   \
        : ELEMENTS(n, acc)                                                                                             \
        : "r"((a)[0]), "r"((a)[1]), "r"((a)[2]), "r"((a)[3]), "l"(b_at), "r"((uint)(keep))                             \
        : "memory")

/* Needed before the first product, and after other instructions wrote registers that a product
 * reads. */
#define WGMMA_FENCE() __asm__ volatile("//@ wgmma.fence.sync.aligned;" ::: "memory")
/* Closes a group of products. */
#define WGMMA_COMMIT() __asm__ volatile("//@ wgmma.commit_group.sync.aligned;" ::: "memory")
/* Waits until at most the `pending` newest groups are unfinished. Takes the accumulator that it
 * waits for as an operand, or the compiler would read it before. */
#define WGMMA_WAIT(n, pending, acc)                                                                                    \
    __asm__ volatile("//@ wgmma.wait_group.sync.aligned " STRING(pending) ";" : ELEMENTS(n, acc)::"memory")

/* ---- operands in local memory ----
 *
 * A tile of r rows is stored in panels of 64 elements of depth, (r, 64) each: rows of 128 bytes,
 * with the 16-byte chunk c of row i at c ^ i % 8. Panels begin at multiples of 1024 bytes. `at` is
 * an address of local memory. */
#define PANEL 64
#define PANEL_BYTES(rows) ((rows)*128)
#define PANELS(depth) (((depth) + PANEL - 1) / PANEL)
#define TILE_BYTES(rows, depth) (PANELS(depth) * PANEL_BYTES(rows))

/* Descriptor of what is `bytes` after `at`. An addition suffices: no tile ends past the address
 * bits of a descriptor. */
INLINE ulong tile_descriptor(uint at, uint stride, uint bytes)
{
    const uint low = ((at & 0x3ffffu) >> 4 | stride >> 4 << 16) + (bytes >> 4);
    return (ulong)low | (ulong)(1024 >> 4) << 32 | (ulong)1 << 62;
}

/* The same address, hidden from the compiler. Descriptors derived from it in a loop are then
 * computed there, an addition each, instead of dozens of them being kept in registers. */
INLINE uint opaque(uint at)
{
    __asm__ volatile("mov.u32 %0, %0;" : "+r"(at));
    return at;
}

/* Descriptor of depth 16 k to 16 k + 15 of a tile with `rows` rows, as A or as B_ALONG_DEPTH. */
INLINE ulong depth_descriptor(uint tile, const int rows, const int k)
{
    return tile_descriptor(tile, 16, k / 4 * PANEL_BYTES(rows) + k % 4 * 32);
}

/* Descriptor of rows 16 k to 16 k + 15 of such a tile, all depth, as B_ALONG_COLUMNS. */
INLINE ulong row_descriptor(uint tile, const int rows, const int k)
{
    return tile_descriptor(tile, PANEL_BYTES(rows), k * 2048);
}

/* ---- roles ---- */

/* A warpgroup releases registers, or requests more, until each work-item has `to`. */
#define GIVE_REGISTERS(to) __asm__ volatile("//@ setmaxnreg.dec.sync.aligned.u32 " STRING(to) ";")
#define TAKE_REGISTERS(to) __asm__ volatile("//@ setmaxnreg.inc.sync.aligned.u32 " STRING(to) ";")

/* Ping-pong of two warpgroups, at barrier `id` (1 to 15): await_turn waits for the other's
 * pass_turn. */
INLINE void await_turn(int id)
{
    __asm__ volatile("bar.sync %0, 256;" ::"r"(id) : "memory");
}

INLINE void pass_turn(int id)
{
    __asm__ volatile("bar.arrive %0, 256;" ::"r"(id) : "memory");
}

/* x, equal in all lanes of a warp, made known as such to the compiler. Descriptors derived from it
 * are then in a warp's uniform registers, where products read them, and need no move for each
 * product. All lanes must call this. */
INLINE int warp_uniform(int x)
{
    int y;
    __asm__ volatile("shfl.sync.idx.b32 %0, %1, 0, 0x1f, 0xffffffff;" : "=r"(y) : "r"(x));
    return y;
}

/* Whether x is true in any lane of the warp. All lanes must call this. */
INLINE bool any_in_warp(bool x)
{
    int y;
    __asm__ volatile("{.reg .pred p; setp.ne.s32 p, %1, 0; vote.sync.any.pred p, p, 0xffffffff; selp.s32 %0, 1, 0, p;}"
                     : "=r"(y)
                     : "r"((int)x));
    return y != 0;
}

/* Barrier `id` of one warpgroup (3 to 15; 1 and 2 are for ping-pong), after `bits` are computed.
 * ptxas moves code that is independent of a wait for products behind that wait, even exponentials
 * meant to overlap with the products. It does not move them past a barrier with a number that seems
 * to depend on them. The number does not, as `positive` is positive, but compilers cannot know
 * that. */
INLINE void barrier_knowing(int id, uint bits, int positive)
{
    __asm__ volatile("bar.sync %0, 128;" ::"r"(id + (int)((bits & (uint)positive) >> 31)) : "memory");
}

INLINE void warp_barrier(void)
{
    __asm__ volatile("bar.warp.sync 0xffffffff;" ::: "memory");
}

/* ---- registers ---- */

/* Packs an accumulator as A of another product: a[4 k] to a[4 k + 3] are its columns 16 k to 16 k +
 * 15. */
INLINE void pack_operand(uint *a, const float *acc, const int columns)
{
    FOR_UNROLLED (i, columns / 8) {
        a[2 * i] = ptx_pack(acc[4 * i], acc[4 * i + 1]);
        a[2 * i + 1] = ptx_pack(acc[4 * i + 2], acc[4 * i + 3]);
    }
}

/* Loads A of depth 16 k to 16 k + 15: a warp's 16 rows from `row` on of a tile in local memory. */
INLINE void load_operand(uint *a, const __local uchar *tile, const int rows, int row, const int k)
{
    const int lane = (int)get_local_id(0) % 32, at = row + lane % 16, chunk = (k % 4 * 2 + lane / 16) ^ at % 8;
    ptx_read(a, (const __local stored *)(tile + k / 4 * PANEL_BYTES(rows) + at * 128 + chunk * 16));
}

#endif
