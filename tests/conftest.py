"""Fixtures for all tests."""

import os
import time
from pathlib import Path

import pytest
from rdkit import Chem, rdBase

# Small tensors: a second thread costs more than it gives, above all on a machine that is busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def molgnn_data() -> Path:
    """The folder of real data that MOLGNN_DATA names; the test is skipped where there is none."""
    folder = os.environ.get("MOLGNN_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: MOLGNN_DATA names no folder")
    return Path(folder)


@pytest.fixture
def library(tmp_path):
    """40 chains of 1 to 10 carbons, then bad rows of several kinds, and blank lines."""
    lines = [f"{'C' * (1 + i * 7 % 10)} m{i}" for i in range(40)]
    lines[5:5] = ["", "c1ccccx bad", "   ", "CN(C)(C)(C)C five-bonds"]
    path = tmp_path / "lib.smi"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def shipped_drugs() -> list[str]:
    """SMILES of the approved drugs that ship with molgnn."""
    path = Path(__file__).parents[1] / "data" / "approved_drugs.smi"
    return [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def autoencoder_folder(tmp_path_factory):
    """autoencoder_folder(encoder, parts, dim, graph_dim) -> the folder of a pretrained encoder with
    a whole autoencoder of random weights, made once."""
    made = {}

    def make(encoder="gin", parts=("pairs", "atoms"), dim=6, graph_dim=5, **options):
        key = (encoder, parts, dim, graph_dim, *sorted(options.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("autoencoder") / "encoder"
            _save_autoencoder(made[key], encoder, parts, dim, graph_dim, options)
        return made[key]

    return make


def _save_autoencoder(folder, encoder, parts, dim, graph_dim, options) -> None:
    import torch

    from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
    from molgnn.models.autoencoder import MoleculeAutoencoder
    from molgnn.models.pretrained import save_pretrained

    spec = {"name": encoder, "dim": 8, "depth": 2} | options
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = MoleculeAutoencoder(spec, parts, dim, graph_dim)
    counts = tuple([torch.arange(n) for n in sizes] for sizes in (ATOM_SIZES, BOND_SIZES))
    known = {"parts": list(parts), "dim": dim, "graph_dim": graph_dim, "variational": True}
    told = {"name": "tiny", "encoder": spec, "recipe": "parent", "autoencoder": known}
    save_pretrained(folder, dict(model.state_dict()), counts, told)


def complete_graph(size: int) -> str:
    """A SMILES of dummy atoms each bonded to each other: RDKit's search for its rings takes time
    that grows with the fifth power of the size. Old versions give up at once: then it is no test.
    """
    bonds = {}
    for i in range(size):
        for j in range(i + 2, size):
            bonds.setdefault(i, []).append(number := 10 + sum(map(len, bonds.values())))
            bonds.setdefault(j, []).append(number)
    marks = ((f"%{n:02d}" if n < 100 else f"%({n})" for n in bonds[i]) for i in range(size))
    return "".join("*" + "".join(mark) for mark in marks)


@pytest.fixture(scope="session")
def slow_rdkit() -> None:
    """Skips the test where RDKit takes no time for a complete graph."""
    start = time.process_time()
    Chem.MolFromSmiles(complete_graph(24))
    if time.process_time() - start < 0.01:
        pytest.skip(f"RDKit {rdBase.rdkitVersion} is never slow at rings")


@pytest.fixture(scope="session")
def slow_smiles(slow_rdkit) -> str:
    """It takes RDKit seconds on the fastest machine (some ten on an ordinary one)."""
    return complete_graph(54)


@pytest.fixture(scope="session")
def medium_smiles(slow_rdkit) -> str:
    """It takes RDKit a second."""
    return complete_graph(40)


@pytest.fixture
def pretrain(tmp_path):
    """pretrain(name, out, change, options, counts) -> the folder of an encoder of random weights.

    ``change(tensors)`` edits what is saved, ``options`` are the encoder's, ``config`` adds to what
    is told of it. Pretraining saw code n of each field n times, if ``counts`` does not say."""
    import torch  # here: many tests need no torch

    from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
    from molgnn.models.build import build_encoder
    from molgnn.models.pretrained import save_pretrained

    def save(
        name="gin", out="encoder", change=lambda found: None, options=None, counts=None, **config
    ):
        torch.manual_seed(7)
        spec = {"name": name, "dim": 8, "depth": 2} | (options or {})
        tensors = {f"encoder.{k}": v for k, v in build_encoder(spec).state_dict().items()}
        tensors["latent.mean.weight"] = torch.randn(4, 8)
        change(tensors)
        seen = tuple([torch.arange(n) for n in sizes] for sizes in (ATOM_SIZES, BOND_SIZES))
        told = {"name": "tiny", "encoder": spec, "recipe": "parent", "library": "ten drugs"}
        save_pretrained(tmp_path / out, tensors, counts or seen, told | config)
        return tmp_path / out

    return save
