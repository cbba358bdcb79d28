"""``molgnn bench latency``: milliseconds from one SMILES to its prediction, on one core.

The model is loaded once, as in a service or a notebook. The molecules take turns, so that none has
the machine's quiet seconds to itself; the first request of each is timed apart, as it may try what
later ones then take for granted (``molgnn.models.small``). Processor time is shown too: what the
median would be on an idle machine.
"""

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.bench.material import MODEL
from molgnn.cli.terminal import say
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

MOLECULES = {
    "ethanol": "CCO",
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    # 60 heavy atoms
    "vincristine": "CC[C@]1(O)C[C@H]2CN(CCc3c([nH]c4ccccc34)[C@@](C(=O)OC)(c3cc4c(cc3OC)N(C=O)"
    "[C@H]3[C@@](O)(C(=O)OC)[C@H](OC(C)=O)[C@]5(CC)C=CCN6CC[C@]43[C@@H]65)C2)C1",
}
COLUMNS = ("first", "p50", "p95", "processor")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", nargs="?", default=MODEL, metavar="MODEL", help=f"({MODEL})")
    parser.add_argument("--members", type=int, nargs="+", metavar="N", help="so many (its own)")
    parser.add_argument("--smiles", nargs="+", metavar="S", help="(ethanol, aspirin, vincristine)")
    parser.add_argument("--requests", type=int, default=200, metavar="N", help="of each (200)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    import torch

    from molgnn.cli.bench.material import model_of

    if args.requests < 1 or min(args.members or [1]) < 1:
        raise Refusal("--requests and --members: at least 1 each")
    torch.set_num_threads(1)
    molecules = {text: text for text in args.smiles} if args.smiles else MOLECULES
    _check(molecules)
    found = []
    for members in args.members or [None]:
        model = model_of(members, args.model)
        say(f"{args.model}, {model.num_members} members, {args.requests} requests a molecule")
        found += measure(model, molecules, args.requests)
    show(found)
    if args.json:
        figures = {"model": args.model, "requests": args.requests, "ms": found}
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def _check(molecules: dict[str, str]) -> None:
    """Raises Refusal at a text that is no molecule. (What featurising tries once in a process is
    over by then, too.)"""
    from molgnn.chem.graph import featurize

    for row, reason in featurize(molecules.values())[2].items():
        raise Refusal(f"--smiles {list(molecules)[row]}: {reason}")


def measure(model: "Predictor", molecules: dict[str, str], requests: int) -> list[dict]:
    """For each molecule milliseconds of its first request; of those after it the median and the
    95th percentile, and the median of the processor time."""
    import numpy as np

    times: dict[str, list[tuple[float, float]]] = {name: [] for name in molecules}
    for _ in range(1 + requests):
        for name, text in molecules.items():
            start, busy = time.perf_counter(), time.process_time()
            model.predict(text)
            times[name].append((time.perf_counter() - start, time.process_time() - busy))
    found = []
    for name, each in times.items():
        wall, processor = 1e3 * np.array(each).T
        figures = (wall[0], *np.percentile(wall[1:], [50, 95]), np.median(processor[1:]))
        row = {"members": model.num_members, "molecule": name}
        found.append(row | dict(zip(COLUMNS, map(float, figures), strict=True)))
    return found


def show(found: list[dict]) -> None:
    titles = "".join(f"{name:>11}" for name in COLUMNS)
    print(f"{'members':>7}  {'ms':24}{titles}")
    for row in found:
        times = "".join(f"{row[name]:>11.2f}" for name in COLUMNS)
        print(f"{row['members']:>7}  {row['molecule'][:24]:24}{times}")
