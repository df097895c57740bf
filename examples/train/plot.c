/* SPDX-License-Identifier: Apache-2.0 */
#include "plot.h"

#include "nn.h"
#include "svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Sizes of the picture in SVG units: the plot lies within the margins. */
enum { WIDTH = 860, HEIGHT = 460, LEFT = 70, RIGHT = 190, TOP = 50, BOTTOM = 60, SMOOTH = 8, LEGEND_LINE = 22 };

struct frame {
    FILE *file;
    double steps, low, high; /* ends of the axes */
};

static double x_of(const struct frame *f, double step)
{
    return (double)LEFT + step / f->steps * (double)(WIDTH - LEFT - RIGHT);
}

static double y_of(const struct frame *f, double loss)
{
    return (double)TOP + (f->high - loss) / (f->high - f->low) * (double)(HEIGHT - TOP - BOTTOM);
}

/* The axes end at ticks and contain every curve and level. */
static struct frame frame_of(const struct plot *plot, FILE *file)
{
    struct frame f = {file, 1.0, HUGE_VAL, -HUGE_VAL};
    for (size_t c = 0; c < plot->curve_count; ++c) {
        const struct plot_curve *curve = &plot->curves[c];
        f.steps = fmax(f.steps, (double)curve->count);
        for (size_t i = 0; i < curve->count; ++i) {
            f.low = fmin(f.low, curve->losses[i]);
            f.high = fmax(f.high, curve->losses[i]);
        }
        f.low = fmin(f.low, curve->held_out);
        f.high = fmax(f.high, curve->held_out);
    }
    for (size_t l = 0; l < plot->level_count; ++l) {
        f.low = fmin(f.low, plot->levels[l].value);
        f.high = fmax(f.high, plot->levels[l].value);
    }
    const double tick = svg_tick(f.high - f.low + 1e-3, 6.0);
    f.low = floor(f.low / tick) * tick;
    f.high = ceil(f.high / tick) * tick;
    return f;
}

static void draw_axes(const struct frame *f, const char *title)
{
    const double right = WIDTH - RIGHT, bottom = HEIGHT - BOTTOM;
    const double step = svg_tick(f->steps, 6.0), loss = svg_tick(f->high - f->low, 6.0);
    char label[32];
    for (double y = f->low; y < f->high + 0.5 * loss; y += loss) {
        svg_line(f->file, LEFT, y_of(f, y), right, y_of(f, y), "stroke=\"" SVG_PALE "\"");
        snprintf(label, sizeof label, "%.*f", loss < 1.0 ? 1 : 0, y);
        svg_text(f->file, LEFT - 8, y_of(f, y) + 4, "text-anchor=\"end\"", label);
    }
    for (double x = 0.0; x < f->steps + 0.5; x += step) {
        svg_line(f->file, x_of(f, x), bottom, x_of(f, x), bottom + 5, "stroke=\"" SVG_INK "\"");
        snprintf(label, sizeof label, "%.0f", x);
        svg_text(f->file, x_of(f, x), bottom + 20, "text-anchor=\"middle\"", label);
    }
    svg_line(f->file, LEFT, bottom, right, bottom, "stroke=\"" SVG_INK "\"");
    svg_line(f->file, LEFT, TOP, LEFT, bottom, "stroke=\"" SVG_INK "\"");
    svg_text(f->file, 0.5 * ((double)LEFT + right), HEIGHT - 16, "text-anchor=\"middle\"", "step");
    svg_text_upwards(f->file, 22, 0.5 * ((double)TOP + bottom), "loss, nats a character");
    svg_text(f->file, LEFT, 28, "font-size=\"16\" font-weight=\"bold\"", title);
}

static void draw_level(const struct frame *f, const struct plot_level *level)
{
    char label[128];
    svg_line(f->file, LEFT, y_of(f, level->value), WIDTH - RIGHT, y_of(f, level->value),
             "stroke=\"" SVG_INK "\" stroke-dasharray=\"6 4\"");
    snprintf(label, sizeof label, "%s %.2f", level->name, level->value);
    svg_text(f->file, WIDTH - RIGHT + 10, y_of(f, level->value) + 4, "", label);
}

/* The mean around step i over up to SMOOTH steps on each side. Near the start both sides have
 * equally many steps, as losses fall fast there; near the end the right side has fewer. */
static double smooth(const struct plot_curve *curve, size_t i)
{
    const size_t reach = i < SMOOTH ? i : SMOOTH;
    const size_t first = i - reach, end = i + reach + 1 < curve->count ? i + reach + 1 : curve->count;
    double sum = 0.0;
    for (size_t k = first; k < end; ++k)
        sum += curve->losses[k];
    return sum / (double)(end - first);
}

static void draw_path(const struct frame *f, const struct plot_curve *curve, int smoothed, const char *style)
{
    fprintf(f->file, "<path fill=\"none\" stroke=\"%s\" stroke-linejoin=\"round\" %s d=\"", curve->colour, style);
    for (size_t i = 0; i < curve->count; ++i)
        fprintf(f->file, "%s%.1f %.1f", i ? "L" : "M", x_of(f, (double)i),
                y_of(f, smoothed ? smooth(curve, i) : curve->losses[i]));
    fputs("\"/>\n", f->file);
}

static void draw_curve(const struct frame *f, const struct plot_curve *curve)
{
    char label[64];
    draw_path(f, curve, 0, "stroke-width=\"1\" opacity=\"0.35\"");
    draw_path(f, curve, 1, "stroke-width=\"2.5\"");
    const double x = x_of(f, (double)curve->count), y = y_of(f, curve->held_out);
    fprintf(f->file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"5\" fill=\"%s\"/>\n", x, y, curve->colour);
    snprintf(label, sizeof label, "held out %.2f", curve->held_out);
    svg_text(f->file, x + 10, y + 4, "", label);
}

/* Draws the legend at the top right, which is empty as losses fall. */
static void draw_legend(const struct frame *f, const struct plot *plot)
{
    fprintf(f->file, "<rect x=\"%d\" y=\"%d\" width=\"190\" height=\"%zu\" fill=\"white\"/>\n", WIDTH - RIGHT - 200,
            TOP + 60 - LEGEND_LINE / 2 - 4, plot->curve_count * LEGEND_LINE + 8);
    for (size_t c = 0; c < plot->curve_count; ++c) {
        const double y = (double)(TOP + 60) + (double)LEGEND_LINE * (double)c, x = WIDTH - RIGHT - 190;
        char style[96];
        snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2.5\"", plot->curves[c].colour);
        svg_line(f->file, x, y, x + 28, y, style);
        svg_text(f->file, x + 36, y + 4, "", plot->curves[c].name);
    }
}

void plot_write(const struct plot *plot, const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        nn_fail(path, "cannot be written");
    const struct frame f = frame_of(plot, file);
    svg_begin(file, WIDTH, HEIGHT);
    draw_axes(&f, plot->title);
    for (size_t l = 0; l < plot->level_count; ++l)
        draw_level(&f, &plot->levels[l]);
    for (size_t c = 0; c < plot->curve_count; ++c)
        draw_curve(&f, &plot->curves[c]);
    draw_legend(&f, plot);
    svg_end(file);
    if (ferror(file) || fclose(file))
        nn_fail(path, "cannot be written");
}
