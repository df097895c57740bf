/* The two products of every pass, staged through local memory chunk by chunk. */
#ifndef TILE_CL
#define TILE_CL

#include "engine.cl"

/* S = owner x walked^T over DEPTH (D_PAD or DV_PAD). owner_tile holds the owner's rows already if OWNER_RESIDENT. */
INLINE void tile_scores(ACC lane_f *S, __local float *owner_tile, const struct rows *owner, long o,
                        __local float *walked_tile, const struct rows *walked, long w, const int depth, int rows)
{
    for (int d = 0; d < depth; d += CHUNK) {
        if (!OWNER_RESIDENT)
            fetch_owner(owner_tile, owner, o, d, CHUNK, rows);
        fetch_walked(walked_tile, walked, w, d);
        tile_wait();
        multiply_scores(S, owner_tile, OWNER_RESIDENT ? depth : CHUNK, OWNER_RESIDENT ? d : 0, walked_tile, d == 0,
                        rows);
        tile_release();
    }
}

/* out += P x walked, for the depth slice from d. `staged`: the last tile_scores walked the same rows over `depth`, so
 * that an engine whose tiles serve both products has them still. */
INLINE void tile_output(ACC out_f *out, const __local float *P, __local float *walked_tile, const struct rows *walked,
                        long w, int d, bool staged, const int depth, int rows)
{
    for (int x = 0; x < SLICE; x += OUT_CHUNK) {
        if (!(staged && KEEPS_STAGED(depth)))
            fetch_walked_for_output(walked_tile, walked, w, d + x);
        tile_wait();
        multiply_output(out, x, P, walked_tile, rows);
        tile_release();
    }
}

#endif
