#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The effect of the width of key tiles on accuracy. P and out are rounded to float16, all else is float64.

    simulate_rounding.py [--heads N] [--length N] [--depth N]

The online softmax scales P by the running maximum. A tile that raises the maximum has a P of exactly 1, which float16
holds without error. Wider tiles are fewer, so fewer P are exact. Prints for each width, and for tiles from the first or
from the last on, the root mean square error of out, and its ratio to that of 64 keys from the last on, which
FlashAttention-2 uses at depth 128. Needs NumPy.
"""

import argparse

import numpy

WALKS = ((64, "last"), (64, "first"), (96, "last"), (128, "last"), (128, "first"), (192, "last"))


def rounded(x):
    return x.astype(numpy.float32).astype(numpy.float16).astype(numpy.float64)


def attention(scores, v, width, begin):
    """The online softmax over tiles of `width` keys (FlashAttention-2, Algorithm 1)."""
    n, m = scores.shape
    most, total, out = numpy.full((n, 1), -numpy.inf), numpy.zeros((n, 1)), numpy.zeros((n, v.shape[1]))
    tiles = range(0, m, width)
    for j in reversed(tiles) if begin == "last" else tiles:
        tile = scores[:, j:j + width]
        raised = numpy.maximum(most, tile.max(axis=1, keepdims=True))
        shift = numpy.where(numpy.isinf(raised), 0.0, raised)  # no key yet
        p, rescale = numpy.exp(tile - shift), numpy.exp(most - shift)
        total = total * rescale + p.sum(axis=1, keepdims=True)
        out = out * rescale + rounded(p) @ v[j:j + width]
        most = raised
    return rounded(out / total)


def squares(random, length, depth, causal):
    """The mean square error of one head for each of WALKS."""
    q, k, v = (rounded(random.standard_normal((length, depth))) for _ in range(3))
    scores = q @ k.T / depth**0.5
    if causal:
        scores[numpy.triu_indices(length, 1)] = -numpy.inf
    p = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    exact = p @ v / p.sum(axis=1, keepdims=True)
    return [((attention(scores, v, *walk) - exact)**2).mean() for walk in WALKS]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--depth", type=int, default=128)
    arguments = parser.parse_args()
    for causal in (False, True):
        random = numpy.random.default_rng(1)
        heads = [squares(random, arguments.length, arguments.depth, causal) for _ in range(arguments.heads)]
        errors = numpy.sqrt(numpy.mean(heads, axis=0))
        print("causal" if causal else "full")
        for (width, begin), error in zip(WALKS, errors):
            print(f"  {width:3} keys, from the {begin}: {error:.4e}, {error / errors[0]:.4f}")


if __name__ == "__main__":
    main()
