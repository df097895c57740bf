#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws speed, from CSV files of clattn-bench and bench/compare_torch.py.

    scripts/draw_speed.py >docs/speed.svg                       README's picture, from bench/results/
    scripts/draw_speed.py forward ours.csv torch.csv >out.svg   a pass of any files: speed against length

The second has a panel for cases that differ in nothing but B, N and M, and in it a line for each engine of clattn and
each other implementation. Status 1 where no two cases do. Test `pictures` fails where a document has another picture.
"""
import csv
import math
import sys
from pathlib import Path

from svg import GREY, INK, PALE, Picture

RESULTS = Path(__file__).resolve().parent.parent / "bench" / "results"
NAMES = {"torch-cudnn": "cuDNN", "torch-flash": "FlashAttention-2", "torch-efficient": "PyTorch memory-efficient",
         "torch-math": "PyTorch math", "torch-cpu": "PyTorch", "openblas": "OpenBLAS", "materialised": "CLBlast"}
SAID, BOLD = {"font_size": 14}, {"font_size": 16, "font_weight": "bold"}
WIDTH, LEFT, PLOT_HEIGHT, LABEL = 960, 44, 262, 18


def read_rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def name_of(row, by_engine=True):
    """clattn, or where there may be several its engine; the others by their usual names."""
    return by_engine and row["engine"] or NAMES.get(row["implementation"], row["implementation"])


def is_other(name):
    return name in NAMES.values()


def words_of(case, letters):
    """The words of a case that are a number behind one of the letters: {letter: word}."""
    return {word[0]: word for word in case.split() if word[0] in letters and word[1:2].isdigit()}


def tick_of(top):
    """1, 2 or 5 times a power of ten, some five of which make `top`."""
    power = 10.0 ** math.floor(math.log10(top / 5))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= top / 5)


# ---- speed against length ----


def lines_of(rows, which, by_engine=True):
    """{name: [(length, TFLOP/s)]} of the rows of a pass."""
    lines = {}
    for row in rows:
        if row["pass"] == which:
            length = int(words_of(row["case"], "m")["m"][1:])
            lines.setdefault(name_of(row, by_engine), []).append((length, float(row["tflops"])))
    return {name: sorted(points) for name, points in lines.items()}


def draw_labels(picture, x, ends):
    """Names at the lines' ends, above them, or below where the next higher line is near. `ends`: [(y, name, value)]."""
    before = -math.inf
    for y, name, value in sorted(ends):
        above = y - before > 2 * LABEL
        weight = "normal" if is_other(name) else "bold"
        picture.text(x, y - 9 if above else y + LABEL + 5, f"{name} {value:.3g}", text_anchor="end", font_weight=weight,
                     **SAID)
        before = y if above else y + LABEL


def draw_lines(picture, box, title, lines, high):
    """A panel in box (x, y, width, height): lengths double along x; clattn's lines are thick, others' dashed."""
    x, y, width, height = box
    lengths = sorted({length for points in lines.values() for length, _ in points})
    picture.text(x, y - 14, title, **BOLD)
    tick = tick_of(high)
    top = math.ceil(high * 1.08 / tick) * tick
    for i in range(round(top / tick) + 1):
        at = y + height * (1 - i * tick / top)
        picture.line([(x, at), (x + width, at)], stroke=PALE if i else INK, stroke_width=1)
        picture.text(x - 6, at + 5, f"{i * tick:g}", text_anchor="end", **SAID)
    low, span = math.log2(lengths[0]), math.log2(lengths[-1] / lengths[0])
    place = {m: x + 26 + (math.log2(m) - low) / span * (width - 40) for m in lengths}
    for length in lengths:
        picture.line([(place[length], y + height), (place[length], y + height + 5)], stroke_width=1)
        picture.text(place[length], y + height + 20, str(length), text_anchor="middle", **SAID)
    ends = []
    for name, points in lines.items():
        ours = not is_other(name)
        drawn = [(place[length], y + height * (1 - rate / top)) for length, rate in points]
        dashes = {} if ours else {"stroke_dasharray": "3 4" if "Flash" in name else "8 4"}
        picture.line(drawn, stroke_width=3 if ours else 2, **dashes)
        for at in drawn:
            picture.dot(*at, 4.5, fill=INK if ours else "white", stroke=INK, stroke_width=1.5)
        ends.append((drawn[-1][1], name, points[-1][1]))
    draw_labels(picture, x + width + 4, ends)


# ---- bars ----


