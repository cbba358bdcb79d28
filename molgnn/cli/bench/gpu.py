"""``molgnn bench gpu``: scoring packed molecules on a GPU, beside what the card can do at best.

It needs torch, torch_geometric and one file, not RDKit: ``--prepare`` makes that file elsewhere.
Three rates say what bounds the whole: encoding, copying and laying out; the forward pass alone; and
both together, from packed graphs to logits.
"""

import argparse
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.errors import Refusal

if TYPE_CHECKING:
    import torch

    from molgnn.chem.packed import PackedGraphs
    from molgnn.data.tiles import Shape
    from molgnn.models.property import PropertyModel

ATOMS = (16384, 65536, 262144)  # of a tile; its edges and molecules in the proportion of drugs
MODEL = {
    "encoder": {"name": "dmpnn", "dim": 300, "depth": 3},
    "readout": "sum",
    "head": {"name": "mlp", "hidden": 300},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("molecules", metavar="FILE", help=".npz, or what `screen` takes (RDKit)")
    parser.add_argument("--prepare", metavar="FILE.npz", help="only write the molecules there")
    parser.add_argument("--rows", type=int, default=262144, metavar="N", help="molecules (262144)")
    parser.add_argument("--model", metavar="M", help="a D-MPNN (RDKit; untrained 300 x 3)")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16", help="(bf16)")
    parser.add_argument("--device", default="cuda", metavar="D", help="cuda, or cpu to try (cuda)")
    parser.add_argument(
        "--tiles", type=int, nargs="+", default=ATOMS, metavar="A", help=f"atoms of a tile {ATOMS}"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="repeats of each (3)")
    parser.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    if args.prepare:
        from molgnn.data.npz import write_npz

        if Path(args.prepare).exists():
            raise Refusal(f"{args.prepare}: exists already: name another file")
        write_npz(args.prepare, read(args.molecules, args.rows))
        return 0
    figures = measure(args)
    show(figures)
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    return 0


def read(path: str, rows: int) -> "PackedGraphs":
    """At most so many molecules of a file, the first ones."""
    from molgnn.data.npz import read_npz

    if path.endswith(".npz"):
        graphs = read_npz(path)
        return graphs.select(range(min(rows, len(graphs))))
    try:
        from molgnn.chem.graph import PackedGraphs
        from molgnn.data.library import read_library
        from molgnn.data.packed.library import PackedLibrary, is_packed
        from molgnn.data.pool.workers import featurized
    except ImportError as error:
        raise Refusal(
            f"{path}: {error.name} is missing here: where it is installed, make a file for here "
            "with --prepare FILE.npz"
        ) from None
    if is_packed(Path(path)):
        parts = PackedLibrary(path).parts()
    else:
        parts = featurized(read_library(path).chunks(4096), "parent", 0)
    graphs = PackedGraphs.concat([part.graphs for part in islice(parts, -(-rows // 4096))])
    return graphs.select(range(min(rows, len(graphs))))


def measure(args: argparse.Namespace) -> dict:
    """Ceilings, the work of a molecule, and the rates of each size of tiles."""
    import torch

    from molgnn.cli.bench.card import ceilings, name_of
    from molgnn.cli.bench.rates import bound, rates, shares
    from molgnn.cli.bench.work import counted

    device = device_of(args.device)
    model, graphs = model_of(args.model, device), read(args.molecules, args.rows)
    if not len(graphs):
        raise Refusal(f"{args.molecules}: no molecule in it to measure with")
    work = counted(model, graphs, {"fp32": 4, "bf16": 2}[args.precision])
    shapes = [shape_of(atoms) for atoms in args.tiles]
    with torch.inference_mode():
        card = ceilings(device, shapes[len(shapes) // 2].edges, model.encoder.out_dim)
        setting = device, args.precision, args.rounds
        tiles = [rates(model, graphs, shape, *setting) for shape in shapes]
    best = max(tiles, key=lambda found: found["whole"])
    figures = {
        "device": name_of(device),
        "torch": torch.__version__,
        "precision": args.precision,
        "molecules": len(graphs),
        "work of a molecule": work._asdict(),
        "ceilings": card,
        "molecules/s": tiles,
        "shares": shares(best, work, card, args.precision),
    }
    return figures | {"bound": bound(figures)}


def device_of(name: str) -> "torch.device":
    import torch

    if name != "cpu" and not torch.cuda.is_available():
        raise Refusal(
            f"--device {name}: torch finds no CUDA GPU here (to try it out: --device cpu)"
        )
    if torch.device(name).type not in ("cpu", "cuda"):
        raise Refusal(f"--device {name}: must be cuda or cpu")
    return torch.device(name)


def model_of(name: str | None, device: "torch.device") -> "PropertyModel":
    """The first member of a model, or an untrained one: weights do not matter to the speed."""
    import torch

    from molgnn.models.build import build_model
    from molgnn.nn.dmpnn import DMPNNEncoder

    if name is None:
        torch.manual_seed(0)
        return build_model(**MODEL, out_dim=1).to(device).eval()
    try:
        from molgnn.models.bundle import load_bundle
    except ImportError as error:
        raise Refusal(f"--model {name}: {error.name} is missing here: leave it out") from None
    member = load_bundle(name, str(device)).members[0]
    if not isinstance(member.encoder, DMPNNEncoder):
        raise Refusal(f"--model {name}: not a D-MPNN, the only one whose work is counted here")
    return member


def shape_of(atoms: int) -> "Shape":
    from molgnn.data.tiles import DEVICE_SIZED, Shape

    return Shape(*(max(2, size * atoms // DEVICE_SIZED.atoms // 2 * 2) for size in DEVICE_SIZED))


def show(figures: dict) -> None:
    work = figures["work of a molecule"]
    print(f"{figures['device']}, torch {figures['torch']}, {figures['precision']}", end=", ")
    print(f"{figures['molecules']:,} molecules")
    print(f"a molecule: {work['flop'] / 1e6:.1f} MFLOP, {work['bytes'] / 1e3:,.0f} kB unfused")
    for name, value in {**figures["ceilings"], **figures["shares"]}.items():
        print(f"{name:40}{value:>12,.3f}")
    print(f"{'molecules/s, tiles of':24}", end="")
    print("".join(f"{name:>14}" for name in ("layout", "forward", "whole", "filled", "peak MB")))
    for found in figures["molecules/s"]:
        rates = "".join(f"{found[name]:>14,.0f}" for name in ("layout", "forward", "whole"))
        print(f"{found['atoms']:>18,} atoms", end="")
        print(f"{rates}{found['filled']:>14.0%}{found['peak bytes'] / 1e6:>14,.0f}")
    print(figures["bound"])
