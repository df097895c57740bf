/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of each kernel after struct call, in order. OpenCL C builds parameter lists from
 * them (parameters.cl); the host sets arguments by them (host/plan/arguments.c):
 *
 *   ARG(when, kind, name)
 *
 * `when`: the feature that must be compiled in for the kernel to have the argument; IF_NAME for a
 * feature NAME of CLATTN__COMPILED (host/select/feature.h). `kind`: its type, see parameters.cl.
 * The host may pass NULL for kv_lengths, lse and max_logit, as flags in struct call say, and for dout
 * of tensor_map in a forward. Kernels that read tensors through tensor maps have the tensors as
 * arguments too: a driver may rely on seeing every buffer that a kernel reads. */
#ifndef CLATTN_ARGS_LIST_H
#define CLATTN_ARGS_LIST_H

/* ---- conditions, as kernels see them; the host evaluates them on a configuration ---- */

#define HAS_ALWAYS 1
#if defined(MASK) && MASK
#define HAS_IF_MASK 1
#else
#define HAS_IF_MASK 0
#endif
#if defined(SPLIT) && SPLIT
#define HAS_IF_SPLIT 1
#define HAS_IF_WHOLE 0
#else
#define HAS_IF_SPLIT 0
#define HAS_IF_WHOLE 1
#endif
#if defined(WANT_DK) && WANT_DK
#define HAS_IF_DK 1
#else
#define HAS_IF_DK 0
#endif
#if defined(WANT_DV) && WANT_DV
#define HAS_IF_DV 1
#else
#define HAS_IF_DV 0
#endif
#if defined(STORAGE) && STORAGE
#define HAS_IF_SUMS 1
#else
#define HAS_IF_SUMS 0
#endif
#ifdef MAKES_DELTA
#define HAS_IF_MAKES_DELTA 1
#else
#define HAS_IF_MAKES_DELTA 0
#endif
#ifdef TENSOR_MAPS
#define HAS_IF_TENSOR_MAPS 1
#else
#define HAS_IF_TENSOR_MAPS 0
#endif
#if defined(ALIBI) && ALIBI
#define HAS_IF_ALIBI 1
#else
#define HAS_IF_ALIBI 0
#endif
#if defined(BIAS) && BIAS
#define HAS_IF_BIAS 1
#else
#define HAS_IF_BIAS 0
#endif
#if defined(SOFTCAP) && SOFTCAP
#define HAS_IF_SOFTCAP 1
#else
#define HAS_IF_SOFTCAP 0
#endif
#if defined(SINKS) && SINKS
#define HAS_IF_SINKS 1
#else
#define HAS_IF_SINKS 0
#endif
#if defined(DLSE) && DLSE
#define HAS_IF_DLSE 1
#else
#define HAS_IF_DLSE 0
#endif
#if HAS_IF_DLSE && HAS_IF_MAKES_DELTA
#define HAS_IF_OWN_DLSE 1
#else
#define HAS_IF_OWN_DLSE 0
#endif
#if defined(MAX_LOGIT) && MAX_LOGIT
#define HAS_IF_MAX_LOGIT 1
#else
#define HAS_IF_MAX_LOGIT 0
#endif
#if HAS_IF_MAX_LOGIT && HAS_IF_WHOLE
#define HAS_IF_WHOLE_MAX_LOGIT 1
#else
#define HAS_IF_WHOLE_MAX_LOGIT 0
#endif

/* ---- the lists ---- */

/* Kernels without a bias do not even have its name. */
#if HAS_IF_BIAS || !defined(__OPENCL_C_VERSION__)
#define BIAS_INPUT(ARG) ARG(IF_BIAS, TENSOR, bias)
#else
#define BIAS_INPUT(ARG)
#endif

/* Kernels without sinks do not even have the name. */
#if HAS_IF_SINKS || !defined(__OPENCL_C_VERSION__)
#define SINK_INPUT(ARG) ARG(IF_SINKS, FLOATS, sink)
#else
#define SINK_INPUT(ARG)
#endif

/* The gradient of lse, for kernels that compute delta. A kernel without DLSE has no such name. */
#if defined(__OPENCL_C_VERSION__) && !HAS_IF_DLSE
#define DLSE_INPUT(ARG, when)
#else
#define DLSE_INPUT(ARG, when) ARG(when, FLOATS, dlse)
#endif

/* The largest logits, for kernels that store rows. A kernel without MAX_LOGIT has no such name. */
#if defined(__OPENCL_C_VERSION__) && !HAS_IF_MAX_LOGIT
#define MAX_LOGIT_OUTPUT(ARG, when)
#else
#define MAX_LOGIT_OUTPUT(ARG, when) ARG(when, FLOATS_OUT, max_logit)
#endif

/* Inputs of a softmax besides Q and K. Kernels pass them on as one struct score_inputs
 * (parameters.cl). */
