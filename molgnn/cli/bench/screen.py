"""``molgnn bench screen``: whole screens from start to end, beside chemprop where it is installed.

The sides take turns on the same file, each as a process of its own, so that its start counts; all
of them may use every core. Seconds mean little on a busy machine, ratios within a round a lot.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median

from molgnn.cli.bench import memory
from molgnn.cli.bench.material import model_of, texts_of, write_library, write_model
from molgnn.cli.bench.sides import (
    MOLGNN,
    Side,
    chemprop_side,
    screen_side,
    timed,
    write_checkpoint,
)
from molgnn.cli.terminal import say

DIM, DEPTH = 300, 3  # of the bundled model, and so of chemprop's
MOLECULES = 100_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--library", metavar="FILE", help="a library (the approved drugs, again)")
    parser.add_argument("--smiles", metavar="NAME", help="its column of SMILES")
    parser.add_argument("--molecules", type=int, metavar="N", help="rows (100000; memory: 1000000)")
    parser.add_argument("--rounds", type=int, default=1, metavar="R", help="turns of each side (1)")
    parser.add_argument("--against", choices=["chemprop"], help="also measure this, if installed")
    parser.add_argument(
        "--chemprop-workers",
        type=int,
        nargs="+",
        default=[0, 2],
        metavar="N",
        help="its processes that load data, each number a side; the best counts (0 2)",
    )
    parser.add_argument("--ensemble", type=int, metavar="M", help="also M members beside one")
    parser.add_argument("--ranks", action="store_true", help="also: does bf16 keep the ranking?")
    parser.add_argument("--memory", action="store_true", help="measure the peak of memory instead")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    if args.memory:
        rows = args.molecules or memory.MOLECULES
        figures = memory.measure(args.library, args.smiles, rows)
        memory.show(figures)
    else:
        figures = measure(args)
        _show(figures)
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(args: argparse.Namespace) -> dict:
    """All figures: ``seconds`` and, of molgnn's sides, the manifests' ``stages`` for each round."""
    rows = args.molecules or MOLECULES
    texts = texts_of(args.library, args.smiles, rows)
    with tempfile.TemporaryDirectory(prefix="molgnn-bench-") as name:
        folder = Path(name)
        write_library(folder / "library.csv", texts, rows)
        packing, sides = _prepare(folder, args)
        seconds, stages = _turns(sides, args.rounds)
        hits = _hits_in_common(folder / "fp32", folder / "bf16")
    figures = {
        "settings": {k: v for k, v in vars(args).items() if k not in ("run", "what", "json")},
        "cores": os.cpu_count(),
        "OMP_NUM_THREADS": os.environ.get(
            "OMP_NUM_THREADS"
        ),  # holds for both sides where it is set
        "molecules": rows,
        "seconds": seconds,
        "packing seconds": packing,
        "stages": stages,
        "hits in common of fp32 and bf16": hits,
    }
    if args.against:
        figures["chemprop / molgnn"] = ratios(seconds)
    if args.ensemble:
        figures["ensemble / one"] = _ensemble(stages, args.ensemble)
    if args.ranks:
        from molgnn.cli.bench.ranks import ranks

        figures["ranks"] = ranks(model_of(1), texts)
    return figures


def _prepare(folder: Path, args: argparse.Namespace) -> tuple[float, list[Side]]:
    """Models and the packed library on disk; the seconds that packing took; and all sides."""
    source, packed, one = folder / "library.csv", folder / "packed", folder / "one"
    write_model(one, model_of(1))
    build = ("library", "build", str(source), "--out", str(packed), "--quiet")
    packing = timed(Side("library build", (*MOLGNN, *build)))
    sides = [
        screen_side("fp32", one, source, folder / "fp32", "--precision", "fp32"),
        screen_side("bf16", one, source, folder / "bf16", "--precision", "bf16"),
        screen_side("bf16, packed", one, packed, folder / "bf16p", "--precision", "bf16"),
    ]
    if args.ensemble:
        name, many = f"fp32, {args.ensemble} members", folder / "many"
        write_model(many, model_of(args.ensemble))
        sides.append(screen_side(name, many, source, folder / "hits", "--precision", "fp32"))
    if args.against:
        write_checkpoint(folder / "chemprop.pt", DIM, DEPTH)
        where = folder / "chemprop.pt", source, folder / "chemprop.csv"
        sides += [chemprop_side(*where, workers) for workers in args.chemprop_workers]
    return packing, sides


def _turns(sides: list[Side], rounds: int) -> tuple[dict[str, list], dict[str, list]]:
    seconds: dict[str, list] = {side.name: [] for side in sides}
    stages: dict[str, list] = {side.name: [] for side in sides if side.out}
    for turn in range(rounds):
        for side in sides:
            seconds[side.name].append(timed(side))
            say(f"round {turn + 1} {side.name}: {seconds[side.name][-1]:,.1f} s")
            if side.out:
                stages[side.name].append(stages_of(side.out))
    return seconds, stages


def stages_of(out: Path) -> dict[str, float]:
    """Busy seconds of each stage, as the screen's manifest has them."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    stages = manifest.get("run", manifest)["stages"]
    return {stage: figures["seconds"] for stage, figures in stages.items()}


def ratios(seconds: dict[str, list[float]]) -> dict[str, list[float]]:
    """For each of molgnn's sides, round by round: the seconds of chemprop's better side by its."""
    theirs = [side for side in seconds if side.startswith("chemprop")]
    best = seconds[min(theirs, key=lambda side: median(seconds[side]))]
    return {
        side: [b / own for b, own in zip(best, times, strict=True)]
        for side, times in seconds.items()
        if side not in theirs
    }


def _ensemble(stages: dict[str, list], members: int) -> dict[str, list[float]]:
    """How much longer the stages took that depend on the model, and those that should not."""
    pairs = list(zip(stages[f"fp32, {members} members"], stages["fp32"], strict=True))
    return {
        stage: [many[stage] / one[stage] if one[stage] else float("nan") for many, one in pairs]
        for stage in ("score", "featurize")
    }


def _hits_in_common(*folders: Path) -> dict[str, int]:
    """Of the hits of two screens of one library: how many rows are in both."""
    import pandas as pd

    first, second = (set(pd.read_csv(folder / "hits.csv")["line"]) for folder in folders)
    return {"both": len(first & second), "of": len(first)}


def _show(figures: dict) -> None:
    print(
        f"{figures['molecules']:,} molecules; packing them took {figures['packing seconds']:.1f} s"
    )
    print(f"{'':28}{'seconds':>10}{'min':>10}{'max':>10}{'molecules/s':>14}")
    for side, times in figures["seconds"].items():
        rate = figures["molecules"] / median(times)
        print(f"{side:28}{_three(times, 1)}{rate:>14,.0f}")
    for title in ("chemprop / molgnn", "ensemble / one"):
        if title in figures:
            print(f"{title:28}{'ratio':>10}{'min':>10}{'max':>10}")
        for side, values in figures.get(title, {}).items():
            print(f"{side:28}{_three(values, 2)}")
    if "chemprop / molgnn" in figures:
        print("chemprop predict with its own batch size (64), at the number of workers best for it")
    hits = figures["hits in common of fp32 and bf16"]
    print(f"hits that fp32 and bf16 have in common: {hits['both']} of {hits['of']}")
    for name, value in figures.get("ranks", {}).items():
        print(f"{name:44}{value:>14,.7g}")


def _three(values: list[float], digits: int) -> str:
    return "".join(f"{v:>10,.{digits}f}" for v in (median(values), min(values), max(values)))
