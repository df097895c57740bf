/* SPDX-License-Identifier: Apache-2.0 */
/* Linear layers by CLBlast's matrix product on contiguous rows. */
#include "nn.h"

#include <clblast_c.h>
#include <stdio.h>

/* c = op(a) op(b) + beta c, row-major, c (m,n), sums of length k; op(x) is x, or x^T with
 * transpose_x. CLBlast needs no wait list, as the queue is in order. */
static void multiply(struct nn *nn, size_t m, size_t n, size_t k, int transpose_a, clattn_block a, int transpose_b,
                     clattn_block b, float beta, clattn_block c)
{
    const CLBlastStatusCode status = CLBlastSgemm(
        CLBlastLayoutRowMajor, transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo,
        transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, m, n, k, 1.0f, a.mem, a.offset, transpose_a ? m : k,
        b.mem, b.offset, transpose_b ? k : n, beta, c.mem, c.offset, n, &nn->queue, NULL);
    if (status != CLBlastSuccess) {
        char why[32];
        snprintf(why, sizeof why, "CLBlast error %d", (int)status);
        nn_fail("CLBlastSgemm", why);
    }
}

void nn_linear(struct nn *nn, size_t rows, size_t in, size_t out, clattn_block x, clattn_block w, clattn_block b,
               clattn_block y)
{
    if (b.mem)
        nn_repeat_row(nn, rows, out, b, y);
    multiply(nn, rows, out, in, 0, x, 1, w, b.mem ? 1.0f : 0.0f, y);
}

void nn_linear_dx(struct nn *nn, size_t rows, size_t in, size_t out, clattn_block dy, clattn_block w, clattn_block dx)
{
    multiply(nn, rows, in, out, 0, dy, 0, w, 0.0f, dx);
}

void nn_linear_dw(struct nn *nn, size_t rows, size_t in, size_t out, clattn_block dy, clattn_block x, clattn_block dw,
                  clattn_block db)
{
    multiply(nn, out, in, rows, 1, dy, 0, x, 1.0f, dw);
    if (db.mem)
        nn_sum_rows(nn, rows, out, dy, db);
}