#define SCORE_INPUTS(ARG)                                                                                              \
    ARG(IF_MASK, BYTES, mask)                                                                                          \
    ARG(IF_ALIBI, FLOATS, alibi)                                                                                       \
    BIAS_INPUT(ARG)                                                                                                    \
    SINK_INPUT(ARG)

#define SCORE_ARGS(ARG)                                                                                                \
    ARG(ALWAYS, TENSOR, q)                                                                                             \
    ARG(ALWAYS, TENSOR, k)                                                                                             \
    ARG(ALWAYS, TENSOR, v)                                                                                             \
    SCORE_INPUTS(ARG)                                                                                                  \
    ARG(ALWAYS, INTS, kv_lengths)

#define FORWARD_ARGS(ARG)                                                                                              \
    SCORE_ARGS(ARG)                                                                                                    \
    ARG(IF_WHOLE, TENSOR_OUT, out)                                                                                     \
    ARG(IF_WHOLE, FLOATS_OUT, lse)                                                                                     \
    MAX_LOGIT_OUTPUT(ARG, IF_WHOLE_MAX_LOGIT)                                                                          \
    ARG(IF_SPLIT, FLOATS_OUT, partials)                                                                                \
    ARG(IF_TENSOR_MAPS, BYTES_OUT, tensor_maps)

#define FORWARD_COMBINE_ARGS(ARG)                                                                                      \
    ARG(ALWAYS, FLOATS, partials)                                                                                      \
    SINK_INPUT(ARG)                                                                                                    \
    ARG(ALWAYS, TENSOR_OUT, out)                                                                                       \
    ARG(ALWAYS, FLOATS_OUT, lse)                                                                                       \
    MAX_LOGIT_OUTPUT(ARG, IF_MAX_LOGIT)

#define GRADIENT_ARGS(ARG)                                                                                             \
    SCORE_ARGS(ARG)                                                                                                    \
    ARG(ALWAYS, FLOATS, lse)                                                                                           \
    ARG(ALWAYS, TENSOR, dout)

#define BACKWARD_DQ_ARGS(ARG)                                                                                          \
    GRADIENT_ARGS(ARG)                                                                                                 \
    ARG(IF_MAKES_DELTA, TENSOR, out)                                                                                   \
    DLSE_INPUT(ARG, IF_OWN_DLSE)                                                                                       \
    ARG(ALWAYS, FLOATS_OUT, delta)                                                                                     \
    ARG(ALWAYS, TENSOR_OUT, dq)                                                                                        \
    ARG(IF_TENSOR_MAPS, BYTES_OUT, tensor_maps)

#define BACKWARD_DKDV_ARGS(ARG)                                                                                        \
    GRADIENT_ARGS(ARG)                                                                                                 \
    ARG(IF_DK, FLOATS, delta)                                                                                          \
    ARG(IF_DK, TENSOR_OUT, dk)                                                                                         \
    ARG(IF_DV, TENSOR_OUT, dv)                                                                                         \
    ARG(IF_TENSOR_MAPS, BYTES_OUT, tensor_maps)

#define BACKWARD_FUSED_ARGS(ARG)                                                                                       \
    GRADIENT_ARGS(ARG)                                                                                                 \
    ARG(ALWAYS, FLOATS, delta)                                                                                         \
    ARG(IF_SUMS, FLOATS_OUT, dq_sums)                                                                                  \
    ARG(ALWAYS, TENSOR_OUT, dq)                                                                                        \
    ARG(ALWAYS, TENSOR_OUT, dk)                                                                                        \
    ARG(ALWAYS, TENSOR_OUT, dv)

#define BACKWARD_DBIAS_ARGS(ARG)                                                                                       \
    GRADIENT_ARGS(ARG)                                                                                                 \
    ARG(ALWAYS, FLOATS, delta)                                                                                         \
    ARG(ALWAYS, BYTES_OUT, dbias)

#define DELTA_ARGS(ARG)                                                                                                \
    ARG(ALWAYS, TENSOR, out)                                                                                           \
    ARG(ALWAYS, TENSOR, dout)                                                                                          \
    DLSE_INPUT(ARG, IF_DLSE)                                                                                           \
    ARG(ALWAYS, FLOATS_OUT, delta)

#define BACKWARD_DSINK_ARGS(ARG)                                                                                       \
    ARG(ALWAYS, FLOATS, sink)                                                                                          \
    ARG(ALWAYS, FLOATS, lse)                                                                                           \
    ARG(ALWAYS, FLOATS, delta)                                                                                         \
    ARG(ALWAYS, FLOATS_OUT, dsink)

#define TENSOR_MAP_ARGS(ARG)                                                                                           \
    ARG(ALWAYS, TENSOR, q)                                                                                             \
    ARG(ALWAYS, TENSOR, k)                                                                                             \
    ARG(ALWAYS, TENSOR, v)                                                                                             \
    ARG(ALWAYS, TENSOR, dout)                                                                                          \
    ARG(ALWAYS, INTS, kv_lengths)                                                                                      \
    ARG(ALWAYS, BYTES_OUT, tensor_maps)

#endif
