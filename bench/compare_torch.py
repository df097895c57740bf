#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch's scaled_dot_product_attention on case lines of clattn-bench, and compares both.

    compare_torch.py [--csv FILE] [--backends LIST] [--repeats N] [--sustained] [--threads N] [--join CSV] CASE ...
    compare_torch.py --join ours.csv            # the cases of that file

Columns of the CSV are those of clattn-bench; the implementation is torch-flash, torch-cudnn, torch-efficient,
torch-math, or torch-cpu. On CUDA each backend is timed by events of the device, on the CPU by the wall clock. Runs
rotate through sets of inputs that together exceed the caches. A backward time does not include forward. As in
clattn-bench, a GPU rests after each run for as long as the run took, unless --sustained is given. A case that a backend
refuses is skipped with its reason. Results are not verified.
"""

import argparse
import csv
import re
import statistics
import sys
import time
import warnings

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

COLUMNS = (
    "device,driver,platform,version,commit,implementation,case,pass,dtype,engine,device_ms,device_ms_min,device_ms_max,"
    "wall_ms,wall_ms_min,wall_ms_max,tflops,peak_share,gb_s,copy_share,input_bytes,output_bytes,workspace_bytes,"
    "error_ratio,peak_tflops,copy_gb_s"
).split(",")
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "math": SDPBackend.MATH,
}
COLD_BYTES = 256 << 20  # of all sets together: more than a GPU's last-level cache
WARM_SECONDS = 0.25
NARROW = 16  # up to so many queries, the bandwidth of K and V is reported, as in rates.h


class Case:
    """A line such as b2 h4/2 n113 m203 d64 causal dtype=bf16 bias=1,4,113,203. Other words of clattn have no
    counterpart in PyTorch."""

    def __init__(self, line):
        self.line, self.dtype, self.causal, self.backward = line, "f32", False, True
        self.bias = None  # its sizes
        sizes = {}
        for word in line.split():
            size = re.fullmatch(r"([bhnmd])(\d+)(?:/(\d+))?", word)
            if size:
                sizes[size[1]] = (int(size[2]), int(size[3] or size[2]))
            elif word == "causal":
                self.causal = True
            elif word.startswith("dtype=") and word[6:] in DTYPES:
                self.dtype = word[6:]
            elif word in ("grad=none", "nolse"):
                self.backward = False
            elif bias := re.fullmatch(r"bias=(?:normal:)?(\d+),(\d+),(\d+),(\d+)", word):
                self.bias = tuple(map(int, bias.groups()))
            elif word.startswith("seed="):
                pass
            else:
                raise ValueError(f'"{word}" is not for PyTorch')
        missing = set("bhnmd") - set(sizes)
        if missing:
            raise ValueError(f"there is no {min(missing)}")
        self.b, self.n, self.m = (sizes[letter][0] for letter in "bnm")
        self.hq, self.hk = sizes["h"]
        self.d, self.dv = sizes["d"]

    def flops(self, backward):
        """As clattn-bench counts them."""
        scores = self.b * self.hq * self.n * self.m * (0.5 if self.causal else 1.0)
        return scores * (6 * self.d + 4 * self.dv if backward else 2 * (self.d + self.dv))

    def narrow_bytes(self, backward):
        if backward or self.n > NARROW:
            return 0
        return self.b * self.hk * self.m * (self.d + self.dv) * DTYPES[self.dtype].itemsize


def cold_sets(bytes_of_one, limit):
    return max(1, min(COLD_BYTES // bytes_of_one + 1, limit))


def make_inputs(case, device, backward):
    """([q, k, v] or [q, k, v, bias], dout)"""
    def tensor(*sizes):
        return torch.randn(*sizes, device=device, dtype=torch.float32).to(DTYPES[case.dtype]).requires_grad_(backward)

    inputs = [tensor(case.b, case.hq, case.n, case.d), tensor(case.b, case.hk, case.m, case.d),
              tensor(case.b, case.hk, case.m, case.dv)]
    if case.bias:
        inputs.append(tensor(*case.bias))
    return inputs, tensor(case.b, case.hq, case.n, case.dv).detach()


def attention(case, q, k, v, bias=None):
    """clattn's causal is bottom-right, is_causal top-left: the same if N = M. With N = 1 all keys are visible."""
    options = {"enable_gqa": True} if case.hq != case.hk else {}
    if case.causal and case.n not in (1, case.m):
        raise RuntimeError("causal with N other than M: PyTorch's diagonal is another")
    if case.causal and bias is not None:
        raise RuntimeError("a bias and is_causal exclude each other")
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=case.causal and case.n > 1, **options)


