/* SPDX-License-Identifier: Apache-2.0 */
#include "read_csv.h"

#include "report_csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Positions in bench_csv_header of the columns that are read. */
enum { DEVICE = 0, IMPLEMENTATION = 5, CASE = 6, PASS = 7, ENGINE = 9, DEVICE_MS = 10, TFLOPS = 16, COLUMNS = 26 };

/* Splits a line into fields in place and removes quotes. Returns the number of fields; COLUMNS + 1
 * if there are more. */
static int cut(char *line, char *fields[COLUMNS])
{
    int count = 0;
    for (char *at = line;; ++at) {
        char *to = at;
        if (count == COLUMNS)
            return COLUMNS + 1;
        fields[count++] = to;
        for (int quoted = 0; *at && (quoted || (*at != ',' && *at != '\n')); ++at) {
            if (*at != '"')
                *to++ = *at;
            else if (quoted && at[1] == '"')
                *to++ = *at++;
            else
                quoted = !quoted;
        }
        const int last = *at != ',';
        *to = '\0';
        if (last)
            return count;
    }
}

static int read_number(const char *text, double *number)
{
    char *end;
    *number = strtod(text, &end);
    return *text && !*end && *number > 0.0 && isfinite(*number) ? 0 : -1;
}

/* Parses the fields. Returns NULL, or what is wrong with them. */
static const char *read_row(char *const fields[COLUMNS], struct bench_row *row)
{
    char error[CASE_LINE_SIZE];
    double ms, tflops;
    memset(row, 0, sizeof *row);
    if (case_parse(fields[CASE], &row->c, error))
        return "the case is none";
    case_print(&row->c, row->line);
    row->pass = BENCH_FORWARD;
    while (strcmp(fields[PASS], bench_pass_name(row->pass)) != 0)
        if (++row->pass == BENCH_PASSES)
            return "the pass is neither forward nor backward";
    if (read_number(fields[DEVICE_MS], &ms) || read_number(fields[TFLOPS], &tflops))
        return "time or rate is no number above 0";
    row->clocks.device.median = 1e-3 * ms;
    row->flops = 1e12 * tflops * row->clocks.device.median;
    snprintf(row->implementation, sizeof row->implementation, "%s", fields[IMPLEMENTATION]);
    snprintf(row->engine, sizeof row->engine, "%s", fields[ENGINE]);
    return NULL;
}

int bench_csv_read(FILE *file, struct bench_rows *rows, char device[256], char *message)
{
    char *line = NULL, *fields[COLUMNS];
    const char *wrong = NULL;
    size_t room = 0, number = 0;
    while (!wrong && getline(&line, &room, file) >= 0) {
        struct bench_row row;
        if (++number == 1) {
            line[strcspn(line, "\r\n")] = '\0';
            wrong = strcmp(line, bench_csv_header) == 0 ? NULL : "this is not the head of a clattn-bench report";
            continue;
        }
        wrong = cut(line, fields) == COLUMNS ? read_row(fields, &row) : "the number of columns is another";
        if (wrong)
            continue;
        snprintf(device, 256, "%s", fields[DEVICE]);
        if (bench_rows_add(rows, &row))
            wrong = "out of host memory";
    }
    if (!wrong && number == 0)
        wrong = "the file is empty";
    if (wrong)
        snprintf(message, BENCH_MESSAGE, "line %zu: %s", number, wrong);
    free(line);
    return wrong ? -1 : 0;
}
