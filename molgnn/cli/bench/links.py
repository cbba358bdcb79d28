"""``molgnn bench links``: graph autoencoders on citation graphs, beside their published figures.

Each seed draws its own split, weights and noise. The number of steps is the published one, and the
test part gives the last figure and nothing else.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import mean, stdev

from molgnn.cli.terminal import INTERRUPTED, say
from molgnn.errors import Refusal

SETS, MODELS = ("cora", "citeseer"), ("GAE", "VGAE")
METRICS = ("auc", "ap")
NEAR = 1.0  # points by which a figure may miss the published one
SOURCE = "Kipf and Welling 2016, arXiv:1611.07308, table 1"
# Set -> model -> AUC and AP of the test part in percent, means of ten runs on one split.
PUBLISHED = {
    "cora": {"GAE": (91.0, 92.0), "VGAE": (91.4, 92.6)},
    "citeseer": {"GAE": (89.5, 89.9), "VGAE": (90.8, 92.0)},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--sets", nargs="+", default=list(SETS), choices=SETS, help="citation graphs (both)")
    add("--models", nargs="+", default=list(MODELS), choices=MODELS, help="(both)")
    add("--seeds", type=int, default=10, metavar="N", help="runs of each, seeds 0 to N - 1 (10)")
    add("--epochs", type=int, default=200, metavar="N", help="steps of each run (200)")
    add("--negatives", default="all", choices=("all", "sampled"),
        help="non-edges of a step: all, as published, or as many as edges (all)")  # fmt: skip
    add("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    from molgnn.data.named.planetoid import planetoid_folder, read_planetoid

    if args.seeds < 1 or args.epochs < 1:
        raise Refusal("--seeds and --epochs: at least 1 each")
    folder = planetoid_folder()
    graphs = {name: read_planetoid(name, folder) for name in dict.fromkeys(args.sets)}
    try:
        rows = [
            measure(name, graph, model, args)
            for name, graph in graphs.items()
            for model in dict.fromkeys(args.models)
        ]
    except KeyboardInterrupt:
        say("molgnn: interrupted: nothing was kept")
        return INTERRUPTED
    print(table(rows))
    if args.json:
        import torch

        settings = {key: value for key, value in vars(args).items() if key != "run"}
        figures = {"settings": settings, "threads": torch.get_num_threads()}
        figures |= {"torch": torch.__version__, "source": SOURCE, "rows": rows}
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(name: str, graph, model: str, args: argparse.Namespace) -> dict:
    """Figures of all seeds in percent, part by part, and seconds of each run."""
    from molgnn.train.links import LinkOptions, link_figures

    options = LinkOptions(model, epochs=args.epochs, negatives=args.negatives)
    row = {"set": name, "model": model, "valid": [], "test": [], "seconds": []}
    for seed in range(args.seeds):
        start = time.perf_counter()
        figures = link_figures(graph, seed, options)
        row["seconds"].append(time.perf_counter() - start)
        for part, found in figures.items():
            row[part].append({metric: 100 * found[metric] for metric in METRICS})
        found = " ".join(f"{metric.upper()} {row['test'][-1][metric]:.1f}" for metric in METRICS)
        say(f"{name} {model} seed {seed}, {row['seconds'][-1]:.1f} s: test {found}")
    published = dict(zip(METRICS, PUBLISHED[name][model], strict=True))
    return row | {"published": published}


def table(rows: list[dict]) -> str:
    """A line a set and model; * where a mean is at most a point below the published figure."""
    seeds = len(rows[0]["seconds"])
    heads = "".join(f"{metric.upper():>13}  {'published':>9}" for metric in METRICS)
    lines = [f"{'set':10}{'model':6}{heads}{'s a run':>9}"]
    for row in rows:
        cells = "".join(
            f"{_figure([found[metric] for found in row['test']], row['published'][metric]):>14}"
            f" {row['published'][metric]:>9.1f}"
            for metric in METRICS
        )
        lines.append(f"{row['set']:10}{row['model']:6}{cells}{mean(row['seconds']):>9.1f}")
    spread = f"mean ± standard deviation of {seeds} seeds" if seeds > 1 else "one seed"
    lines.append(f"test part, percent, {spread}; * within a point of the published figure or above")
    lines.append(f"published: {SOURCE}: means of ten runs on one split")
    return "\n".join(lines)


def _figure(values: list[float], published: float) -> str:
    spread = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{spread}{'*' if mean(values) >= published - NEAR else ' '}"
