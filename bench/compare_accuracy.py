#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Errors of clattn and of PyTorch's scaled_dot_product_attention against float64, on the same inputs.

    compare_accuracy.py [--equal] [--clattn PROGRAM] [--engine LIST] [--backends LIST] [--csv FILE] CASE ...

Cases are lines of clattn-bench in 16 bits, small enough for the N x M matrices of all heads in float64. The reference
and its gradients are computed in float64 from the 16-bit inputs. --equal makes all terms of each sum equal (q and k are
0, v and dout 0.1), the worst case for long sums; results are then known in advance, and N and M may have any size.
Prints of each result the largest error, the root mean square error and the engine. PROGRAM is the command-line tool;
its results are rounded to 16 bits, as PyTorch's are.
"""

import argparse
import csv
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
import torch
import torch.nn.functional as F
from torch.nn.attention import sdpa_kernel

from compare_torch import BACKENDS, DTYPES, Case, make_inputs

COLUMNS = ("case", "implementation", "result", "largest_error", "rms_error", "largest_value")
NAMES = ("q", "k", "v", "dout"), ("out", "dq", "dk", "dv")


def gradients(case, function, tensors):
    """(out, dq, dk, dv) of function(q, k, v)."""
    q, k, v, dout = (x.detach().clone() for x in tensors)
    inputs = [x.requires_grad_(True) for x in (q, k, v)]
    out = function(*inputs)
    return [x.detach() for x in (out, *(torch.autograd.grad(out, inputs, dout) if case.backward else ()))]


def exact(case, q, k, v):
    """Attention in float64, which stores S of all heads."""
    group = case.hq // case.hk
    k, v = (x.repeat_interleave(group, dim=1) for x in (k, v))
    scores = q @ k.transpose(-1, -2) / case.d**0.5
    if case.causal:  # bottom-right
        hidden = torch.ones(case.n, case.m, dtype=torch.bool, device=q.device).triu(case.m - case.n + 1)
        scores = scores.masked_fill(hidden, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


def by_torch(case, backend, tensors):
    options = {"enable_gqa": True} if case.hq != case.hk else {}

    def attention(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=case.causal, **options)

    if not tensors[0].is_cuda:
        return gradients(case, attention, tensors)
    with sdpa_kernel([BACKENDS[backend]]):
        return gradients(case, attention, tensors)


def run_clattn(arguments, outputs):
    """Runs the tool: ({kernel: engine} from its standard error, {name: array})."""
    told = subprocess.run([*arguments, "-v"], check=True, stderr=subprocess.PIPE, text=True).stderr
    engines = dict(re.findall(r"(forward|backward_\w+): engine (\w+)", told))
    return engines, {name: torch.from_numpy(numpy.load(path)) for name, path in outputs.items()}


def by_clattn(case, program, engine, tensors):
    """{(engine, name): result}. Files of bfloat16 tensors are float32, which is exact."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        path = {name: str(pathlib.Path(folder, name + ".npy")) for names in NAMES for name in names}
        for name, tensor in zip(NAMES[0], tensors):
            bits = tensor if case.dtype == "f16" else tensor.float()
            numpy.save(path[name], bits.cpu().numpy())
        options = [f"--engine={engine}", f"--dtype={case.dtype}"] + (["--causal"] if case.causal else [])
        options += [word for name in NAMES[0][:3] for word in (f"--{name}", path[name])]
        engines, found = run_clattn([program, "forward", *options, "--out", path["out"]], {"out": path["out"]})
        results[engines["forward"], "out"] = found["out"]
        if case.backward:
            outputs = {name: path[name] for name in NAMES[1][1:]}
            words = [word for name in outputs.items() for word in (f"--{name[0]}", name[1])]
            engines, found = run_clattn([program, "backward", *options, "--dout", path["dout"], *words], outputs)
            for name, result in found.items():
                kernel = "backward_dq" if name == "dq" else "backward_dkdv"
                results[engines.get(kernel) or engines["backward_fused"], name] = result
    return results


def errors(found, expected):
    """(largest error, root mean square error, largest value)."""
    difference = (found.to(expected.device, torch.float64) - expected).abs()
    return difference.max().item(), difference.square().mean().sqrt().item(), expected.abs().max().item()


def equal_terms(case, device):
    """Inputs of --equal, and (out, dq, dk, dv)."""
    q, k, v, dout = (torch.zeros_like(x) for x in make_inputs(case, device, False))
    v += 0.1
    dout += 0.1
    gradient = torch.full_like(v, dout.flatten()[0].item() * case.hq / case.hk * case.n / case.m, dtype=torch.float64)
    out = torch.full_like(dout, v.flatten()[0].item(), dtype=torch.float64)
    return (q, k, v, dout), (out, q.double(), k.double(), gradient)


def random_terms(case, device):
    tensors = [x.detach() for x in make_inputs(case, device, False)]
    return tensors, gradients(case, lambda q, k, v: exact(case, q, k, v), [x.double() for x in tensors])


def run_case(case, arguments, device):
    tensors, expected = (equal_terms if arguments.equal else random_terms)(case, device)
    results = {}
    for engine in arguments.engine.split(","):
        for (used, name), result in by_clattn(case, arguments.clattn, engine, tensors).items():
            results[f"clattn {used}", name] = result
    for backend in arguments.backends.split(",") if device == "cuda" else ["cpu"]:
        for name, result in zip(NAMES[1], by_torch(case, backend, tensors)):
            results[f"torch-{backend}", name] = result
    for (implementation, name), result in results.items():
        yield case.line, implementation, name, *errors(result, expected[NAMES[1].index(name)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="+", metavar="CASE")
    parser.add_argument("--clattn", default="build/tools/clattn", help="the command-line tool (default: %(default)s)")
    parser.add_argument("--engine", default="auto", help="engines of clattn, separated by commas (default: auto)")
    parser.add_argument("--backends", default="flash,cudnn", help="of PyTorch on CUDA (default: %(default)s)")
    parser.add_argument("--equal", action="store_true", help="all terms of each sum are equal")
    parser.add_argument("--csv", help="file to write, one row per result")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    rows = []
    for line in arguments.cases:
        case = Case(line)
        if DTYPES[case.dtype] == torch.float32 or case.causal and (arguments.equal or case.n != case.m):
            parser.error(f'"{line}": only 16 bits, and causal only with N = M and without --equal')
        for row in run_case(case, arguments, device):
            print(f"{row[0]:36} {row[1]:20} {row[2]:4} {row[3]:.3e} rms {row[4]:.3e} of {row[5]:.3g}", flush=True)
            rows.append(row)
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    sys.exit(main())