def passes(case, device, backward, repeats):
    """A callable for each set of inputs, which runs the pass once."""
    inputs, dout = make_inputs(case, device, backward)
    one = sum(x.numel() * x.element_size() for x in [*inputs, dout]) * (2 if backward else 1)
    count = cold_sets(one, 2 * repeats)
    sets = [(inputs, dout)] + [make_inputs(case, device, backward) for _ in range(count - 1)]
    if not backward:
        return [lambda inputs=inputs: attention(case, *inputs) for inputs, _ in sets]

    def prepared(inputs, dout):
        out = attention(case, *inputs)
        return lambda: torch.autograd.grad(out, inputs, dout, retain_graph=True)

    return [prepared(*s) for s in sets]


def run_on_wall(run, synchronize, rest):
    start = time.perf_counter()
    run()
    synchronize()
    seconds = time.perf_counter() - start
    rest(seconds)
    return seconds


def warm_up(runs, synchronize, rest):
    start, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - start < WARM_SECONDS:
        run_on_wall(runs[count % len(runs)], synchronize, rest)
        count += 1


def time_wall(runs, repeats, synchronize, rest):
    return [run_on_wall(runs[i % len(runs)], synchronize, rest) for i in range(repeats)]


def time_device(runs, repeats, rest):
    """Times between events. A sleep keeps the device busy until all is enqueued: it never waits for the host."""
    seconds = []
    for i in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(2_000_000)  # cycles, about a millisecond
        begin.record()
        runs[i % len(runs)]()
        end.record()
        torch.cuda.synchronize()
        seconds.append(begin.elapsed_time(end) * 1e-3)
        rest(seconds[-1])
    return seconds


def measure(case, backend, device, backward, repeats, sustained):
    """(device seconds, wall seconds) of `repeats` runs; RuntimeError where the backend refuses."""
    cuda = device == "cuda"
    synchronize = torch.cuda.synchronize if cuda else lambda: None
    rest = time.sleep if cuda and not sustained else lambda _: None
    with sdpa_kernel([BACKENDS[backend]]) if cuda else torch.enable_grad():
        runs = passes(case, device, backward, repeats)
        warm_up(runs, synchronize, rest)
        wall = time_wall(runs, repeats, synchronize, rest)
        return (time_device(runs, repeats, rest) if cuda else wall), wall


def row_of(case, name, device, backward, times):
    row = dict.fromkeys(COLUMNS, "")
    cuda = device == "cuda"
    row.update({
        "device": torch.cuda.get_device_name() if cuda else "CPU",
        "driver": torch.version.cuda if cuda else f"{torch.get_num_threads()} threads",
        "platform": "PyTorch", "version": torch.__version__, "implementation": name, "case": case.line,
        "pass": "backward" if backward else "forward", "dtype": case.dtype,
    })
    for clock, seconds in zip(("device", "wall"), times):
        row[f"{clock}_ms"] = f"{1e3 * statistics.median(seconds):.6f}"
        row[f"{clock}_ms_min"], row[f"{clock}_ms_max"] = (f"{1e3 * f(seconds):.6f}" for f in (min, max))
    median = statistics.median(times[0])
    row["tflops"] = f"{1e-12 * case.flops(backward) / median:.6f}"
    if case.narrow_bytes(backward):
        row["gb_s"] = f"{1e-9 * case.narrow_bytes(backward) / median:.4f}"
    return row


