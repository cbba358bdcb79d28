"""``molgnn bench funnel``: seconds of each step of a funnel on a pool.

Each step is timed by itself, as a recipe of that one part, with what it needs: reading the
molecules, and for diversity their fingerprints. Scores are random, so nothing is sorted before.
"""

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.bench.material import MODEL, texts_of
from molgnn.cli.options import one_thread
from molgnn.cli.terminal import say
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

PARTS = {
    "parse": {"cores": {"none": "[#118]"}},
    "properties": {"properties": {"MW": [None, 500], "sets": ["lipinski", "veber"]}},
    "QED": {"properties": {"QED": [0, None]}},
    "PAINS": {"alerts": {"flag": ["pains"]}},
    "Brenk, NIH": {"alerts": {"flag": ["brenk", "nih"]}},
    "novelty": {"novelty": {"at_most": 1, "training": True}},
    "Butina 0.6": {"diversity": {"clusters": {"similarity": 0.6}}},
    "Butina 0.35": {"diversity": {"clusters": {"similarity": 0.35}}},
    "scaffolds": {"diversity": {"scaffold": 1}},
    "MaxMin": {"diversity": {"maxmin": 1_000_000}},
}
RANKS = "Pareto, 4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", nargs="?", metavar="FILE", help="molecules (approved drugs)")
    parser.add_argument("--smiles", metavar="NAME", help="its column of SMILES")
    parser.add_argument("--pool", type=int, default=2000, metavar="N", help="so many (2,000)")
    parser.add_argument("--top", type=int, default=100, metavar="K", help="hits (100)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes (0)")
    parser.add_argument("--steps", nargs="+", metavar="S", help=f"of {', '.join([*PARTS, RANKS])}")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    one_thread()
    from molgnn.models.bundle import load_bundle

    steps = args.steps or [*PARTS, RANKS]
    if not set(steps) <= {*PARTS, RANKS}:
        raise Refusal(f"--steps: choose of {', '.join([*PARTS, RANKS])}")
    if args.pool < 1:
        raise Refusal(f"--pool {args.pool}: must be at least 1")
    if not 1 <= args.top <= args.pool:
        raise Refusal(f"--top {args.top}: 1 to --pool {args.pool}")
    model = load_bundle(MODEL, device="cpu")
    texts = texts_of(args.library, args.smiles, args.pool)
    say(f"{len(texts):,} molecules, {args.workers} workers")
    found = {
        step: seconds(model, step, texts, min(args.top, len(texts)), args.workers) for step in steps
    }
    for step, taken in found.items():
        print(f"{step:12}{taken:>10.2f} s{len(texts) / max(taken, 1e-9):>12,.0f} molecules/s")
    if args.json:
        figures = {"molecules": len(texts), "workers": args.workers, "seconds": found}
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def seconds(model: "Predictor", step: str, texts: list[str], top: int, workers: int) -> float:
    """Wall-clock seconds of one step for all molecules."""
    import numpy as np

    from molgnn.data.readers.record import Row
    from molgnn.screen.funnel.objectives import pareto_ranks
    from molgnn.screen.funnel.prepare import prepare
    from molgnn.screen.funnel.recipe import read_recipe
    from molgnn.screen.funnel.run import run_funnel
    from molgnn.screen.stages import Hit

    random = np.random.default_rng(0)
    if step == RANKS:
        merits = random.normal(size=(len(texts), 4))
        start = time.perf_counter()
        pareto_ranks(merits)
        return time.perf_counter() - start
    rows = [Row("bench", i, text, "", None, "") for i, text in enumerate(texts, 1)]
    scores = random.normal(size=(len(rows), 1))
    pool = [Hit(row, score, np.zeros(1)) for row, score in zip(rows, scores, strict=True)]
    recipe = read_recipe({"pool": len(pool), **PARTS[step]})
    funnel = prepare(recipe, model, 0, False, top)
    options = {"before": len(pool), "task": model.columns[0], "workers": workers}
    start = time.perf_counter()
    run_funnel(funnel, pool, scores[:, 0], [], model.columns, **options)
    return time.perf_counter() - start
