/* SPDX-License-Identifier: Apache-2.0 */
#include "svg.h"

#include <math.h>

void svg_begin(FILE *file, int width, int height)
{
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
            "font-size=\"13\" fill=\"" SVG_INK "\">\n<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            width, height, width, height);
}

void svg_end(FILE *file)
{
    fputs("</svg>\n", file);
}

void svg_line(FILE *file, double x1, double y1, double x2, double y2, const char *style)
{
    fprintf(file, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2, style);
}

void svg_text(FILE *file, double x, double y, const char *style, const char *text)
{
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
    for (; *text; ++text)
        if (*text == '<')
            fputs("&lt;", file);
        else if (*text == '&')
            fputs("&amp;", file);
        else
            fputc(*text, file);
    fputs("</text>\n", file);
}

void svg_text_upwards(FILE *file, double x, double y, const char *text)
{
    fprintf(file, "<g transform=\"translate(%.0f %.1f) rotate(-90)\">", x, y);
    svg_text(file, 0, 0, "text-anchor=\"middle\"", text);
    fputs("</g>\n", file);
}

double svg_tick(double range, double wish)
{
    const double power = pow(10.0, floor(log10(range / wish))), part = range / wish / power;
    return power * (part <= 1.0 ? 1.0 : part <= 2.0 ? 2.0 : part <= 5.0 ? 5.0 : 10.0);
}
