"""``molgnn bench train``: training molecules a second, beside chemprop where it is installed."""

import argparse
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from molgnn.cli.terminal import say
from molgnn.errors import Refusal

if TYPE_CHECKING:
    import numpy as np

Epoch = Callable[[], None]


def add_arguments(train: argparse.ArgumentParser) -> None:
    train.add_argument("--against", choices=["chemprop"], help="also measure this, if installed")
    train.add_argument("--encoder", default="dmpnn", help="any of `molgnn train` (dmpnn)")
    train.add_argument("--dim", type=int, default=300, metavar="D", help="width (300)")
    train.add_argument("--depth", type=int, default=3, metavar="N", help="depth (3)")
    train.add_argument("--batch", type=int, default=64, metavar="N", help="batch size (64)")
    train.add_argument("--molecules", type=int, default=1024, metavar="N", help="an epoch's (1024)")
    train.add_argument("--rounds", type=int, default=5, metavar="N", help="epochs each (5)")
    train.add_argument("--precision", default="32-true", help="molgnn's: 32-true or bf16-mixed")
    train.add_argument("--json", metavar="FILE", help="write the figures there too")


def run(args: argparse.Namespace) -> int:
    figures = _train(args)
    print(f"{'':10}{'molecules/s':>12}{'min':>10}{'max':>10}")
    for side, rates in figures["molecules_per_second"].items():
        print(f"{side:10}{_median(rates):>12,.0f}{min(rates):>10,.0f}{max(rates):>10,.0f}")
    if "ratio" in figures:
        ratios = figures["ratio"]
        print(f"ratio     {_median(ratios):>12.2f}{min(ratios):>10.2f}{max(ratios):>10.2f}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)
    return 0


def _train(args: argparse.Namespace) -> dict:
    """Training epochs of both sides by turns, after one that does not count."""
    import torch

    smiles, y = _molecules(args.molecules)
    sides: dict[str, Epoch] = {"molgnn": _molgnn(smiles, y, args)}
    if args.against == "chemprop":
        sides["chemprop"] = _chemprop(smiles, y, args)
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(args.rounds + 1):
        for side, epoch in sides.items():
            start = time.perf_counter()
            epoch()
            if turn:
                rates[side].append(len(smiles) / (time.perf_counter() - start))
                say(f"round {turn} {side}: {rates[side][-1]:,.0f} molecules/s")
    figures = {
        "settings": {k: v for k, v in vars(args).items() if k not in ("run", "what", "json")},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "molecules_per_second": rates,
    }
    if len(sides) == 2:
        figures["ratio"] = [a / b for a, b in zip(*rates.values(), strict=True)]
    return figures


def _molecules(n: int) -> "tuple[list[str], np.ndarray]":
    """n approved drugs, in a fixed order, with a label whose values do not matter to the speed."""
    from importlib.resources import files

    import numpy as np

    from molgnn.chem.smiles import InvalidMolecule, parse

    text = (files("molgnn.shipped") / "approved_drugs.smi").read_text(encoding="utf-8")
    smiles, sizes = [], []
    lines = text.splitlines()
    for i in np.random.default_rng(0).permutation(len(lines)):
        candidate = lines[i].split()[0]
        try:
            mol = parse(candidate, "none")
        except InvalidMolecule:
            continue
        if mol.GetNumBonds() and len(smiles) < n:
            smiles.append(candidate)
            sizes.append(mol.GetNumAtoms())
    y = np.log(np.array(sizes, dtype=np.float32))[:, None]
    return smiles, (y - y.mean()) / y.std()


def _molgnn(smiles: list[str], y: "np.ndarray", args: argparse.Namespace) -> Epoch:
    from molgnn.chem.graph import featurize
    from molgnn.models.build import build_model
    from molgnn.nn.loss import LevelLoss, TaskLoss
    from molgnn.train.fit import Labelled, Training
    from molgnn.train.members import make_fabric
    from molgnn.train.options import FitOptions, OptimOptions

    fit = FitOptions(epochs=args.rounds + 1, batch_size=args.batch, precision=args.precision)
    fabric = make_fabric(fit)
    encoder = {"name": args.encoder, "dim": args.dim, "depth": args.depth}
    model = fabric.to_device(build_model(encoder, "sum", {"name": "mlp", "hidden": args.dim}, 1))
    loss = LevelLoss({"molecule": [TaskLoss("l2")]})
    training = Training(fabric, model, loss, OptimOptions(), fit, 0)
    molecules = Labelled(featurize(smiles, "none")[0], y)

    def epoch() -> None:
        training.train_epoch(molecules)
        training.epoch += 1

    return epoch


def _chemprop(smiles: list[str], y: "np.ndarray", args: argparse.Namespace) -> Epoch:
    """chemprop's own loader, network and loss in the plainest loop, without its Trainer: its
    featurised molecules are cached, as ours are."""
    try:
        from chemprop import data, models, nn
    except ImportError:
        raise Refusal("chemprop is not installed here: pip install chemprop") from None
    import torch

    points = [data.MoleculeDatapoint.from_smi(s, t) for s, t in zip(smiles, y, strict=True)]
    dataset = data.MoleculeDataset(points)
    dataset.cache = True
    loader = data.build_dataloader(dataset, args.batch, num_workers=0, shuffle=True, seed=0)
    network = models.MPNN(
        nn.BondMessagePassing(d_h=args.dim, depth=args.depth),
        nn.NormAggregation(),
        nn.RegressionFFN(input_dim=args.dim, hidden_dim=args.dim),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def epoch() -> None:
        network.train()
        for graphs, atoms, extra, targets, weights, below, above in loader:
            vectors = network.fingerprint(graphs, atoms, extra)
            outputs = network.predictor.train_step(vectors)
            mask = targets.isfinite()
            loss = network.criterion(outputs, targets, mask, weights, below, above)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return epoch


def _median(values: list[float]) -> float:
    from statistics import median

    return median(values)
