#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the folders and which may use which: scripts/draw_folders.py >docs/architecture.svg

Folders and arrows are those of folders.txt and host/folders.txt, which tests `top_folders` and `folders` compare with
what is built; engines are the folders of kernels/engines/. Test `pictures` fails if docs/architecture.svg is another
picture.
"""
import re
from pathlib import Path

from svg import GREY, Picture

ROOT = Path(__file__).resolve().parent.parent

ATTENTION = (
    "what is computed: a file a pass,",
    "scores, softmax, what is visible,",
    "written in tile verbs;",
    "args_list.h is the host's, too",
)
ENGINES = {  # what each is for; a new one is drawn without
    "cpu": "vectors of one work-item",
    "simt": "any GPU, multiply-adds",
    "nvidia_mma": "mma.sync, from sm_80 on",
    "nvidia_wgmma": "wgmma, Hopper",
    "nvidia": "what these two share",
}
NAME = {"font_weight": "bold", "font_size": 18}
SAID = {"font_size": 15}
FRAME = {"stroke": GREY, "stroke_dasharray": "6 4"}

WIDTH, LEFT, RIGHT = 960, 20, 940
BOXES_TOP, HEADER_TOP, FRAMES_TOP = 54, 152, 234
HOST_RIGHT, KERNELS_LEFT = 622, 656
PITCH, BOX_HEIGHT, BOX_RIGHT, COLUMN = 58, 46, 410, 22


def read_folders(path):
    """[(folder, [those it uses], what it is)]"""
    found = re.findall(r"^([a-z_]+):([a-z_ ]*)(?:# (.*))?$", path.read_text(), re.MULTILINE)
    return [(name, uses.split(), said) for name, uses, said in found]


def draw_box(picture, x, y, width, height, name, said):
    picture.rect(x, y, width, height)
    if height < 40:
        picture.text(x + 12, y + height / 2 + 6, name, **NAME)
    else:
        picture.text(x + 12, y + height / 2 - 3, name, **NAME)
        picture.text(x + 12, y + height / 2 + 16, said, **SAID)


def draw_programs(picture, folders):
    """Those that may use check/, and the tests: one beside the other, with arrows between neighbours."""
    width, gap, check = 148, 25, 784
    said = {name: what for name, _, what in folders}
    programs = [(name, uses) for name, uses, _ in folders if "check" in uses or "all" in uses]
    frame = len(programs) * width + (len(programs) + 1) * gap
    picture.text(LEFT, BOXES_TOP - 24, "programs use the public header and check/", **SAID)
    picture.rect(LEFT, BOXES_TOP - 12, frame, 80, **FRAME)
    for i, (name, uses) in enumerate(programs):
        x = LEFT + gap + i * (width + gap)
        draw_box(picture, x, BOXES_TOP, width, 56, f"{name}/", said[name])
        if i > 0 and programs[i - 1][0] in uses:
            picture.arrow([(x, BOXES_TOP + 28), (x - gap, BOXES_TOP + 28)])
    draw_box(picture, check, BOXES_TOP, RIGHT - check, 56, "check/", said["check"])
    picture.arrow([(LEFT + frame, BOXES_TOP + 28), (check, BOXES_TOP + 28)])
    for x in (LEFT + frame / 2, (check + RIGHT) / 2):
        picture.arrow([(x, BOXES_TOP + (68 if x < check else 56)), (x, HEADER_TOP)])
    draw_box(picture, LEFT, HEADER_TOP, RIGHT - LEFT, 50, "include/clattn.h", "the only public header, and the manual")


def draw_host(picture, folders, said):
    """Boxes one below the other. A dot is a use: from the box on its row to the one that its column leads down to."""
    bottom = FRAMES_TOP + 44 + len(folders) * PITCH + 6
    picture.rect(LEFT, FRAMES_TOP, HOST_RIGHT - LEFT, bottom - FRAMES_TOP, **FRAME)
    picture.text(LEFT + 12, FRAMES_TOP + 28, "host/", **NAME)
    picture.text(LEFT + 70, FRAMES_TOP + 28, said, **SAID)
    picture.text(HOST_RIGHT - 12, FRAMES_TOP + 28, "a dot: this row may use that column", text_anchor="end", **SAID)
    names = [name for name, _, _ in folders]
    used = [name for name in names if any(name in uses for _, uses, _ in folders)]
    column = {name: BOX_RIGHT + 24 + i * COLUMN for i, name in enumerate(used)}
    middle = {name: FRAMES_TOP + 44 + i * PITCH + BOX_HEIGHT / 2 for i, name in enumerate(names)}
    for name, uses, said in folders:
        if uses:
            picture.line([(BOX_RIGHT, middle[name] - 9), (max(column[to] for to in uses), middle[name] - 9)])
        draw_box(picture, LEFT + 12, middle[name] - BOX_HEIGHT / 2, BOX_RIGHT - LEFT - 12, BOX_HEIGHT, name, said)
    for name in used:
        users = [middle[user] - 9 for user, uses, _ in folders if name in uses]
        x = column[name]
        picture.arrow([(x, min(users)), (x, middle[name] + 9), (BOX_RIGHT, middle[name] + 9)])
        for y in users:
            picture.dot(x, y, 5)
    return bottom


def draw_kernels(picture, bottom):
    picture.rect(KERNELS_LEFT, FRAMES_TOP, RIGHT - KERNELS_LEFT, bottom - FRAMES_TOP, **FRAME)
    picture.text(KERNELS_LEFT + 12, FRAMES_TOP + 28, "kernels/", **NAME)
    picture.text(KERNELS_LEFT + 96, FRAMES_TOP + 28, "OpenCL C, embedded", **SAID)
    x, width = KERNELS_LEFT + 12, RIGHT - KERNELS_LEFT - 24
    y = FRAMES_TOP + 44
    picture.rect(x, y, width, 112)
    picture.text(x + 12, y + 24, "attention/", **NAME)
    for i, said in enumerate(ATTENTION):
        picture.text(x + 12, y + 45 + 19 * i, said, **SAID)
    y += 112
    picture.arrow([(x + 40, y), (x + 40, y + 40)])
    picture.text(x + 52, y + 26, "tile verbs", **SAID)
    y += 40
    engines = sorted((path.name for path in (ROOT / "kernels" / "engines").iterdir()),
                     key=lambda name: ([*ENGINES, name].index(name), name))
    height = 34 + len(engines) * 54 + 8
    picture.rect(x, y, width, height)
    picture.text(x + 12, y + 24, "engines/", **NAME)
    picture.text(x + 100, y + 24, "how, on a machine", **SAID)
    for i, name in enumerate(engines):
        draw_box(picture, x + 12, y + 34 + i * 54, width - 24, BOX_HEIGHT, name, ENGINES.get(name, ""))
    y += height + 12
    half = (width - 12) / 2
    draw_box(picture, x, y, half, 46, "layer/", "blank rows")
    draw_box(picture, x + half + 12, y, half, 46, "device/", "a probe")


def main():
    tops, folders = read_folders(ROOT / "folders.txt"), read_folders(ROOT / "host" / "folders.txt")[::-1]
    bottom = FRAMES_TOP + 44 + len(folders) * PITCH + 6
    picture = Picture(WIDTH, bottom + 14, "The folders of clattn, and which may use which")
    draw_programs(picture, tops)
    draw_host(picture, folders, next(said for name, _, said in tops if name == "host"))
    draw_kernels(picture, bottom)
    picture.arrow([(LEFT + 200, FRAMES_TOP), (LEFT + 200, HEADER_TOP + 50)])
    middle = FRAMES_TOP + 90
    picture.arrow([(HOST_RIGHT, middle), (KERNELS_LEFT, middle)])
    print(picture, end="")


if __name__ == "__main__":
    main()
