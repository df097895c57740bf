/* SPDX-License-Identifier: Apache-2.0 */
/* The text that is learnt, as numbers. */
#ifndef CLATTN_TRAIN_TEXT_H
#define CLATTN_TRAIN_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Every byte that occurs is one entry of the vocabulary, in the order of bytes. The first nine tenths of each file are
 * for training, one file after the other; the last tenths are held out. */
struct text {
    int32_t *training, *held_out; /* entries */
    size_t training_count, held_out_count;
    size_t vocabulary;
    unsigned char bytes[256]; /* of each entry */
    double entropy;           /* of single characters, -sum p log p over the whole text, in nats */
};

/* Reads the files; each part must have more than `window` characters. Ends the program where that fails. */
struct text text_read(const char *const *paths, size_t count, size_t window);
void text_free(struct text *text);

#endif