def draw_bars(picture, box, title, groups):
    """Groups one below the other: {heading: [(name, value)]}."""
    x, y, width, height = box
    picture.text(x, y - 14, title, **BOLD)
    most = max(value for bars in groups.values() for _, value in bars)
    count = sum(len(bars) + 1.4 for bars in groups.values())
    step, at = height / count, y
    for heading, bars in groups.items():
        picture.text(x, at + step, heading, fill=GREY, **SAID)
        at += step * 1.4
        for name, value in bars:
            ours = not is_other(name)
            length = value / most * (width - 120)
            picture.rect(x, at, length, step * 0.8, fill=INK if ours else PALE, stroke_width=1)
            picture.text(x + length + 6, at + step * 0.72, f"{name} {value:.0f}",
                         font_weight="bold" if ours else "normal", **SAID)
            at += step


# ---- pictures ----


def captions(picture, y, *texts):
    for i, text in enumerate(texts):
        picture.text(LEFT, y + 19 * i, text, fill=GREY, **SAID)


def draw_readme():
    ours, torch = read_rows(RESULTS / "h200-float16-nvidia_wgmma.csv"), read_rows(RESULTS / "h200-float16-torch.csv")
    cpu, cpu_torch = read_rows(RESULTS / "cpu-pocl.csv"), read_rows(RESULTS / "cpu-pocl-torch.csv")
    picture = Picture(WIDTH, 408, "Speed of clattn beside others")
    shown = [row for row in ours + torch if "d128" in row["case"] and "causal" not in row["case"]]
    panels = [(which, lines_of(shown, which, False)) for which in ("forward", "backward")]
    high = max(rate for _, lines in panels for points in lines.values() for _, rate in points)
    for i, (which, lines) in enumerate(panels):
        draw_lines(picture, (LEFT + i * 326, 50, 272, PLOT_HEIGHT), f"GPU, {which}, TFLOP/s", lines, high)
        picture.text(LEFT + i * 326 + 136, 50 + PLOT_HEIGHT + 40, "length", text_anchor="middle", **SAID)
    groups = {}
    for case, heading in (("d64", "D = 64"), ("d64 causal", "D = 64, causal"), ("d128", "D = 128"),
                          ("d128 causal", "D = 128, causal")):
        groups[heading] = [(name_of(row, False), 1e3 * float(row["tflops"])) for row in cpu + cpu_torch
                           if (row["case"], row["pass"]) == (f"b1 h16 n2048 m2048 {case}", "forward")]
    draw_bars(picture, (690, 50, 262, PLOT_HEIGHT + 24), "CPU, forward, GFLOP/s", groups)
    captions(picture, 376,
             f"GPU: {ours[0]['device']}, driver {ours[0]['driver']}, float16, D = 128, 16,384 tokens, 2048 wide, "
             f"not causal; PyTorch {torch[0]['version'].split('+')[0]}; clattn at {ours[0]['commit']}",
             f"CPU: two cores of an Intel Xeon with AVX-512, PoCL {cpu[0]['driver'].split('+')[0]}, float32, 16 heads, "
             f"length 2048; PyTorch {cpu_torch[0]['version'].split('+')[0]}; clattn at {cpu[0]['commit']}")
    return picture


def draw_pass(which, paths):
    """A panel for each kind of case with at least two lengths, two panels a row; None without any."""
    kinds = {}
    for row in (row for path in paths for row in read_rows(path)):
        apart = words_of(row["case"], "bnm").values()
        kinds.setdefault(" ".join(word for word in row["case"].split() if word not in apart), []).append(row)
    panels = {kind: lines_of(rows, which) for kind, rows in kinds.items()}
    panels = {kind: lines for kind, lines in panels.items()
              if len({length for points in lines.values() for length, _ in points}) > 1}
    if not panels:
        return None
    high = max(rate for lines in panels.values() for points in lines.values() for _, rate in points)
    picture = Picture(WIDTH, 20 + (len(panels) + 1) // 2 * (PLOT_HEIGHT + 96), f"Speed of {which} against length")
    for i, (kind, lines) in enumerate(panels.items()):
        x, y = LEFT + i % 2 * 480, 50 + i // 2 * (PLOT_HEIGHT + 96)
        draw_lines(picture, (x, y, 412, PLOT_HEIGHT), f"{which}, {kind}", lines, high)
        picture.text(x + 206, y + PLOT_HEIGHT + 40, "length M, keys; TFLOP/s", text_anchor="middle", **SAID)
    return picture


def main():
    if len(sys.argv) == 1:
        picture = draw_readme()
    elif sys.argv[1] in ("forward", "backward") and len(sys.argv) > 2:
        picture = draw_pass(sys.argv[1], sys.argv[2:])
    else:
        sys.exit(__doc__)
    if not picture:
        sys.exit("draw_speed: no two cases differ in their lengths alone")
    print(picture, end="")


if __name__ == "__main__":
    main()
