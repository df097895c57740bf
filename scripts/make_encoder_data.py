#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the input of examples/encoder: weights of a sentence encoder, some sentences, and their embeddings in double.

    scripts/make_encoder_data.py OUTPUT_FOLDER

Needs NumPy and the package that scripts/minilm.py names. The files (90 MB) are not part of the repository.

    tokens.npy (B,N) int32, mask.npy (B,N) bool, sentences.txt   the input
    word.npy ... out_norm_bias.npy  float32                      the weights: a file per kind, with all layers
    embeddings.npy (B,384) float32                               the result, computed in double and rounded once
    pairs.npy (B) int32                                          for each sentence, the one nearest in meaning
"""
import sys
from pathlib import Path

import numpy as np

import minilm

# Pairs of the same meaning in different words. Some share a word (bank, late, heart) with a sentence of another pair.
PAIRS = [
    ("The cat is asleep on the window sill.", "A kitten naps beside the glass."),
    ("The central bank raised interest rates again.", "Borrowing money has become dearer this spring."),
    ("We sat on the bank of the river until late.", "They spent the evening by the water."),
    ("I forgot my password and cannot log in.", "How do I get back into my locked account?"),
    (
        "The surgeon repaired a valve of her heart.",
        "She is recovering well from the operation on her chest, which took six hours and needed two doctors, an "
        "anaesthetist and a machine that did the work of heart and lungs meanwhile.",
    ),
    ("Two late goals won the match for us.", "Our team scored twice in the last minutes of the game."),
]
SENTENCES = [first for first, _ in PAIRS] + [second for _, second in PAIRS]

# File of a kind of weight -> its name in a layer of the checkpoint, where .weight or .bias follows.
LAYER_FILES = {
    "wq": "attention.self.query",
    "wo": "attention.output.dense",
    "mid_norm": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "out_norm": "output.LayerNorm",
}


def layer_arrays(weights, layers):
    """File -> array (layers, ...). Keys' and values' weights are one matrix, as in clattn_layer: rows of K, then of V."""

    def stack(*names):
        rows = [[weights[f"encoder.layer.{i}.{name}"] for name in names] for i in range(layers)]
        return np.stack([np.concatenate(row) for row in rows])

    arrays = {}
    for file, name in LAYER_FILES.items():
        arrays[file] = stack(name + ".weight")
        arrays[file + "_bias"] = stack(name + ".bias")
    arrays["wkv"] = stack("attention.self.key.weight", "attention.self.value.weight")
    arrays["wkv_bias"] = stack("attention.self.key.bias", "attention.self.value.bias")
    return arrays


def embedding_arrays(weights):
    return {
        "word": weights["embeddings.word_embeddings.weight"],
        "position": weights["embeddings.position_embeddings.weight"],
        "segment": weights["embeddings.token_type_embeddings.weight"],
        "in_norm": weights["embeddings.LayerNorm.weight"],
        "in_norm_bias": weights["embeddings.LayerNorm.bias"],
    }


def check_published(weights, vocabulary, config):
    """Compares cosines with those in sentence-transformers' documentation for this model and these sentences, to 4
    digits: the results here are PyTorch's."""
    sentences = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    embeddings = minilm.encode(*minilm.tokenize(sentences, vocabulary), weights, config)
    if not np.abs(embeddings @ embeddings.T - published).max() <= 6e-5:
        sys.exit("make_encoder_data: the cosines are not those that sentence-transformers publishes")


def print_nearest(embeddings, mask, pairs):
    """Prints each sentence, its nearest sentence, and the cosines of the nearest and the second nearest."""
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -1.0)
    order = np.argsort(-cosines)
    for b, (nearest, second) in enumerate(order[:, :2]):
        print(f"{mask[b].sum():3} tokens  {SENTENCES[b][:48]:48}  {SENTENCES[nearest][:48]:48}"
              f"  {cosines[b, nearest]:.3f} {cosines[b, second]:.2f}")
    if (order[:, 0] != pairs).any():
        sys.exit("make_encoder_data: the model finds another sentence nearest")


def main():
    if len(sys.argv) != 2:
        sys.exit("use: make_encoder_data.py OUTPUT_FOLDER")
    folder = Path(sys.argv[1])
    weights, vocabulary, config = minilm.load()
    check_published(weights, vocabulary, config)
    tokens, mask = minilm.tokenize(SENTENCES, vocabulary)
    pairs = np.roll(np.arange(len(SENTENCES), dtype=np.int32), len(PAIRS))
    embeddings = minilm.encode(tokens, mask, weights, config)
    print_nearest(embeddings, mask, pairs)
    arrays = {**embedding_arrays(weights), **layer_arrays(weights, config["num_hidden_layers"])}
    arrays["embeddings"] = embeddings
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    arrays |= {"tokens": tokens.astype(np.int32), "mask": mask, "pairs": pairs}

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sentences.txt").write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        print(f"{folder / name}.npy  {array.dtype}  {array.shape}  {array.nbytes} bytes")


if __name__ == "__main__":
    main()
