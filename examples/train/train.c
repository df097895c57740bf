/* SPDX-License-Identifier: Apache-2.0 */
/* Trains a small causal transformer on the characters of a text; train --help says how. */
#include "gradient.h"
#include "options.h"
#include "plot.h"
#include "sample.h"
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds of --assert, in nats. */
#define MOST_START 0.2       /* largest distance of the first loss from ln(vocabulary) */
#define LEAST_GAIN 0.3       /* least gain of the final loss on the entropy of characters */
#define LEAST_ATTENTION 0.05 /* least gain of attention on no attention */

enum { REPEATED = 5 }; /* steps to train twice: results must be bit-identical */

/* Trains a new model for `steps` steps; with `sample`, writes a sample at the end. */
static struct training train(struct nn *nn, const struct text *text, const struct options *o, int attention,
                             size_t steps, const char *label, int sample)
{
    const struct sizes sizes = {text->vocabulary, o->length, o->blocks, o->dim, o->heads};
    struct model model;
    struct pass pass;
    model_open(&model, nn, &sizes, o->seed);
    pass_open(&pass, &model, o->batch, attention);
    const struct training training = training_run(&pass, text, o, steps, label);
    pass_close(&pass);
    if (sample) {
        printf("\n");
        sample_write(&model, attention, text, o);
    }
    model_close(&model);
    return training;
}

/* ---- report ---- */

static void print_setting(const struct nn *nn, const struct text *text, const struct options *o)
{
    printf("device: %s\n", nn_device_name(nn));
    printf("text: %zu characters to learn, %zu held out, vocabulary %zu\n", text->training_count, text->held_out_count,
           text->vocabulary);
    printf("model: %zu blocks, dim %zu, %zu heads; %zu steps of %zu sequences of %zu, seed %llu\n\n", o->blocks, o->dim,
           o->heads, o->steps, o->batch, o->length, (unsigned long long)o->seed);
    fflush(stdout);
}

/* Prints results of one training, and of `other` unless it is NULL. */
static void print_table(const struct text *text, const struct training *one, const char *name,
                        const struct training *other, const char *other_name)
{
    const double levels[] = {log((double)text->vocabulary), text->entropy};
    static const char *const level_names[] = {"ln(vocabulary)", "entropy of single characters"};
    const struct {
        const char *name;
        double one, other;
    } rows[] = {
        {"first loss", one->losses[0], other ? other->losses[0] : 0.0},
        {"final loss, mean of the last 20 steps", one->final, other ? other->final : 0.0},
        {"held-out loss", one->held_out, other ? other->held_out : 0.0},
        {"seconds", one->seconds, other ? other->seconds : 0.0},
    };
    printf("%-40s  %s%s%s\n", "nats a character", name, other ? "   " : "", other ? other_name : "");
    for (size_t i = 0; i < 2; ++i)
        printf("%-40s  %*.3f\n", level_names[i], (int)strlen(name), levels[i]);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
        printf("%-40s  %*.3f", rows[i].name, (int)strlen(name), rows[i].one);
        if (other)
            printf("   %*.3f", (int)strlen(other_name), rows[i].other);
        printf("\n");
    }
}

static void draw(const char *path, const struct text *text, const struct plot_curve *curves, size_t count)
{
    const struct plot_level levels[] = {{"ln(vocabulary)", log((double)text->vocabulary)},
                                        {"single characters", text->entropy}};
    const struct plot plot = {"A causal transformer learns to guess the next character", curves, count, levels, 2};
    if (path)
        plot_write(&plot, path);
}

static struct plot_curve curve_of(const struct training *t, const char *name, const char *colour)
{
    const struct plot_curve curve = {name, colour, t->losses, t->steps, t->held_out};
    return curve;
}

/* ---- what the program does ---- */

static int train_once(struct nn *nn, const struct text *text, const struct options *o)
{
    const char *name = o->no_attention ? "without attention" : "with attention";
    struct training t = train(nn, text, o, !o->no_attention, o->steps, name, o->sample > 0);
    const struct plot_curve curve = curve_of(&t, name, o->no_attention ? "#d95f02" : "#1b6ca8");
    printf("\n");
    print_table(text, &t, name, NULL, NULL);
    draw(o->plot, text, &curve, 1);
    training_free(&t);
    return 1;
}

/* Prints the sentence as a failure unless `holds`. Comparisons with NaN do not hold. */
static int demand(int holds, const char *sentence)
{
    if (!holds)
        printf("FAILED: %s\n", sentence);
    return holds;
}

static int judge(const struct text *text, const struct training *with, const struct training *without,
                 const struct training *again)
{
    const double start = fabs(with->losses[0] - log((double)text->vocabulary));
    const double gain = text->entropy - with->final, by_attention = without->final - with->final;
    const int same = memcmp(with->losses, again->losses, again->steps * sizeof *again->losses) == 0;
    printf("\nfirst loss from ln(vocabulary): %.3f, at most %.2f\n", start, MOST_START);
    printf("final loss below the entropy of single characters: %.3f, at least %.2f\n", gain, LEAST_GAIN);
    printf("final loss below that without attention: %.3f, at least %.2f\n", by_attention, LEAST_ATTENTION);
    printf("first %zu steps again: %s\n", again->steps, same ? "the same bits" : "other bits");
    int good = demand(start <= MOST_START, "the first loss is not that of a model that knows nothing.");
    good &= demand(gain >= LEAST_GAIN, "the model learnt no more than how frequent each character is.");
    good &= demand(by_attention >= LEAST_ATTENTION, "attention does not help.");
    good &= demand(same, "two runs differ.");
    return good;
}

static int train_and_judge(struct nn *nn, const struct text *text, const struct options *o)
{
    const size_t repeated = o->steps < REPEATED ? o->steps : REPEATED;
    struct training with = train(nn, text, o, 1, o->steps, "with attention", o->sample > 0);
    struct training without = train(nn, text, o, 0, o->steps, "without attention", 0);
    struct training again = train(nn, text, o, 1, repeated, "with attention, again", 0);
    const struct plot_curve curves[] = {curve_of(&without, "without attention", "#d95f02"),
                                        curve_of(&with, "with attention", "#1b6ca8")};
    printf("\n");
    print_table(text, &with, "with attention", &without, "without attention");
    draw(o->plot, text, curves, 2);
    const int good = judge(text, &with, &without, &again);
    printf("%s\n", good ? "The model learns, and attention is why." : "THE MODEL DOES NOT LEARN AS IT SHOULD.");
    training_free(&with);
    training_free(&without);
    training_free(&again);
    return good;
}

int main(int argc, char **argv)
{
    const struct options o = options_read(argc, argv);
    struct text text = text_read(o.texts, o.text_count, o.length);
    struct nn nn;
    nn_open(&nn, o.device, 0);
    int good;
    if (o.check_gradient) {
        printf("device: %s\n", nn_device_name(&nn));
        good = gradient_check(&nn, &text, &o);
    } else {
        print_setting(&nn, &text, &o);
        good = o.assert ? train_and_judge(&nn, &text, &o) : train_once(&nn, &text, &o);
    }
    nn_close(&nn);
    text_free(&text);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
