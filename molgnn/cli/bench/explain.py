"""``molgnn bench explain``: whether attributions add up and name the atoms that count, and what
attributions, rationales and the look for the nearest training molecules cost.

The molecules are evenly spread over the library. Seconds are wall-clock, of one run each.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from molgnn.cli.bench.material import MODEL, texts_of
from molgnn.cli.terminal import say
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

SHARE = 0.2  # of a molecule's atoms that are hidden


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("library", nargs="?", metavar="FILE", help="molecules (approved drugs)")
    add("--smiles", metavar="NAME", help="its column of SMILES")
    add("--model", default=MODEL, metavar="MODEL", help="a model with networks (solubility)")
    add("--molecules", type=int, default=200, metavar="N", help="to check attributions on (200)")
    add("--attributions", type=int, default=100, metavar="N", help="to time (100)")
    add("--rationales", type=int, default=20, metavar="N", help="to time (20)")
    add("--domain", type=int, default=10_000, metavar="N",
        help="to compare with as many others (10,000; half of a smaller library)")  # fmt: skip
    add("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    for flag in ("molecules", "attributions", "rationales", "domain"):
        if getattr(args, flag) < 1:
            raise Refusal(f"--{flag} {getattr(args, flag)}: must be at least 1")
    from molgnn.models.bundle import load_bundle

    model = load_bundle(args.model, device="cpu")
    texts = texts_of(args.library, args.smiles, max(args.molecules, 2 * args.domain))
    say(f"{len(texts):,} molecules, {args.model}")
    figures = quality(model, spread(texts, args.molecules))
    figures |= costs(model, texts, args.attributions, args.rationales)
    figures |= domain_cost(model, texts, min(args.domain, max(1, len(texts) // 2)))
    for name, value in figures.items():
        print(f"{name:60}{value:>10.4g}")
    if args.json:
        settings = {key: value for key, value in vars(args).items() if key != "run"}
        text = json.dumps({"settings": settings, "figures": figures}, indent=1)
        Path(args.json).write_text(text, encoding="utf-8")
    return 0


def spread(texts: Sequence[str], count: int) -> list[str]:
    """At most ``count`` of them, evenly from the first to the last."""
    places = np.linspace(0, len(texts) - 1, min(count, len(texts))).round().astype(int)
    return [texts[place] for place in places]


def quality(model: "Predictor", texts: Sequence[str]) -> dict[str, float]:
    """Of integrated gradients: the share of the molecules whose attributions sum to score minus
    baseline within 1 %, the worst gap, and by how much more the score moves without the top atoms
    than without random ones."""
    from molgnn.chem.graph import featurize
    from molgnn.screen.explain.check import deletion_ratio
    from molgnn.screen.explain.gradients import TOLERANCE, attribute
    from molgnn.screen.explain.target import target_of

    deletion = deletion_ratio(model, texts, SHARE)
    found = attribute(
        model, target_of(model, None), featurize(texts, model.recipe, model.blocks)[0]
    )
    whole = np.abs(found.score - found.baseline)
    gap = np.abs(found.gap) / np.maximum(whole, 1e-12)
    return {
        f"complete within {TOLERANCE:.0%}, share of {len(gap)} molecules": (
            gap <= TOLERANCE
        ).mean(),
        "largest gap, share of score minus baseline": gap.max(),
        f"|change| without the top {SHARE:.0%} of atoms": deletion.top,
        "|change| without as many random ones": deletion.random,
        "ratio of the two": deletion.ratio,
    }


def costs(
    model: "Predictor", texts: Sequence[str], attributions: int, rationales: int
) -> dict[str, float]:
    """Seconds of explanations, the nearest training molecules among them, without drawings."""
    from molgnn.screen.explain.api import explained
    from molgnn.screen.explain.target import target_of
    from molgnn.screen.explain.wanted import ATTRIBUTIONS, Wanted

    target, asked = target_of(model, None), Wanted(rationale=True)
    some, few = spread(texts, attributions), spread(texts, rationales)
    explained(model, some[:2], target, asked)  # imports and the training molecules
    return {
        f"s: attributions of {len(some)}": _seconds(
            lambda: explained(model, some, target, ATTRIBUTIONS)
        ),
        f"s: rationales of {len(few)}": _seconds(lambda: explained(model, few, target, asked)),
    }


def domain_cost(model: "Predictor", texts: Sequence[str], count: int) -> dict[str, float]:
    """Seconds in which the nearest of ``count`` molecules is found for each of as many others, from
    SMILES on."""
    from rdkit import Chem

    from molgnn.chem.fingerprint import morgan
    from molgnn.models.known import Known

    known = Known(list(texts[:count]), morgan([Chem.MolFromSmiles(t) for t in texts[:count]]), {})
    others = texts[-count:]
    taken = _seconds(lambda: known.nearest(others, model.recipe))
    return {f"s: domain of {count:,} against {count:,}": taken}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
