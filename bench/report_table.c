/* SPDX-License-Identifier: Apache-2.0 */
#include "report_table.h"

#include <stdio.h>

void bench_table_begin(const struct bench_setting *s)
{
    printf("measured here: %.3f TFLOP/s of float32 multiply-adds, %.1f GB/s of copying (read and written)\n",
           1e-12 * s->peaks.flops, 1e-9 * s->peaks.bytes);
    printf("\n%-40s %-8s %-12s %10s %19s %10s %19s %8s %6s %8s %6s %6s\n", "case", "pass", "by", "device ms",
           "fastest-slowest", "wall ms", "fastest-slowest", "TFLOP/s", "peak", "GB/s", "copy", "error");
}

void bench_table_row(const struct bench_setting *s, const struct bench_row *row)
{
    const struct bench_times *device = &row->clocks.device, *wall = &row->clocks.wall;
    const double rate = bench_row_rate(row), bytes = row->narrow_bytes / device->median;
    printf("%-40s %-8s %-12s %10.3f %9.3f-%-9.3f %10.3f %9.3f-%-9.3f %8.3f %5.0f%%", row->line,
           bench_pass_name(row->pass), row->implementation, 1e3 * device->median, 1e3 * device->fastest,
           1e3 * device->slowest, 1e3 * wall->median, 1e3 * wall->fastest, 1e3 * wall->slowest, 1e-12 * rate,
           100.0 * rate / s->peaks.flops);
    if (row->narrow_bytes > 0.0)
        printf(" %8.1f %5.0f%%", 1e-9 * bytes, 100.0 * bytes / s->peaks.bytes);
    else
        printf(" %8s %6s", "", "");
    printf(" %6.3f\n", row->error_ratio);
    fflush(stdout);
}

void bench_table_skip(const char *line, const char *implementation, const char *why)
{
    printf("%-40s %-8s %-12s not timed: %s\n", line, bench_pass_name(BENCH_FORWARD), implementation, why);
    fflush(stdout);
}

void bench_memory_begin(void)
{
    puts("Bytes of device memory. Inputs and outputs are the tensors of all passes of the case, lse being an output; "
         "\"all\" "
         "is what\nthis program had to allocate to run them, and clattn allocates none, neither for a plan nor in a "
         "call.\n");
    printf("%-40s %14s %14s %12s %14s %22s %16s\n", "case", "inputs", "outputs", "workspace", "all",
           "all / (inputs + outputs)", "one N x M, B Hq");
}

void bench_memory_row(const struct bench_measured *m)
{
    const clattn_problem *p = &m->c.problem;
    char line[CASE_LINE_SIZE];
    const unsigned backward = m->c.passes & CASE_GRADIENTS;
    const size_t outputs = bench_output_bytes(&m->sets, CLATTN_FORWARD | backward);
    const size_t inputs = bench_input_bytes(&m->sets, CLATTN_FORWARD | backward) -
                          (backward ? bench_output_bytes(&m->sets, CLATTN_FORWARD) : 0);
    const size_t workspace = m->workspace_bytes[BENCH_FORWARD] > m->workspace_bytes[BENCH_BACKWARD]
                                 ? m->workspace_bytes[BENCH_FORWARD]
                                 : m->workspace_bytes[BENCH_BACKWARD];
    const size_t all = m->sets.bytes + workspace;
    printf("%-40s %14zu %14zu %12zu %14zu %22.5f %16.0f\n", case_print(&m->c, line), inputs, outputs, workspace, all,
           (double)all / (double)(inputs + outputs),
           4.0 * (double)p->batch * (double)p->q_heads * (double)p->q_len * (double)p->kv_len);
    fflush(stdout);
}

void bench_startup_begin(void)
{
    puts("Milliseconds from clattn_context_create to the first result of a forward pass, on a device that is open, "
         "with the\n"
         "kernels that are cached on disk.\n");
    printf("%-40s %10s %18s %18s %10s %6s\n", "case", "context", "plan, enqueue", "compute, read", "all", "error");
}

void bench_startup_row(const struct test_case *c, const struct bench_startup *s)
{
    char line[CASE_LINE_SIZE];
    printf("%-40s %10.3f %18.3f %18.3f %10.3f %6.3f\n", case_print(c, line), 1e3 * s->context, 1e3 * s->plan,
           1e3 * s->result, 1e3 * s->all, s->error_ratio);
    fflush(stdout);
}
