"""``molgnn bench library``: packing beside RDKit's bare parser, and the way back to batches.

Wall-clock rates tell the truth on an idle machine only. So processor time is shown too: what the
processes would reach together if each had a core to itself.
"""

import argparse
import gc
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from molgnn.cli.terminal import say

PASSES = 5  # one pass over the packed library is over too soon to be measured well


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("library", nargs="?", metavar="FILE", help="SMILES (the approved drugs)")
    parser.add_argument("--molecules", type=int, default=65536, metavar="N", help="rows (65536)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (2)")
    parser.add_argument("--recipe", default="none", metavar="R", help="standardisation (none)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    figures = measure(args)
    for name, value in figures.items():
        if isinstance(value, list):
            print(f"{name:44}{median(value):>14,.2f}{min(value):>14,.2f}{max(value):>14,.2f}")
        elif isinstance(value, int | float):
            print(f"{name:44}{value:>14,.2f}")
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def measure(args: argparse.Namespace) -> dict:
    """All figures; those of each round as lists. The sides take turns on the same molecules."""
    import torch

    from molgnn.data.packed.build import build_library
    from molgnn.data.packed.library import PackedLibrary

    torch.set_num_threads(1)
    gc.freeze()  # torch is not in memory where a library is built: do not look through it
    rounds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        texts = _texts(args)
        source, out = Path(folder) / "library.smi", Path(folder) / "packed"
        source.write_text("\n".join(texts) + "\n", encoding="utf-8")

        def build() -> None:
            build_library(source, out, workers=args.workers, recipe=args.recipe, force=True)

        for turn in range(args.rounds):
            bare, build_time = _timed(lambda: _parse(texts)), _timed(build)
            batches = _timed(lambda: _batches(PackedLibrary(out)))
            for name, value in _rates(len(texts), args.workers, bare, build_time, batches):
                rounds.setdefault(name, []).append(value)
            say(f"round {turn + 1}: {rounds['packed molecules/s'][-1]:,.0f} molecules/s packed")
        library = PackedLibrary(out)
        molecules = library.manifest["counts"]["molecules"]
        size = sum(shard["bytes"] for shard in library.manifest["shards"])
        graphs = _graph_bytes(library)
    settings = {k: v for k, v in vars(args).items() if k not in ("run", "what", "json")}
    sizes = {"bytes a molecule": size / molecules, "of these the graph": graphs / molecules}
    return {"settings": settings, "rows": len(texts), "molecules": molecules} | sizes | rounds


def _rates(rows, workers, bare, build, batches) -> Iterator[tuple[str, float]]:
    """Each argument but the first two is (wall, processor) seconds."""
    yield "bare MolFromSmiles molecules/s", rows / bare[0]
    yield "packed molecules/s", rows / build[0]
    yield "packed / bare", bare[0] / build[0]
    yield "packed / bare, by processor time", max(workers, 1) * bare[1] / build[1]
    yield "packed -> batches molecules/s", PASSES * rows / batches[0]
    yield "packed -> batches, by processor time", PASSES * rows / batches[1]


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor seconds, those of ended child processes included."""
    before, start = _processor(), time.perf_counter()
    work()
    return time.perf_counter() - start, _processor() - before


def _processor() -> float:
    return time.process_time() + sum(os.times()[2:4])


def _texts(args: argparse.Namespace) -> list[str]:
    from importlib.resources import files
    from itertools import cycle, islice

    from molgnn.data.library import read_library

    shipped = str(files("molgnn.shipped") / "approved_drugs.smi")
    texts = (row.text for row in read_library(args.library or shipped) if not row.problem)
    return list(islice(texts if args.library else cycle(list(texts)), args.molecules))


def _parse(texts: list[str]) -> None:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        for text in texts:
            Chem.MolFromSmiles(text)


def _batches(library) -> None:
    from molgnn.data.batch import to_batch

    for _ in range(PASSES):
        for part in library.parts():
            to_batch(part.graphs)


def _graph_bytes(library) -> int:
    """What the shards would take without SMILES, id and origin."""
    import pyarrow as pa

    from molgnn.data.packed.shard import OPTIONS

    total = 0
    for shard in library.manifest["shards"]:
        table = pa.ipc.open_file(library.folder / shard["name"]).read_all()
        table = table.select(["atoms", "bonds"])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema, options=OPTIONS) as writer:
            writer.write_table(table)
        total += sink.getvalue().size
    return total
