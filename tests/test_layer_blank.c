/* SPDX-License-Identifier: Apache-2.0 */
/* host/layer/blank.c on a device: which layers need copies of rows, and every bit of the copies.
 * Small enough for a simulated device. */
#include "device.h"

#include "layer/layer.h"

#include <math.h>
#include <string.h>

enum { ROWS = 7, MOST_WIDTH = 150, GUARD = 3 };

/* Rows 0, 3 and 6 of a partner are 0, of either sign. Each other row has one element that is not 0,
 * at the start, at the end or between; that of the last row is NaN. */
static void make_partner(float *partner, int width)
{
    memset(partner, 0, (size_t)(ROWS * width) * sizeof *partner);
    partner[3 * width + width / 2] = -0.0f;
    partner[1 * width] = 1e-30f;
    partner[3 * width - 1] = -1.0f;
    partner[4 * width + width / 2] = INFINITY;
    partner[5 * width + width / 3] = NAN;
}

static int is_blanked(int row)
{
    return row % 3 == 0;
}

static void check_copy(const struct device *device, struct clattn__blank *blank, int partner_width, int width)
{
    static float partner[ROWS * MOST_WIDTH + GUARD], from[ROWS * MOST_WIDTH + GUARD], to[ROWS * MOST_WIDTH + 2 * GUARD];
    const size_t count = (size_t)(ROWS * width);
    struct clattn__sequence sequence;
    struct clattn__blank_rows rows = {.count = ROWS, .partner_width = partner_width, .width = width};

    make_partner(partner + 1, partner_width);
    for (size_t n = 0; n < count; n++) {
        from[n + 2] = n % 4 == 1 ? NAN : n % 4 == 2 ? -INFINITY : (float)n;
    }
    memset(to, 0xa5, sizeof to);
    rows.partner = (clattn_block){device_buffer(device->cl, sizeof partner, partner), 1};
    rows.from = (clattn_block){device_buffer(device->cl, sizeof from, from), 2};
    rows.to = (clattn_block){device_buffer(device->cl, sizeof to, to), GUARD};
    assert_success(clattn__sequence_begin(&sequence, device->queue, 0, NULL));
    assert_success(clattn__blank_enqueue(blank, &sequence, &rows));
    assert_success(clattn__sequence_end(&sequence, CLATTN_SUCCESS, NULL));
    device_read(device->queue, rows.to.mem, sizeof to, to);
    for (int row = 0; row < ROWS; row++) {
        for (int n = 0; n < width; n++) {
            const float zero = 0.0f;
            const float *expected = is_blanked(row) ? &zero : &from[2 + row * width + n];

            assert_memory_equal(&to[GUARD + row * width + n], expected, sizeof zero);
        }
    }
    for (int n = 0; n < GUARD; n++) {
        static const unsigned char untouched[4] = {0xa5, 0xa5, 0xa5, 0xa5};

        assert_memory_equal(&to[n], untouched, 4);
        assert_memory_equal(&to[GUARD + count + (size_t)n], untouched, 4);
    }
    assert_cl(clReleaseMemObject(rows.partner.mem));
    assert_cl(clReleaseMemObject(rows.from.mem));
    assert_cl(clReleaseMemObject(rows.to.mem));
}

/* Rows narrower and wider than a work-group, in work-groups of the device's size and of others. */
static void test_copies(void **state)
{
    static const size_t groups[] = {0, 1, 5, 64};
    const struct device *device = *state;
    struct clattn__blank blank = {.kernel = NULL};

    assert_success(clattn__blank_make(device->context, &blank));
    for (size_t n = 0; n < COUNT_OF(groups); n++) {
        blank.group = groups[n] > 0 ? groups[n] : blank.group;
        check_copy(device, &blank, 1, 1);
        check_copy(device, &blank, 3, MOST_WIDTH);
        check_copy(device, &blank, MOST_WIDTH, 64);
    }
    clattn__blank_release(&blank);
}

static void test_layers(void **state)
{
    clattn_layer plain = CLATTN_LAYER_INIT, layer;

    (void)state;
    plain.len = plain.context_len = 7;
    assert_false(clattn__layer_hides_rows(&plain));
    layer = plain;
    layer.kv_lengths = 1;
    assert_true(clattn__layer_hides_rows(&layer));
    layer = plain;
    layer.score.mask_dim[0] = layer.score.mask_dim[1] = layer.score.mask_dim[2] = layer.score.mask_dim[3] = 1;
    assert_true(clattn__layer_hides_rows(&layer));
    /* Diagonals: {align, offset, M, hides}; N is 7. */
    const struct {
        clattn_align align;
        int64_t offset, m;
        bool hides;
    } diagonals[] = {
        {CLATTN_ALIGN_BOTTOM_RIGHT, 0, 7, false}, {CLATTN_ALIGN_BOTTOM_RIGHT, 0, 9, false},
        {CLATTN_ALIGN_BOTTOM_RIGHT, 0, 6, true},  {CLATTN_ALIGN_TOP_LEFT, 0, 7, false},
        {CLATTN_ALIGN_TOP_LEFT, 0, 6, false},     {CLATTN_ALIGN_TOP_LEFT, 0, 8, true},
        {CLATTN_ALIGN_OFFSET, -1, 7, true},       {CLATTN_ALIGN_OFFSET, 1, 7, false},
        {CLATTN_ALIGN_OFFSET, 1, 8, false},       {CLATTN_ALIGN_OFFSET, 1, 9, true},
    };
    for (size_t n = 0; n < COUNT_OF(diagonals); n++) {
        layer = plain;
        layer.score.align = diagonals[n].align;
        layer.score.offset = diagonals[n].offset;
        layer.context_len = diagonals[n].m;
        assert_false(clattn__layer_hides_rows(&layer)); /* not causal: no diagonal */
        layer.score.causal = 1;
        assert_int_equal(clattn__layer_hides_rows(&layer), diagonals[n].hides);
        layer.score.causal = 0;
        layer.score.window = 1;
        layer.score.window_left = -1;
        assert_int_equal(clattn__layer_hides_rows(&layer), diagonals[n].hides);
    }
}

/* Windows with N = 7: {left, right, offset, M, hides}. */
static void test_windows(void **state)
{
    static const struct {
        int64_t left, right, offset, m;
        bool hides;
    } windows[] = {
        {-1, -1, -100, 7, false}, {3, 3, 0, 7, false}, {-1, 3, -3, 7, false}, {-1, 3, -4, 7, true},
        {0, 3, 0, 10, false},     {0, 3, 0, 11, true}, {3, -1, 3, 10, false}, {3, -1, 4, 11, true},
        {3, -1, 3, 6, true},      {0, 0, 0, 7, false},
    };
    clattn_layer layer = CLATTN_LAYER_INIT;

    (void)state;
    layer.len = 7;
    layer.score.align = CLATTN_ALIGN_OFFSET;
    for (size_t n = 0; n < COUNT_OF(windows); n++) {
        layer.score.window = 1;
        layer.score.window_left = windows[n].left;
        layer.score.window_right = windows[n].right;
        layer.score.offset = windows[n].offset;
        layer.context_len = windows[n].m;
        assert_int_equal(clattn__layer_hides_rows(&layer), windows[n].hides);
        layer.score.window = 0;
        assert_false(clattn__layer_hides_rows(&layer));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies), cmocka_unit_test(test_layers),
                                       cmocka_unit_test(test_windows)};

    return cmocka_run_group_tests_name("layer_blank", tests, device_setup, device_teardown);
}
