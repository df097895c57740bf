#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times two or more builds of clattn-bench alternately and compares their times.

    compare_builds.py [--rounds N] [--csv FILE] --build OLD --build NEW [--build ...] [-- OPTION ...] CASE ...

A build is a folder with clattn-bench and the library; each has its own kernel cache. A round runs every build once; the
order of the builds rotates from round to round. For each case, pass and build it prints the median of the device times
in milliseconds, and that time / the first build's. Options of clattn-bench follow "--"; "--sustained --baseline none"
are always set.
"""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile


def run(build, options, case, caches):
    """{pass: (engine, device_ms)} of one run of a build."""
    folder = pathlib.Path(build).resolve()
    environment = dict(os.environ, XDG_CACHE_HOME=str(pathlib.Path(caches, folder.as_posix().replace("/", "_"))))
    environment["LD_LIBRARY_PATH"] = f"{folder}:{environment.get('LD_LIBRARY_PATH', '')}"
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        words = [str(folder / "clattn-bench"), "--sustained", "--baseline", "none", "--csv", file.name, *options, case]
        done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}")
        with open(file.name, newline="") as rows:
            found = [row for row in csv.DictReader(rows) if row["implementation"] == "clattn"]
    return {row["pass"]: (row["engine"], float(row["device_ms"])) for row in found}


def split_options(words):
    """Splits the words after "--" into options and cases; a case begins with "b" and a number."""
    first = next((i for i, word in enumerate(words) if word[:1] == "b" and word[1:2].isdigit()), len(words))
    return words[:first], words[first:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("words", nargs="+", metavar="WORD", help="options of clattn-bench after --, then cases")
    parser.add_argument("--build", action="append", required=True, help="a folder; others are compared with the first")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each build (default: %(default)s)")
    parser.add_argument("--csv", help="file to write, one row per case, pass and build")
    arguments = parser.parse_args()
    options, cases = split_options(arguments.words)
    if not cases:
        parser.error("there is no case")
    rows = []
    with tempfile.TemporaryDirectory() as caches:
        for case in cases:
            times = {}
            for turn in range(arguments.rounds):
                turned = arguments.build[turn % len(arguments.build) :] + arguments.build[: turn % len(arguments.build)]
                for build in turned:
                    for name, (engine, time) in run(build, options, case, caches).items():
                        times.setdefault((name, engine), {}).setdefault(build, []).append(time)
            for (name, engine), found in times.items():
                medians = {build: statistics.median(found[build]) for build in arguments.build if build in found}
                base = medians.get(arguments.build[0], float("nan"))
                told = "  ".join(f"{median:9.4f} {median / base:6.3f}" for median in medians.values())
                print(f"{case:36} {name:9} {engine:13} {told}", flush=True)
                rows += [(case, name, engine, build, *found[build]) for build in medians]
    if arguments.csv:
        with open(arguments.csv, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    sys.exit(main())
