/* SPDX-License-Identifier: Apache-2.0 */
/* The features of a problem. */
#include "select/feature.h"

#include "select/config.h"

uint64_t clattn__features(const clattn_problem *problem)
{
    const enum clattn__mask mask = clattn__config_mask(problem);
    const bool diagonal = problem->score.causal || problem->score.window;
    const bool has[FEATURE_COUNT] = {
        [FEATURE_FLOAT32] = problem->dtype == CLATTN_FLOAT32,
        [FEATURE_FLOAT16] = problem->dtype == CLATTN_FLOAT16,
        [FEATURE_BFLOAT16] = problem->dtype == CLATTN_BFLOAT16,
        [FEATURE_CAUSAL] = problem->score.causal,
        [FEATURE_TOP_LEFT] = diagonal && problem->score.align == CLATTN_ALIGN_TOP_LEFT,
        [FEATURE_OFFSET] = diagonal && problem->score.align == CLATTN_ALIGN_OFFSET,
        [FEATURE_KEY_LENGTHS] = problem->kv_lengths,
        [FEATURE_MASK_PADDING] = mask == MASK_PADDING,
        [FEATURE_MASK_FULL] = mask == MASK_FULL,
        [FEATURE_PACKED_HEADS] = clattn__config_pack(problem) > 1,
        [FEATURE_NEGATIVE_SCALE] =
            (problem->score.scale < 0.0f && problem->score.softcap == 0.0f && problem->score.bias_dim[0] == 0),
        [FEATURE_KEY_SPLITS] = (problem->kv_splits > 1),
        [FEATURE_WINDOW] = problem->score.window,
        [FEATURE_ALIBI] = (problem->score.alibi_dim[0] != 0),
        [FEATURE_BIAS] = (problem->score.bias_dim[0] != 0),
        [FEATURE_BIAS_FLOAT32] = (problem->score.bias_dim[0] != 0 && problem->score.bias_float32 &&
                                  problem->dtype != CLATTN_FLOAT32),
        [FEATURE_SOFTCAP] = (problem->score.softcap != 0.0f),
        [FEATURE_SINKS] = problem->score.sinks,
        [FEATURE_DLSE] = problem->score.dlse,
        [FEATURE_MAX_LOGIT] = problem->score.max_logit,
    };
    uint64_t features = 0;
    for (int i = 0; i < FEATURE_COUNT; ++i)
        features |= (uint64_t)has[i] << i;
    return features;
}
