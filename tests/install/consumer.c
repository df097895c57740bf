/* SPDX-License-Identifier: Apache-2.0 */
/* Equal keys share their weight equally, so each output is the mean of the values; and the version is the header's. Calls
 * OpenCL itself too, as programs do that own its objects: whatever brings clattn must bring that. */
#include <clattn.h>
#include <math.h>
#include <stdio.h>

enum { N = 3, M = 4, D = 2 };

int main(void)
{
    float q[N * D] = {1, 2, 3, 4, 5, 6}, k[M * D] = {0}, v[M * D] = {1, 0, 2, 0, 3, 0, 6, 8}, out[N * D];
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = problem.q_heads = problem.kv_heads = 1;
    problem.q_len = N;
    problem.kv_len = M;
    problem.qk_dim = problem.v_dim = D;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    arrays.q.data = q;
    arrays.k.data = k;
    arrays.v.data = v;
    arrays.out.data = out;

    cl_uint platforms = 0;
    if (clGetPlatformIDs(0, NULL, &platforms) != CL_SUCCESS || platforms == 0) {
        fprintf(stderr, "no OpenCL platform\n");
        return 1;
    }
    clattn_runner *runner = NULL;
    if (clattn_runner_create(NULL, NULL, &runner) || clattn_run_forward(runner, &problem, &arrays, NULL)) {
        fprintf(stderr, "clattn: %s\n", clattn_last_error());
        return 1;
    }
    clattn_runner_destroy(runner);
    for (int i = 0; i < N; ++i) {
        if (!(fabsf(out[i * D] - 3.0f) < 1e-5f && fabsf(out[i * D + 1] - 2.0f) < 1e-5f)) {
            fprintf(stderr, "row %d is (%g, %g), not (3, 2)\n", i, (double)out[i * D], (double)out[i * D + 1]);
            return 1;
        }
    }
    printf("clattn %s: right\n", clattn_version_string());
    return clattn_version() == CLATTN_VERSION ? 0 : 1;
}
