/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark without a device: statistics of times, rates, and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "baseline.h"
#include "host_softmax.h"
#include "read_csv.h"
#include "report_csv.h"
#include "speed_plot.h"

#include <math.h>
#include <string.h>

static struct test_case parse(const char *line)
{
    struct test_case c;
    char error[CASE_LINE_SIZE];

    assert_int_equal(case_parse(line, &c, error), 0);
    return c;
}

static void assert_close(double found, double expected)
{
    assert_true(fabs(found - expected) <= 1e-9 * fabs(expected));
}

/* ---- rates ---- */

static void test_median(void **state)
{
    double odd[] = {5.0, 1.0, 3.0};
    double even[] = {4.0, 1.0, 8.0, 2.0};
    const struct bench_times times = bench_times_of(even, 4);

    (void)state;
    assert_close(bench_median(odd, 3), 3.0);
    assert_close(times.median, 3.0);
    assert_close(times.fastest, 1.0);
    assert_close(times.slowest, 8.0);
}

static void test_flops(void **state)
{
    static const struct {
        const char *line;
        double forward, backward; /* as multiples of B Hq N M */
    } table[] = {
        {"b2 h6 n10 m20 d64", 4 * 64, 10 * 64},
        {"b2 h6/2 n10 m20 d64", 4 * 64, 10 * 64},
        {"b2 h6 n10 m20 d64 causal", 2 * 64, 5 * 64},
        {"b2 h6 n10 m20 d64 window=4,5", 0.425 * 4 * 64, 0.425 * 10 * 64}, /* 85 pairs of 200 */
        {"b2 h6 n10 m20 d64 causal align=top-left window=-1,7", 0.275 * 4 * 64, 0.275 * 10 * 64},
        {"b2 h6 n10 m20 d64/32", 2 * (64 + 32), 6 * 64 + 4 * 32},
        {"b2 h6 n10 m20 d64/32 grad=dv", 2 * (64 + 32), 2 * 64 + 2 * 32},
        {"b2 h6 n10 m20 d64/32 grad=dq", 2 * (64 + 32), 4 * 64 + 2 * 32},
    };

    (void)state;
    for (size_t n = 0; n < sizeof table / sizeof *table; n++) {
        const struct test_case c = parse(table[n].line);

        assert_close(bench_flops(&c.problem, c.passes, BENCH_FORWARD), 2.0 * 6 * 10 * 20 * table[n].forward);
        assert_close(bench_flops(&c.problem, c.passes, BENCH_BACKWARD), 2.0 * 6 * 10 * 20 * table[n].backward);
    }
}

static void test_narrow_bytes(void **state)
{
    const struct test_case one = parse("b2 h6/3 n1 m20 d64/32 dtype=bf16");
    const struct test_case many = parse("b2 h6/3 n17 m20 d64");

    (void)state;
    assert_close(bench_narrow_bytes(&one.problem, BENCH_FORWARD), 2.0 * 3 * 20 * (64 + 32) * 2);
    assert_true(bench_narrow_bytes(&one.problem, BENCH_BACKWARD) == 0.0);
    assert_true(bench_narrow_bytes(&many.problem, BENCH_FORWARD) == 0.0);
}

static void test_baseline_names(void **state)
{
    (void)state;
    assert_true(bench_baseline_wanted(&bench_baselines[0], NULL));
    assert_true(bench_baseline_wanted(&bench_baselines[0], "openblas,materialised"));
    assert_true(bench_baseline_wanted(&bench_baselines[1], "openblas"));
    assert_false(bench_baseline_wanted(&bench_baselines[0], "openblas"));
    assert_false(bench_baseline_wanted(&bench_baselines[1], "none"));
}

/* ---- a baseline's softmax ---- */

static void test_host_softmax(void **state)
{
    static const size_t seen[] = {0, 1, 15, 16, 17, 40, 50};
    enum { COUNT = 50 };

    (void)state;
    for (size_t n = 0; n < sizeof seen / sizeof *seen; n++) {
        float row[COUNT];
        double expected[COUNT] = {0.0};
        double sum = 0.0;

        for (size_t j = 0; j < COUNT; j++) {
            row[j] = (float)((j * 37) % 50) * 0.5f - 30.0f;
            expected[j] = j < seen[n] ? exp((double)row[j]) : 0.0;
            sum += expected[j];
        }
        host_softmax(row, seen[n], COUNT);
        for (size_t j = 0; j < COUNT; j++) {
            const double truth = sum > 0.0 ? expected[j] / sum : 0.0;

            assert_true(fabs((double)row[j] - truth) <= 1e-5 * truth);
        }
    }
}

/* ---- files ---- */

static const struct bench_setting setting = {"A \"big\" GPU, new", "1.2", "P<&>Q", "0.1.0", "abc", {2e12, 1e11}};

