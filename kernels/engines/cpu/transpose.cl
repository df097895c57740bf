/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `cpu`: transposes a square of LANES x LANES floats in registers. */
#ifndef TRANSPOSE_CPU_CL
#define TRANSPOSE_CPU_CL

/* ZIP_LO interleaves the lower halves of a and b, ZIP_HI the upper ones. */
#define ZIP4(a, b) (a).x, (b).x, (a).y, (b).y, (a).z, (b).z, (a).w, (b).w
#if LANES == 16
#define ZIP_LO(a, b) (lane_f)(ZIP4((a).lo.lo, (b).lo.lo), ZIP4((a).lo.hi, (b).lo.hi))
#define ZIP_HI(a, b) (lane_f)(ZIP4((a).hi.lo, (b).hi.lo), ZIP4((a).hi.hi, (b).hi.hi))
#elif LANES == 8
#define ZIP_LO(a, b) (lane_f)(ZIP4((a).lo, (b).lo))
#define ZIP_HI(a, b) (lane_f)(ZIP4((a).hi, (b).hi))
#else
#define ZIP_LO(a, b) (lane_f)((a).x, (b).x, (a).y, (b).y)
#define ZIP_HI(a, b) (lane_f)((a).z, (b).z, (a).w, (b).w)
#endif

/* Transposes LANES vectors. Each round zips the first half of them with the second: the bits of
 * (vector, lane) rotate by one. */
INLINE void transpose(lane_f *v)
{
    lane_f zipped[LANES];
    FOR_UNROLLED (round, LANES_LOG2) {
        FOR_UNROLLED (i, LANES / 2) {
            zipped[2 * i] = ZIP_LO(v[i], v[i + LANES / 2]);
            zipped[2 * i + 1] = ZIP_HI(v[i], v[i + LANES / 2]);
        }
        FOR_UNROLLED (i, LANES)
            v[i] = zipped[i];
    }
}

#endif
