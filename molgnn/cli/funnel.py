"""The funnel of ``molgnn screen``: its flags, the second look at a pool, and what is said of it."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from molgnn.cli.options import one_thread
from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.screen.pipeline import ScreenResult


class _InPlaceOf(argparse.Action):
    """A flag with which the ``others``, positional ones, need not be there."""

    def __init__(self, *args, others: Sequence[argparse.Action], **options):
        super().__init__(*args, **options)
        self.others = others

    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, values)
        for other in self.others:
            other.required = False


def add_funnel(parser: argparse.ArgumentParser, positional: Sequence[argparse.Action]) -> None:
    """``positional`` are model and library, without which --rescore goes."""
    parser.add_argument(
        "--recipe",
        metavar="R",
        help="a funnel: antibiotic, lead_like, plain, or a YAML file",
    )
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a model in the place of the one that the recipe calls NAME",
    )
    parser.add_argument(
        "--rescore",
        action=_InPlaceOf,
        others=positional,
        metavar="DIR",
        help="apply --recipe (or another MODEL) to the pool that a screen with a recipe kept in "
        "DIR; no library is read",
    )


def models_of(words: Sequence[str]) -> dict[str, str]:
    """NAME=PATH as a mapping."""
    found = {}
    for word in words:
        name, mark, path = word.partition("=")
        if not (name and mark and path):
            raise Refusal(f"--model {word}: give NAME=PATH, NAME as the recipe has it")
        if name in found:
            raise Refusal(f"--model {name}: is given twice")
        found[name] = path
    return found


def again(args: argparse.Namespace) -> "ScreenResult":
    """``--rescore``."""
    if args.library:
        raise Refusal(f"--rescore reads no library: leave out {args.library[0]}")
    if args.resume is not None or args.engine != "local":
        raise Refusal("--rescore: takes seconds, so neither --resume nor --engine goes with it")
    of_libraries = {"--spike": args.spike, "--id-column": args.id_column}
    of_libraries["--smiles-column"] = args.smiles_column
    for flag, value in of_libraries.items():
        if value is not None:
            raise Refusal(f"--rescore reads no library: leave out {flag}")
    if args.precision not in ("auto", "fp32"):
        raise Refusal("--rescore: the scores of a pool are fp32: leave out --precision")
    one_thread()
    from molgnn.screen.funnel.again import rescore

    return rescore(
        args.rescore,
        "plain" if args.recipe is None else args.recipe,
        model=args.model,
        top=args.top,
        out=args.out,
        task=args.task,
        minimize=args.minimize,
        models=models_of(args.models),
        workers=args.workers,
        timeout=args.timeout,
        domain=args.domain,
        level=args.level,
        explain=args.explain,
        force=args.force,
        device=args.device,
    )


def steps(facts: dict) -> list[str]:
    """A line for each step of the funnel in the manifest ``facts``; none without a funnel."""
    found = facts.get("funnel")
    if not found:
        return []
    width = max(len(step["name"]) for step in found["steps"])
    return [
        f"  {step['name']:{width}}  {step['before']:>9,} -> {step['after']:<9,} {_brief(step)}"
        for step in found["steps"]
    ]


def _brief(step: dict) -> str:
    title = "".join(c if c.isprintable() else "?" for c in step["title"])
    return title if len(title) <= 70 else title[:69] + "…"
