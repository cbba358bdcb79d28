"""``molgnn models``: the models that ship with the package."""

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the models' cards as JSON")


def run(args: argparse.Namespace) -> int:
    from molgnn.models.bundle import bundled
    from molgnn.models.card import in_short

    cards = {
        name: json.loads((folder / "config.json").read_text(encoding="utf-8"))
        for name, folder in bundled().items()
    }
    if args.json:
        print(json.dumps(cards, indent=1))
        return 0
    for name, card in cards.items():
        tasks = ", ".join(f"{t['name']} ({t['unit'] or t['kind']})" for t in card["tasks"])
        counts = ", ".join(f"{n:,} {part}" for part, n in card["data"]["counts"].items())
        test = ", ".join(f"{k} {v:.3f}" for k, v in card["metrics"].get("test", {}).items())
        print(f"{name}: predicts {tasks}")
        print(f"  {in_short(card)}, molecules: {counts}")
        print(f"  test ({card['data']['split']} split): {test}")
    return 0
