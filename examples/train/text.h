/* SPDX-License-Identifier: Apache-2.0 */
/* The text to learn, as vocabulary entries. */
#ifndef CLATTN_TRAIN_TEXT_H
#define CLATTN_TRAIN_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Each byte that occurs is an entry of the vocabulary, in byte order. The first 90% of each file
 * are for training, one file after the other; the rest is held out. */
struct text {
    int32_t *training, *held_out; /* entries */
    size_t training_count, held_out_count;
    size_t vocabulary;
    unsigned char bytes[256]; /* the byte of each entry */
    double entropy;           /* of single characters, -sum p log p over the whole text, in nats */
};

/* Reads the files. Training and held-out text must each have more than `window` characters. Ends
 * the program on failure. */
struct text text_read(const char *const *paths, size_t count, size_t window);
void text_free(struct text *text);

#endif