def measure_or_reason(case, backend, device, backward, repeats, sustained):
    """(times, None), or (None, the reason why the backend refuses: its last warning, else its exception)."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            return measure(case, backend, device, backward, repeats, sustained), None
        except (RuntimeError, NotImplementedError) as error:
            reasons = [str(w.message).split("(Triggered")[0].strip() for w in told]
            return None, (reasons or [str(error).split("\n")[0]])[-1]


def run_case(case, backends, device, repeats, sustained, rows):
    for backward in (False, True) if case.backward else (False,):
        for backend in backends:
            name = f"torch-{backend}"
            times, reason = measure_or_reason(case, backend, device, backward, repeats, sustained)
            if device == "cuda":
                torch.cuda.empty_cache()
            if reason:
                kind = "backward" if backward else "forward"
                print(f"skipped: {name}, {case.line}, {kind}: {reason}", file=sys.stderr)
                continue
            rows.append(row_of(case, name, device, backward, times))
            print_row(rows[-1])


def print_row(row):
    print(f"{row['case']:40} {row['pass']:8} {row['implementation']:16} {float(row['device_ms']):10.3f} "
          f"{float(row['device_ms_min']):9.3f}-{float(row['device_ms_max']):<9.3f} {float(row['tflops']):8.3f} "
          f"{row['gb_s']:>9}", flush=True)


def read_rows(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or any(column not in rows[0] for column in COLUMNS):
        sys.exit(f"compare_torch.py: {path} is no CSV of clattn-bench")
    return rows


def print_joined(ours, theirs):
    """Prints for each pass of ours its speed, the speed of each other implementation, and the ratio ours / theirs."""
    names = list(dict.fromkeys(row["implementation"] for row in ours + theirs if row["implementation"] != "clattn"))
    others = {(row["case"], row["pass"], row["implementation"]): float(row["tflops"]) for row in ours + theirs}
    print(f"\nTFLOP/s, and in brackets clattn's / this\n{'case':40} {'pass':8} {'clattn':>9}"
          + "".join(f" {name:>19}" for name in names))
    for row in (row for row in ours if row["implementation"] == "clattn"):
        line = f"{row['case']:40} {row['pass']:8} {float(row['tflops']):9.3f}"
        for name in names:
            rate = others.get((row["case"], row["pass"], name))
            line += f" {rate:11.3f} ({float(row['tflops']) / rate:5.2f})" if rate else f" {'-':>19}"
        print(line)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--csv", help="file to write, one row per pass")
    parser.add_argument("--join", metavar="CSV", help="CSV of clattn-bench to compare with")
    parser.add_argument("--backends", help="with commas: flash, cudnn, efficient, math (default: all; on the CPU: cpu)")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--sustained", action="store_true", help="no rest between runs on a GPU")
    parser.add_argument("--threads", type=int, help="of the CPU")
    arguments = parser.parse_args()
    known = list(BACKENDS) if arguments.device == "cuda" else ["cpu"]
    arguments.backends = arguments.backends.split(",") if arguments.backends else known
    if not set(arguments.backends) <= set(known):
        parser.error(f"--backends: on this device there are {', '.join(known)}")
    if arguments.repeats < 3:
        parser.error("--repeats: at least 3")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    ours = read_rows(arguments.join) if arguments.join else []
    lines = arguments.cases or list(dict.fromkeys(row["case"] for row in ours))
    rows = []
    print(f"PyTorch {torch.__version__}, {arguments.device}, {torch.get_num_threads()} threads")
    for line in lines:
        try:
            case = Case(line)
        except ValueError as error:
            print(f"skipped: {line}: {error}", file=sys.stderr)
            continue
        run_case(case, arguments.backends, arguments.device, arguments.repeats, arguments.sustained, rows)
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    if ours:
        print_joined(ours, rows)


if __name__ == "__main__":
    main()
