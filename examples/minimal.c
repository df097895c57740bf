/* SPDX-License-Identifier: Apache-2.0 */
/* Causal attention, 8 heads, 1024 tokens, on the best OpenCL device there is. */
#include <clattn.h>
#include <stdio.h>
#include <stdlib.h>

enum { HEADS = 8, LENGTH = 1024, DIM = 64, SIZE = HEADS * LENGTH * DIM };

static float q[SIZE], k[SIZE], v[SIZE], out[SIZE]; /* (1, HEADS, LENGTH, DIM) each */

int main(void)
{
    for (int i = 0; i < SIZE; ++i) {
        q[i] = k[i] = v[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    }

    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = 1;
    problem.q_heads = problem.kv_heads = HEADS;
    problem.q_len = problem.kv_len = LENGTH;
    problem.qk_dim = problem.v_dim = DIM;
    problem.score.causal = 1;

    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    arrays.q.data = q;
    arrays.k.data = k;
    arrays.v.data = v;
    arrays.out.data = out;

    clattn_runner *runner;
    if (clattn_runner_create(NULL, NULL, &runner) || clattn_run_forward(runner, &problem, &arrays, NULL)) {
        fprintf(stderr, "%s\n", clattn_last_error());
        return 1;
    }
    printf("The first query sees only itself: %g = %g\n", (double)out[0], (double)v[0]);
    clattn_runner_destroy(runner);
    return 0;
}