static struct bench_row make_row(const char *line, enum bench_pass pass, double seconds)
{
    struct bench_row row;

    memset(&row, 0, sizeof row);
    row.c = parse(line);
    case_print(&row.c, row.line);
    row.pass = pass;
    strcpy(row.implementation, "clattn");
    strcpy(row.engine, "simt");
    row.clocks.device = (struct bench_times){seconds, 0.5 * seconds, 2.0 * seconds};
    row.clocks.wall = (struct bench_times){2.0 * seconds, seconds, 4.0 * seconds};
    row.flops = 1e9;
    row.narrow_bytes = bench_narrow_bytes(&row.c.problem, pass);
    row.workspace_bytes = 77;
    row.error_ratio = 0.25;
    return row;
}

/* The text of the file; closes the file. */
static char *text_of(FILE *file, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Splits a line of a CSV into its values, in place; returns their number. */
static size_t cut(char *line, char **values, size_t most)
{
    size_t count = 0;

    for (char *from = line, *to = line; count < most; count++) {
        int quoted = *from == '"';

        values[count] = to;
        from += quoted;
        while (*from != '\0' && (quoted || *from != ',')) {
            if (quoted && *from == '"' && from[1] != '"') {
                quoted = 0;
                from++;
                continue;
            }
            from += quoted && *from == '"';
            *to++ = *from++;
        }
        const int last = *from++ == '\0';

        *to++ = '\0';
        if (last) {
            return count + 1;
        }
    }
    return count;
}

static void test_csv(void **state)
{
    static const char *const expected[][2] = {{"device", "A \"big\" GPU, new"},
                                              {"platform", "P<&>Q"},
                                              {"version", "0.1.0"},
                                              {"commit", "abc"},
                                              {"pass", "forward"},
                                              {"dtype", "f16"},
                                              {"engine", "simt"},
                                              {"device_ms", "1.000000"},
                                              {"device_ms_min", "0.500000"},
                                              {"device_ms_max", "2.000000"},
                                              {"wall_ms", "2.000000"},
                                              {"tflops", "1.000000"},
                                              {"peak_share", "0.50000"},
                                              {"gb_s", "0.0026"},
                                              {"workspace_bytes", "77"},
                                              {"error_ratio", "0.25"},
                                              {"implementation", "clattn"}};
    const struct bench_row row = make_row("b1 h1 n1 m10 d64 dtype=f16 mask=1,1,1,10", BENCH_FORWARD, 1e-3);
    char text[2048], *names[40], *values[40];
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    bench_csv_begin(file);
    bench_csv_row(file, &setting, &row);
    text_of(file, text, sizeof text);
    char *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = '\0';
    assert_non_null(strchr(second, '\n'));
    *strchr(second, '\n') = '\0';
    const size_t count = cut(text, names, 40);
    assert_int_equal(cut(second, values, 40), count);
    for (size_t n = 0; n < sizeof expected / sizeof *expected; n++) {
        size_t at = 0;

        while (at < count && strcmp(names[at], expected[n][0]) != 0) {
            at++;
        }
        assert_true(at < count);
        assert_string_equal(values[at], expected[n][1]);
    }
    assert_string_equal(values[6], row.line);
}

/* Checks that tags are properly nested, and that every & and < is escaped; returns the number of
 * tags. */
static size_t check_xml(const char *text)
{
    char open[16][32];
    size_t depth = 0, tags = 0;

    for (; *text != '\0'; text++) {
        if (*text == '&') {
            assert_true(strncmp(text, "&lt;", 4) == 0 || strncmp(text, "&amp;", 5) == 0);
        }
        if (*text != '<') {
            continue;
        }
        const char *end = strchr(text, '>');
        char name[32] = "";

        assert_non_null(end);
        if (text[1] == '/') {
            assert_int_equal(sscanf(text, "</%31[a-z]>", name), 1);
            assert_true(depth > 0);
            assert_string_equal(name, open[--depth]);
        } else {
            assert_int_equal(sscanf(text, "<%31[a-z]", name), 1);
            tags++;
            if (end[-1] != '/') {
                assert_true(depth < 16);
                strcpy(open[depth++], name);
            }
        }
        text = end;
    }
    assert_int_equal(depth, 0);
    return tags;
}

static void test_plot(void **state)
{
    static char text[65536];
    struct bench_row row[] = {
        make_row("b1 h2 n256 m256 d64", BENCH_FORWARD, 1e-3), make_row("b1 h2 n512 m512 d64", BENCH_FORWARD, 1.5e-3),
        make_row("b1 h2 n512 m512 d64", BENCH_BACKWARD, 4e-3), make_row("b1 h2 n1024 m1024 d64", BENCH_BACKWARD, 5e-3)};
    const struct bench_rows all = {row, 4}, one = {row + 1, 2}, none = {NULL, 0};
    FILE *file = tmpfile(), *empty = tmpfile();

    (void)state;
    assert_non_null(file);
    assert_non_null(empty);
    assert_int_equal(bench_plot_write(empty, &setting, &one), 0);
    assert_int_equal(bench_plot_write(empty, &setting, &none), 0);
    assert_string_equal(text_of(empty, text, sizeof text), "");
    assert_int_equal(bench_plot_write(file, &setting, &all), 1);
    text_of(file, text, sizeof text);
    assert_true(check_xml(text) > 20);
    assert_true(strncmp(text, "<svg ", 5) == 0);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    assert_non_null(strstr(text, "clattn simt forward: h2 d64<"));
    assert_non_null(strstr(text, "clattn simt backward: h2 d64<"));
    assert_non_null(strstr(text, "TFLOP/s"));
    assert_non_null(strstr(text, ">1024<"));
    assert_non_null(strstr(text, "A \"big\" GPU, new"));
}

/* Reading a written report gives the fields that a plot needs. */
static void test_csv_read(void **state)
{
    struct bench_row row[] = {make_row("b1 h2 n256 m256 d64 causal", BENCH_FORWARD, 1e-3),
                              make_row("b1 h2 n512 m512 d64", BENCH_BACKWARD, 4e-3)};
    struct bench_rows rows = {NULL, 0};
    char device[256], message[BENCH_MESSAGE];
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    bench_csv_begin(file);
    bench_csv_row(file, &setting, &row[0]);
    bench_csv_row(file, &setting, &row[1]);
    rewind(file);
    assert_int_equal(bench_csv_read(file, &rows, device, message), 0);
    assert_int_equal(rows.count, 2);
    assert_string_equal(device, setting.device);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(rows.row[i].line, row[i].line);
        assert_string_equal(rows.row[i].implementation, row[i].implementation);
        assert_string_equal(rows.row[i].engine, row[i].engine);
        assert_int_equal(rows.row[i].pass, row[i].pass);
        assert_true(fabs(bench_row_rate(&rows.row[i]) / bench_row_rate(&row[i]) - 1.0) < 1e-4);
    }
    bench_rows_free(&rows);
    fclose(file);
}

