/* SPDX-License-Identifier: Apache-2.0 */
#include "report_csv.h"

#include <string.h>

const char bench_csv_header[] =
    "device,driver,platform,version,commit,implementation,case,pass,dtype,engine,device_ms,device_ms_min,device_ms_max,"
    "wall_ms,wall_ms_min,wall_ms_max,tflops,peak_share,gb_s,copy_share,input_bytes,output_bytes,workspace_bytes,"
    "error_ratio,peak_tflops,copy_gb_s";

/* Writes a field, quoted if necessary, and a comma. */
static void put_text(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fprintf(file, "%s,", text);
        return;
    }
    fputc('"', file);
    for (; *text; ++text) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputs("\",", file);
}

static void put_times(FILE *file, const struct bench_times *times)
{
    fprintf(file, "%.6f,%.6f,%.6f,", 1e3 * times->median, 1e3 * times->fastest, 1e3 * times->slowest);
}

void bench_csv_begin(FILE *file)
{
    fprintf(file, "%s\n", bench_csv_header);
}

void bench_csv_row(FILE *file, const struct bench_setting *s, const struct bench_row *row)
{
    const char *const texts[] = {s->device,
                                 s->driver,
                                 s->platform,
                                 s->version,
                                 s->commit,
                                 row->implementation,
                                 row->line,
                                 bench_pass_name(row->pass),
                                 bench_dtype_name(row->c.problem.dtype),
                                 row->engine};
    const double rate = bench_row_rate(row), bytes = row->narrow_bytes / row->clocks.device.median;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i)
        put_text(file, texts[i]);
    put_times(file, &row->clocks.device);
    put_times(file, &row->clocks.wall);
    fprintf(file, "%.6f,%.5f,", 1e-12 * rate, rate / s->peaks.flops);
    if (row->narrow_bytes > 0.0)
        fprintf(file, "%.4f,%.5f,", 1e-9 * bytes, bytes / s->peaks.bytes);
    else
        fputs(",,", file);
    fprintf(file, "%zu,%zu,%zu,%.5g,%.5f,%.3f\n", row->input_bytes, row->output_bytes, row->workspace_bytes,
            row->error_ratio, 1e-12 * s->peaks.flops, 1e-9 * s->peaks.bytes);
    fflush(file);
}
