"""``molgnn models``: the models and the pretrained encoders that ship with the package."""

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the models' cards as JSON")


def run(args: argparse.Namespace) -> int:
    from molgnn.models.bundle import bundled
    from molgnn.models.card import in_short, learnt_from
    from molgnn.models.pretrained import pretrained_models

    cards, encoders = _cards(bundled()), _cards(pretrained_models())
    if args.json:
        print(json.dumps({**cards, **encoders}, indent=1))  # their "format" tells them apart
        return 0
    for name, card in cards.items():
        tasks = ", ".join(f"{t['name']} ({t['unit'] or t['kind']})" for t in card["tasks"])
        counts = ", ".join(f"{n:,} {part}" for part, n in card["data"]["counts"].items())
        test = ", ".join(f"{k} {v:.3f}" for k, v in card["metrics"].get("test", {}).items())
        print(f"{name}: predicts {tasks}")
        print(f"  {in_short(card)}, molecules: {counts}")
        print(f"  test ({card['data']['split']} split): {test}")
    for name, card in encoders.items():
        encoder = card["encoder"]
        print(f"{name}: a pretrained encoder, for molgnn train pretrained={name}")
        print(f"  {encoder['name']}, dim {encoder['dim']}, molecules as {card['recipe']}")
        print(f"  pretrained on {learnt_from(card)}")
    return 0


def _cards(folders: dict[str, Path]) -> dict[str, dict]:
    return {
        name: json.loads((folder / "config.json").read_text(encoding="utf-8"))
        for name, folder in folders.items()
    }
