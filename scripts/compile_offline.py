#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the built-in configurations for GPUs without having them, and checks their registers against a budget.

    scripts/compile_offline.py build/tests/list_table [--few] [--update] [--jobs N] [TARGET ...]

LIST_TABLE prints the configurations (tests/list_table.c). With --few it prints only some of them, and each is compiled
for the first TARGET of a vendor that has it. TARGET: gfx90a gfx942 gfx1030 gfx1100 (AMD, by clang 19 and ROCm's device
library), tgllp acm-g10 pvc (Intel, by ocloc), sm_80 sm_90a (NVIDIA, by clang 19 and CUDA's ptxas); default: all.
./scripts/setup.sh offline installs the compilers.

tests/offline_budget.csv has a row for each configuration and a column for each target with the upper bounds
registers/spills/stack (see scripts/offline_targets.py). A configuration without a budget may use any number of
registers, but no spills and no stack (on Intel a stack is allowed). --update writes the results to the table, with
registers rounded up to a multiple of eight. Budgets of other compiler versions are not compared.
Status 1: a configuration does not compile, or exceeds its budget; 77: there is no compiler for any target.
"""
import argparse
import csv
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from offline_targets import TARGETS, CompileError, Figures, compile_config, configs_of, find_ptxas, missing_tools
from offline_targets import prepare, read_configs, versions

BUDGET = Path(__file__).resolve().parent.parent / "tests" / "offline_budget.csv"
COMPILERS = ("compilers", "")  # the row with the compilers' versions
ANY = 10**9


def read_budget():
    """(kernel, options) -> target -> text of its cell."""
    if not BUDGET.exists():
        return {}
    with BUDGET.open(newline="", encoding="utf-8") as file:
        return {(row.pop("kernel"), row.pop("options")): row for row in csv.DictReader(file)}


def write_budget(budget, kept):
    """Writes the configurations in `kept` (None: all), sorted, so that differences stay small."""
    with BUDGET.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["kernel", "options", *TARGETS], restval="", lineterminator="\n")
        writer.writeheader()
        for key in sorted(budget, key=lambda key: (key != COMPILERS, key)):
            if kept is None or key in kept or key == COMPILERS:
                writer.writerow({"kernel": key[0], "options": key[1], **budget[key]})


def excess(figures, allowed):
    """The figures that exceed their budget, as a sentence, or ""."""
    return ", ".join(f"{name} {found}, its budget is {most}"
                     for name, found, most in zip(Figures._fields, figures, allowed) if found > most)


def compile_target(name, configs, folder, jobs):
    """The Figures or the CompileError of each configuration."""
    def one(numbered):
        try:
            return compile_config(name, numbered[1], folder / f"{name}.{numbered[0]}")
        except CompileError as error:
            return error

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, enumerate(configs)))


def judge(name, configs, results, budget, comparable):
    """Prints the failures, and returns the number of configurations that fail."""
    wrong = 0
    for config, result in zip(configs, results):
        cell = budget.get((config.kernel, config.options), {}).get(name)
        unbudgeted = Figures(ANY, 0, ANY if TARGETS[name].vendor == "intel" else 0)
        allowed = Figures(*map(int, cell.split("/"))) if cell else unbudgeted
        trouble = ""
        if isinstance(result, CompileError):
            trouble = f"does not compile\n{result}"
        elif comparable:
            trouble = excess(result, allowed)
        if trouble:
            wrong += 1
            print(f"{name}: {config.kernel} {config.options}: {trouble}")
    return wrong


def summarise(name, results):
    figures = [result for result in results if isinstance(result, Figures)]
    if not figures:
        print(f"{name}: {len(results)} compiled, no figures")
        return
    spilling, stacked = [sum(1 for f in figures if f[i]) for i in (1, 2)]
    most = Figures(*map(max, zip(*figures)))
    print(f"{name}: {len(results)} compiled, at most {most.registers} registers; {spilling} spill, at most "
          f"{most.spills}; {stacked} with a stack, of at most {most.stack} bytes", flush=True)


def update(budget, name, configs, results):
    budget.setdefault(COMPILERS, {})[name] = versions(TARGETS[name].vendor)
    for config, result in zip(configs, results):
        if isinstance(result, Figures):
            cell = result._replace(registers=(result.registers + 7) // 8 * 8)
            budget.setdefault((config.kernel, config.options), {})[name] = "/".join(map(str, cell))


def check_target(name, configs, budget, arguments, folder):
    """Returns how many configurations fail."""
    results = compile_target(name, configs, folder, arguments.jobs)
    made_with, here = budget.get(COMPILERS, {}).get(name), versions(TARGETS[name].vendor)
    comparable = made_with in (None, "", here)
    if arguments.update:
        update(budget, name, configs, results)
    elif not comparable:
        print(f"NOT JUDGED: {name}: the budget was made with {made_with}; with {here}, figures are not compared")
    summarise(name, results)
    return judge(name, configs, results, budget, comparable)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list_table")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {' '.join(unknown)}")
    targets = []
    for name in arguments.targets or TARGETS:
        missing = missing_tools(TARGETS[name].vendor)
        if missing:
            print(f"SKIPPED: {name}: there is no {', no '.join(missing)}; ./scripts/setup.sh offline installs it")
        elif TARGETS[name].vendor == "nvidia" and not find_ptxas():
            print(f"NOT JUDGED: {name}: there is no ptxas, which a CUDA toolkit brings")
        else:
            targets.append(name)
    if not targets:
        return 77
    configs, budget = read_configs(arguments.list_table, arguments.few), read_budget()
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder, Path(arguments.list_table).parent)
        wrong = 0
        compiled = {TARGETS[name].vendor: set() for name in targets}
        for name in targets:
            done = compiled[TARGETS[name].vendor] if arguments.few else set()
            mine = [config for config in configs_of(TARGETS[name], configs) if config not in done]
            wrong += check_target(name, mine, budget, arguments, Path(folder))
            done.update(mine)
    listed = {(config.kernel, config.options) for config in configs}
    if arguments.update:
        write_budget(budget, None if arguments.few else listed)
    elif not arguments.few:
        for kernel, options in set(budget) - listed - {COMPILERS}:
            print(f"{BUDGET.name}: no engine has {kernel} {options} any more; --update drops it")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
