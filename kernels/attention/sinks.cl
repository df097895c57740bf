/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks of the job's query rows: logits of their heads that count in the softmax and have no key.
 * merge.cl adds them to a row's sums; what the gradients of Q, K and V read of them is L, which
 * includes them.
 *
 * Functions that read sinks get these parameters and arguments where sinks are compiled in. */
#ifndef SINKS_CL
#define SINKS_CL

#include "attention/job.cl"

#if HAS_IF_SINKS

#define SINK_PARAMETERS , const struct score_inputs *given, const struct job *job
#define SINK_ARGUMENTS(given, job) , given, job
#define SINK_INPUTS , const struct score_inputs *given
#define SINK_INPUTS_OF(given) , given

/* The sink of stationary row r. Rows past the last query have one too. */
INLINE lane_f row_sink(const struct score_inputs *given, const struct call *a, const struct job *job, int r)
{
    const __global float *sinks = given->sink + sink_place(a, job->head);
#if PACKED
    const int heads = packed_heads(a), phase = (int)(job->first % heads);
    return gather_float(sinks, (phase + tile_row(r)) % heads, a->sink.head);
#else
    return (lane_f)(*sinks);
#endif
}

/* L of row r if it sees a key, else -inf, as without sinks. */
INLINE lane_f seeing_lse(lane_f lse, const struct score_inputs *given, const struct call *a, const struct job *job,
                         int r)
{
    return lse == row_sink(given, a, job, r) ? (lane_f)(-INFINITY) : lse;
}

#define SEEING_LSE(lse, r) seeing_lse(lse, &given, &a, &job, r)

#else

#define SINK_PARAMETERS
#define SINK_ARGUMENTS(given, job)
#define SINK_INPUTS
#define SINK_INPUTS_OF(given)
#define SEEING_LSE(lse, r) lse

#endif
#endif
