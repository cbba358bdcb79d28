"""``molgnn bench featurize``: SMILES to packed graphs and features, beside RDKit's parser alone.

One process, the sides by turns on the same molecules, in CPU time: what counts is each side's ratio
to the bare loop of the same round, which other work on the machine disturbs least.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from itertools import islice
from statistics import median

from molgnn.cli.terminal import say
from molgnn.errors import Refusal

BARE = "MolFromSmiles"
_SETTLING = 300  # molecules parsed before each turn
_FEW = 300  # molecules whose descriptors are computed in each turn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--library", metavar="FILE", help="a library (the approved drugs)")
    parser.add_argument("--smiles", metavar="NAME", help="its column of SMILES")
    parser.add_argument("--molecules", type=int, default=3000, metavar="N", help="so many (3000)")
    parser.add_argument("--recipe", default="parent", help="standardisation (parent)")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="turns of each side (7)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    from rdkit import rdBase

    with rdBase.BlockLogs():
        figures = measure(_texts(args), args.recipe, args.rounds)
    say(f"{figures['molecules']} molecules, RDKit {figures['rdkit']}, route {figures['route']}")
    print(f"{'':15}{'molecules/s':>12}{'ratio':>8}{'min':>8}{'max':>8}")
    for side, rates in figures["molecules_per_second"].items():
        ratios = figures["ratio"][side]
        low, middle, high = min(ratios), median(ratios), max(ratios)
        print(f"{side:15}{median(rates):>12,.0f}{middle:>8.2f}{low:>8.2f}{high:>8.2f}")
    times = figures["descriptors_per_own"]
    low, middle, high = min(times), median(times), max(times)
    print(f"descriptors: {middle:.2f} times RDKit's own rate ({low:.2f} to {high:.2f})")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0


def measure(texts: list[str], recipe: str, rounds: int) -> dict:
    """Molecules a second of CPU time and the ratio to the bare loop, of each side in each round,
    after one that does not count. ``texts`` are valid SMILES."""
    from rdkit import rdBase

    from molgnn.chem.graph import featurize, featurize_plain, route
    from molgnn.chem.rdkit2d import descriptors, descriptors_plain, differing

    sides: dict[str, Callable] = {
        BARE: partial(_parse, texts),
        "featurize": lambda: featurize(texts, recipe),
        "plain loop": lambda: featurize_plain(texts, recipe),
    }
    few = texts[:: max(1, len(texts) // _FEW)]  # a descriptor takes as long as ten graphs
    features: dict[str, Callable] = {
        "descriptors": partial(_describe, few, descriptors),
        "RDKit's own": partial(_describe, few, descriptors_plain),
    }
    differing()  # the trial, once a process, is not what is measured
    rates: dict[str, list[float]] = {side: [] for side in sides | features}
    for turn in range(rounds + 1):
        for side, work in (sides | features).items():
            # malloc tidies up after one side in the next one's time, if that is not let pass.
            _parse(texts[:_SETTLING])
            start = time.process_time()
            work()
            if turn:
                count = len(few if side in features else texts)
                rates[side].append(count / (time.process_time() - start))
    return {
        "molecules": len(texts),
        "recipe": recipe,
        "rdkit": rdBase.rdkitVersion,
        "route": route(),
        "molecules_per_second": rates,
        "ratio": {s: [a / b for a, b in zip(rates[s], rates[BARE], strict=True)] for s in rates},
        "descriptors_per_own": [
            a / b for a, b in zip(rates["descriptors"], rates["RDKit's own"], strict=True)
        ],
    }


def _parse(texts: list[str]) -> None:
    """Keeps no molecule: a list of them would take a third longer, and flatter us."""
    from rdkit import Chem

    for text in texts:
        Chem.MolFromSmiles(text)


def _describe(texts: list[str], way: Callable) -> None:
    """RDKit's descriptors, parsing included: some are kept on a molecule, which must be fresh."""
    from rdkit import Chem

    for text in texts:
        way(Chem.MolFromSmiles(text))


def _texts(args: argparse.Namespace) -> list[str]:
    """The first molecules that RDKit accepts. Raises Refusal if there are none."""
    from molgnn.chem.smiles import InvalidMolecule, parse
    from molgnn.data.readers.reader import open_table

    path = args.library or str(files("molgnn.shipped") / "approved_drugs.smi")
    texts = []
    for row in islice(open_table(path, smiles=args.smiles), 2 * args.molecules):
        try:
            parse(row.text, "none")
        except InvalidMolecule:
            continue
        texts.append(row.text)
    if not texts:
        raise Refusal(f"{path}: no molecule in it to measure with")
    return texts[: args.molecules]