static void test_csv_refused(void **state)
{
    static const struct {
        const char *lines, *message;
    } files[] = {{"", "line 0: the file is empty"},
                 {"a,b\n", "line 1: this is not the head"},
                 {"@d,,,,,x,b1 h1 n1 m1 d1,forward,,,1,,,,,,1\n", "line 2: the number of columns"},
                 {"@d,,,,,x,b1 h1 n1 m1 d1,forward,,,1,,,,,,1,,,,,,,,,,\n", "line 2: the number of columns"},
                 {"@d,,,,,x,nothing,forward,,,1,,,,,,1,,,,,,,,,\n", "line 2: the case"},
                 {"@d,,,,,x,b1 h1 n1 m1 d1,upward,,,1,,,,,,1,,,,,,,,,\n", "line 2: the pass"},
                 {"@d,,,,,x,b1 h1 n1 m1 d1,forward,,,0,,,,,,1,,,,,,,,,\n", "line 2: time or rate"},
                 {"@d,,,,,x,b1 h1 n1 m1 d1,forward,,,1,,,,,,inf,,,,,,,,,\n", "line 2: time or rate"},
                 {"@d,,,,,x,b1 h1 n1 m1 d1,forward,,,1,,,,,,,,,,,,,,,\n", "line 2: time or rate"}};

    (void)state;
    for (size_t n = 0; n < sizeof files / sizeof files[0]; n++) {
        struct bench_rows rows = {NULL, 0};
        char device[256], message[BENCH_MESSAGE] = "";
        FILE *file = tmpfile();
        const int head = files[n].lines[0] == '@';

        assert_non_null(file);
        if (head) {
            bench_csv_begin(file);
        }
        fputs(files[n].lines + head, file);
        rewind(file);
        assert_int_equal(bench_csv_read(file, &rows, device, message), -1);
        if (strncmp(message, files[n].message, strlen(files[n].message)) != 0) {
            fail_msg("found \"%s\", expected \"%s\"", message, files[n].message);
        }
        bench_rows_free(&rows);
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_median),         cmocka_unit_test(test_flops),        cmocka_unit_test(test_narrow_bytes),
        cmocka_unit_test(test_baseline_names), cmocka_unit_test(test_host_softmax), cmocka_unit_test(test_csv),
        cmocka_unit_test(test_plot),           cmocka_unit_test(test_csv_read),     cmocka_unit_test(test_csv_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
