"""``molgnn bench pretrain``: molecules a second in pretraining, precision by precision.

All terms of the loss at work, in the loop of `molgnn pretrain` itself: batches read from a packed
library, atoms hidden, forward, backward, the optimiser's step. What is computed once beforehand
(packing, descriptors) is not in the figure; held-out molecules are not judged.
"""

import argparse
import json
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.bench.material import texts_of
from molgnn.cli.terminal import say
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.train.pretrain.loop import Pretraining

ROUND = 10  # steps between two figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", nargs="?", metavar="LIBRARY", help="(the approved drugs)")
    parser.add_argument("--molecules", type=int, default=8192, metavar="N", help="of it (8192)")
    parser.add_argument("--terms", default="vgae", help="a choice of molgnn pretrain (vgae)")
    parser.add_argument("--encoder", default="dmpnn", help="any of molgnn train (dmpnn)")
    parser.add_argument("--batch", type=int, default=256, metavar="N", help="batch size (256)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help=f"of {ROUND} steps (5)")
    parser.add_argument("--accelerator", default="auto", help="auto, cpu or cuda (auto)")
    parser.add_argument("--precision", nargs="+", default=["32-true", "bf16-mixed"], metavar="P",
                        help="32-true, bf16-mixed (both)")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    import torch

    from molgnn.train.pretrain.options import TERMS

    if min(args.molecules, args.batch, args.rounds) < 1:
        raise Refusal("--molecules, --batch and --rounds: at least 1 each")
    if args.terms not in TERMS:
        raise choices("terms", args.terms, TERMS)
    texts = texts_of(args.library, None, args.molecules)
    rates = measured(args, texts)
    print(f"{'':12}{'molecules/s':>12}{'min':>10}{'max':>10}")
    for precision, found in rates.items():
        low, high = min(found), max(found)
        print(f"{precision:12}{statistics.median(found):>12,.0f}{low:>10,.0f}{high:>10,.0f}")
    if args.json:
        settings = {k: v for k, v in vars(args).items() if k not in ("run", "what", "json")}
        figures = {"settings": settings, "threads": torch.get_num_threads(),
                   "torch": torch.__version__, "molecules_per_second": rates}  # fmt: skip
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measured(args: argparse.Namespace, texts: list[str]) -> dict[str, list[float]]:
    """The precisions take turns, round by round, after one round each that does not count."""
    with tempfile.TemporaryDirectory() as folder:
        say(f"{len(texts):,} molecules: packing, descriptors")
        sides = {p: _begun(args, texts, Path(folder), p) for p in dict.fromkeys(args.precision)}
        rates: dict[str, list[float]] = {precision: [] for precision in sides}
        for turn in range(args.rounds + 1):
            for precision, training in sides.items():
                rate = _round(training)
                if turn:
                    rates[precision].append(rate)
                    say(f"round {turn} {precision}: {rate:,.0f} molecules/s")
    return rates


def _round(training: "Pretraining") -> float:
    import torch

    on_gpu, start, done = training.fabric.device.type == "cuda", time.perf_counter(), 0
    epoch = training.step // ROUND  # another order each round
    for graphs in islice(training.stream.batches(epoch), ROUND):
        training.train_step(graphs)
        done += len(graphs)
    if on_gpu:
        torch.cuda.synchronize()
    return done / (time.perf_counter() - start)


def _begun(
    args: argparse.Namespace, texts: list[str], folder: Path, precision: str
) -> "Pretraining":
    from molgnn.models.build import whole_spec
    from molgnn.train.members import make_fabric
    from molgnn.train.pretrain.api import term_options
    from molgnn.train.pretrain.excluded import Excluded
    from molgnn.train.pretrain.loop import Pretraining
    from molgnn.train.pretrain.model import new_autoencoder
    from molgnn.train.pretrain.options import (
        LibraryOptions,
        PretrainFit,
        PretrainOptions,
        TermOptions,
    )
    from molgnn.train.pretrain.prepared import prepare
    from molgnn.train.pretrain.stream import Stream

    library = folder / "library.smi"
    library.write_text("\n".join(texts), encoding="utf-8")
    given = {"batch_size": args.batch, "accelerator": args.accelerator, "precision": precision}
    options = PretrainOptions(
        LibraryOptions((str(library),)),
        TermOptions(**term_options(args.terms)),
        whole_spec(args.encoder),
        fit=PretrainFit(epochs=1000, **given),
    )
    molecules = prepare(
        options.data, folder / "prepared", Excluded(options.data), options.terms.described
    )
    stream = Stream(molecules, 1, args.batch, options.seed)
    fabric = make_fabric(options.fit)
    model = fabric.to_device(new_autoencoder(options, stream))
    return Pretraining(fabric, model, stream, options)
