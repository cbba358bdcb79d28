"""What ``bench`` works on: one file of molecules for all sides, and models of n members."""

from collections.abc import Iterator
from importlib.resources import files
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.errors import Refusal

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

MODEL = "solubility"  # bundled and trained, D-MPNN 300 x 3: the ranks of its scores mean something


def texts_of(library: str | None, column: str | None, most: int) -> list[str]:
    """SMILES of the first ``most`` rows (default: of the approved drugs) with at least one bond
    that RDKit reads. Raises Refusal if there are none.

    chemprop ends at a SMILES that it cannot read: so neither side gets one.
    """
    from rdkit import Chem, rdBase

    from molgnn.data.readers.reader import open_table

    path = library or str(files("molgnn.shipped") / "approved_drugs.smi")
    texts = []
    with rdBase.BlockLogs():
        for row in islice(open_table(path, smiles=column, columns=[]), most):
            mol = None if row.problem else Chem.MolFromSmiles(row.text)
            if mol is not None and mol.GetNumBonds():
                texts.append(row.text)
    if not texts:
        raise Refusal(f"{path}: no molecule in it to measure with")
    return texts


def write_library(path: Path, texts: list[str], rows: int) -> None:
    """A CSV with a column ``smiles``: the texts, from the start again where they do not suffice."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("smiles\n")
        file.writelines(f"{text}\n" for text in _repeated(texts, rows))


def _repeated(texts: list[str], rows: int) -> Iterator[str]:
    return islice(cycle(texts), rows)


def model_of(members: int | None, name: str = MODEL) -> "Predictor":
    """So many members of a model (None: all); those it lacks are its own with weights moved by 1 %,
    so that no two are equal."""
    import copy

    import torch

    from molgnn.models.bundle import load_bundle

    model = load_bundle(name, "cpu")
    own, noise = list(model.members), torch.Generator().manual_seed(0)
    members = members or len(own)
    while len(model.members) < members:
        member = copy.deepcopy(own[len(model.members) % len(own)])
        with torch.no_grad():
            for weight in member.parameters():
                weight.mul_(1 + 0.01 * torch.randn(weight.shape, generator=noise))
        model.members.append(member)
    del model.members[members:]
    return model


def write_model(folder: Path, model: "Predictor") -> None:
    """The model as a bundle, with the training molecules of the one that it was made from."""
    import pyarrow.parquet as pq

    from molgnn.models.bundle import save_bundle

    training = pq.read_table(model.path / "training.parquet")
    save_bundle(folder, model, model.card["model"], training)
