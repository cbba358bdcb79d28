"""Features of whole molecules beside the graph: counts of substructures, and descriptors."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.smiles import canonical
from molgnn.errors import choices

LARGEST = 1e30  # a descriptor beyond it stands for "huge": single precision holds it, and its sum
MOST_ATOMS = (
    500  # heavy ones; a chain of 3,000 takes avalon and erg 100 s each, Ipc of rdkit2d hours
)
_MISSING = 50.0  # in a fingerprint of values: unlike any that a reference molecule has
_CLOSE = 1e-4

# Between them they have what drugs have: rings, charges, stereo, halogens, sulfur, phosphorus.
_REFERENCES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1CCC[C@H]1c1cccnc1",
    "C[N+](C)(C)CCOP(=O)([O-])OC/C=C/c1ccc(Br)cc1",
    "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "O=C(c1ccc(Cl)cc1)N1CCN(S(=O)(=O)c2cc3c(F)cccc3[nH]2)CC1=O",
)


@dataclass(frozen=True)
class Block:
    """Features that are computed together: their names, and one molecule -> (len(names),). Of a
    molecule with more heavy atoms than ``most`` all are missing, as they would take too long."""

    names: tuple[str, ...]
    compute: Callable[[Chem.Mol], np.ndarray]
    most: float = MOST_ATOMS

    def values(self, mol: Chem.Mol) -> np.ndarray:
        """(len(names),), of which some may be missing or infinite."""
        if mol.GetNumHeavyAtoms() > self.most:
            return np.full(len(self.names), np.nan)
        return self.compute(mol)


def molecule_features(mols: Iterable[Chem.Mol], blocks: Sequence[str]) -> np.ndarray:
    """The features of each molecule (B, F) float32, block by block; NaN where RDKit has no value,
    and of molecules that are too large for a block (see ``Block``).

    Each molecule is read anew from its canonical SMILES first, as some descriptors depend in their
    last digits on the order of the atoms: two spellings of a molecule have the same features.
    """
    chosen = [block_of(name) for name in blocks]
    width = sum(len(block.names) for block in chosen)
    none = np.zeros(0)
    # A copy for each block: what rdkit2d leaves in a molecule changes erg of some.
    rows = [np.concatenate([none, *(block.values(Chem.Mol(mol)) for block in chosen)])
            for mol in map(_anew, mols)]  # fmt: skip
    found = np.array(rows, dtype=np.float64).reshape(len(rows), width)
    found[~np.isfinite(found)] = np.nan
    return np.clip(found, -LARGEST, LARGEST).astype(np.float32)


def feature_names(blocks: Sequence[str]) -> list[str]:
    """The names of the columns, ``<block>.<feature>``."""
    return [f"{block}.{name}" for block in blocks for name in block_of(block).names]


def columns_of(computed: Sequence[str], wanted: Sequence[str]) -> np.ndarray:
    """Where the columns of the ``wanted`` blocks stand among those of the ``computed`` ones."""
    ends = np.cumsum([0, *(len(block_of(name).names) for name in computed)])
    places = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(computed)}
    return np.concatenate([np.zeros(0, dtype=np.int64), *(places[name] for name in wanted)])


def features_hash(blocks: Sequence[str]) -> str:
    """Changes where features of other names, or another number of them, would be computed."""
    return hashlib.sha256("\n".join(feature_names(blocks)).encode()).hexdigest()[:16]


@cache
def values_of(block: str) -> tuple[float, ...]:
    """What RDKit computes here, a number for each of five reference molecules: a weighted sum of
    asinh(x) over the block's features. It shows a descriptor that has another definition.

    A number and no hash: rounded values must not differ between machines, and one that happens to
    lie where rounding decides would; a sum is compared with room for the last digits.
    """
    mols = [Chem.MolFromSmiles(text) for text in _REFERENCES]
    found = np.arcsinh(molecule_features(mols, [block]).astype(np.float64))
    found[np.isnan(found)] = _MISSING
    weight = 1 + np.arange(found.shape[1]) % 7 / 7  # so that two changes do not make up for another
    return tuple(float(round(total, 6)) for total in found @ weight)


def differing(values: Mapping[str, Sequence[float]]) -> list[str]:
    """The blocks that are computed otherwise here than where ``values`` of ``values_of`` are from.
    Raises ValueError or TypeError for what is no such thing."""
    return [
        block
        for block, known in values.items()
        if not np.allclose(np.array(known, dtype=float), values_of(block), rtol=0, atol=_CLOSE)
    ]


def block_of(name: str) -> Block:
    """Raises Refusal for an unknown name."""
    if name not in BLOCKS:
        raise choices("molecule features", name, BLOCKS)
    return _made(name)


@cache
def _made(name: str) -> Block:
    return BLOCKS[name]()


def _anew(mol: Chem.Mol) -> Chem.Mol:
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(canonical(mol)) or mol


def _morgan() -> Block:
    """Counts of circular substructures of radius 2, folded to 2,048. Rogers and Hahn, J. Chem. Inf.
    Model. 2010, doi:10.1021/ci100050t."""
    from rdkit.Chem import rdFingerprintGenerator  # each of these takes time to import

    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return Block(_numbered(2048), generator.GetCountFingerprintAsNumPy, most=np.inf)


def _avalon() -> Block:
    """Counts of atoms, paths and rings, folded to 1,024. Gedeck, Rohde and Bartels, J. Chem. Inf.
    Model. 2006, doi:10.1021/ci050413p."""

    from rdkit import DataStructs
    from rdkit.Avalon import pyAvalonTools

    def compute(mol: Chem.Mol) -> np.ndarray:
        counts = np.zeros(1024)
        DataStructs.ConvertToNumpyArray(pyAvalonTools.GetAvalonCountFP(mol, 1024), counts)
        return counts

    return Block(_numbered(1024), compute)


def _erg() -> Block:
    """Pairs of pharmacophore points by their distance in the reduced graph. Stiefl et al., J. Chem.
    Inf. Model. 2006, doi:10.1021/ci050457y."""
    from rdkit.Chem import rdReducedGraphs

    return Block(_numbered(315), lambda mol: np.asarray(rdReducedGraphs.GetErGFingerprint(mol)))


def _rdkit2d() -> Block:
    """RDKit's two-dimensional descriptors, by their names there; those that fail are NaN."""
    from molgnn.chem import rdkit2d

    return Block(rdkit2d.names(), rdkit2d.descriptors)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(count))


BLOCKS = {"morgan": _morgan, "avalon": _avalon, "erg": _erg, "rdkit2d": _rdkit2d}
