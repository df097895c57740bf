/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPT = 16 }; /* characters of the prompt */

/* Draws an entry of the vocabulary from softmax(logits / temperature). */
static int32_t draw(const float *logits, size_t vocabulary, double temperature, struct check_random *random)
{
    double largest = logits[0], sum = 0.0;
    for (size_t c = 1; c < vocabulary; ++c)
        largest = fmax(largest, logits[c]);
    for (size_t c = 0; c < vocabulary; ++c)
        sum += exp((logits[c] - largest) / temperature);
    double left = (0.5 + 0.5 * (double)check_random_uniform(random)) * sum;
    for (size_t c = 0; c + 1 < vocabulary; ++c) {
        left -= exp((logits[c] - largest) / temperature);
        if (left < 0.0)
            return (int32_t)c;
    }
    return (int32_t)vocabulary - 1;
}

void sample_write(struct model *model, int attention, const struct text *text, const struct options *options)
{
    const size_t length = model->sizes.length, vocabulary = model->sizes.vocabulary;
    struct check_random random = {options->seed + 2};
    struct pass pass;
    pass_open(&pass, model, 1, attention);
    int32_t *window = calloc(length, sizeof *window);
    float *logits = calloc(vocabulary, sizeof *logits);
    if (!window || !logits)
        nn_fail("calloc", "no memory");
    size_t known = length < PROMPT ? length : PROMPT;
    memcpy(window, text->held_out + text->held_out_count / 2, known * sizeof *window);
    for (size_t i = 0; i < known; ++i)
        putchar(text->bytes[window[i]]);
    for (size_t i = 0; i < options->sample; ++i) {
        /* The layer is causal: characters of the window behind the known ones have no effect. */
        pass_forward(&pass, window);
        nn_read(model->nn, nn_after(pass.logits, (known - 1) * vocabulary), logits, vocabulary);
        if (known == length)
            memmove(window, window + 1, --known * sizeof *window);
        window[known] = draw(logits, vocabulary, options->temperature, &random);
        putchar(text->bytes[window[known++]]);
    }
    putchar('\n');
    free(window);
    free(logits);
    pass_close(&pass);
}
