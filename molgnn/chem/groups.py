"""The groups of RDKit's descriptors that are computed together, each from the facts of a molecule.

The terms are RDKit's, in its order; what is saved is doing them twice, Python's loops, and the
search for patterns that cannot be there.
"""

from collections.abc import Sequence
from functools import cache
from inspect import signature
from itertools import compress

import numpy as np
from rdkit import Chem
from rdkit.Chem import (
    QED,
    Descriptors,
    rdMolDescriptors,
)
from rdkit.Chem.EState import EState_VSA
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from molgnn.chem import paths, topology
from molgnn.chem.facts import OUTER, Facts
from molgnn.chem.patterns import Screen

_HYBRIDISATION = {
    Chem.HybridizationType.SP: 1,
    Chem.HybridizationType.SP2: 2,
    Chem.HybridizationType.SP3: 3,
}
_BCUT = ("MWHI", "MWLOW", "CHGHI", "CHGLO", "LOGPHI", "LOGPLOW", "MRHI", "MRLOW")
_MORGAN = [GetMorganGenerator(radius) for radius in (1, 2, 3)]
# The patterns of RDKit's functions fr_*, which hold them as a default value.
_FRAGMENTS = {
    name: signature(function).parameters["pattern"].default
    for name, function in Descriptors.descList
    if name.startswith("fr_") and "pattern" in signature(function).parameters
}


def _estate_extremes(facts: Facts) -> Sequence[float]:
    size = np.abs(facts.estate)
    return size.max(), facts.estate.max(), size.min(), facts.estate.min()


def _estate_by_surface(facts: Facts) -> Sequence[float]:
    bins = np.searchsorted(EState_VSA.vsaBins, facts.surface, side="right")
    return np.bincount(bins, facts.estate, len(EState_VSA.vsaBins) + 1)


def _surface_by_estate(facts: Facts) -> Sequence[float]:
    bins = np.searchsorted(EState_VSA.estateBins, facts.estate, side="right")
    return np.bincount(bins, facts.surface, len(EState_VSA.estateBins) + 1)


def _qed(facts: Facts) -> Sequence[float]:
    """QED takes hydrogen atoms away first: where there are none, its properties are known here."""
    if 1 in facts.numbers:
        return (QED.qed(facts.mol),)
    mol, possible = facts.mol, _possible(facts)
    acceptors = compress(QED.Acceptors, possible[len(_FRAGMENTS) :])
    alerts = compress(QED.StructuralAlerts, possible[len(_FRAGMENTS) + len(QED.Acceptors) :])
    aromatic = 0
    if mol.GetRingInfo().NumRings():
        # A molecule in which the pattern is not is left as it is.
        rest = mol
        if mol.HasSubstructMatch(QED.AliphaticRings):
            rest = Chem.DeleteSubstructs(Chem.Mol(mol), QED.AliphaticRings)
        aromatic = len(Chem.GetSSSR(Chem.Mol(rest)))
    properties = QED.QEDproperties(
        MW=facts.weight,
        ALOGP=facts.log_p[0],
        HBA=sum(len(mol.GetSubstructMatches(pattern)) for pattern in acceptors),
        HBD=facts.donors,
        PSA=facts.polar,
        ROTB=facts.rotatable,
        AROM=aromatic,
        ALERTS=sum(mol.HasSubstructMatch(pattern) for pattern in alerts),
    )
    return (QED.qed(mol, qedProperties=properties),)


def _sps(facts: Facts) -> Sequence[float]:
    """Krzyzanowski et al., J. Med. Chem. 2023, doi:10.1021/acs.jmedchem.3c00689."""
    mol = Chem.Mol(facts.mol)
    Chem.FindPotentialStereoBonds(mol)
    # Before the bonds' labels are read: it may change them.
    found = Chem.FindPotentialStereo(mol)
    stereo = {one.centeredOn for one in found if one.type == Chem.StereoType.Atom_Tetrahedral}
    for i, kind in enumerate(facts.kinds):
        double = kind == Chem.BondType.DOUBLE
        if double and mol.GetBondWithIdx(i).GetStereo() != Chem.BondStereo.STEREONONE:
            stereo.update(facts.ends[i])
    score = 0
    for i, (atom, degree) in enumerate(zip(facts.atoms, facts.degrees, strict=True)):
        term = _HYBRIDISATION.get(atom.GetHybridization(), 4) * degree * degree
        term *= 2 if i in stereo else 1
        score += term * (2 if atom.IsInRing() and not atom.GetIsAromatic() else 1)
    return (score / mol.GetNumHeavyAtoms(),)


def _electrons(facts: Facts) -> Sequence[float]:
    outer = sum(OUTER[number] for number in facts.numbers) + sum(facts.hydrogens)
    radicals = sum(atom.GetNumRadicalElectrons() for atom in facts.atoms)
    return outer - sum(facts.charges), radicals


def _charges(facts: Facts) -> Sequence[float]:
    """The order of the comparisons matters: a charge may be NaN."""
    low, high = 500.0, -500.0
    for charge in facts.gasteiger[0]:
        low, high = min(charge, low), max(charge, high)
    return high, low, max(abs(low), abs(high)), min(abs(low), abs(high))


def _densities(facts: Facts) -> Sequence[float]:
    heavy = facts.mol.GetNumHeavyAtoms()
    if heavy == 0:
        return 0.0, 0.0, 0.0
    prints = (generator.GetSparseCountFingerprint(facts.mol) for generator in _MORGAN)
    return [len(one.GetNonzeroElements()) / heavy for one in prints]


def _bcut(facts: Facts) -> Sequence[float]:
    """The least and largest eigenvalues of four matrices: RDKit takes hydrogen atoms away, then
    charges and Crippen's contributions anew. Pearlman and Smith, J. Chem. Inf. Comput. Sci. 1999,
    doi:10.1021/ci980137x."""
    if 1 in facts.numbers:
        return rdMolDescriptors.BCUT2D(facts.mol)
    charges, complete = facts.gasteiger
    if not complete:
        return [np.nan] * len(_BCUT)  # RDKit tries, and fails, for each of the eight
    masses = [atom.GetMass() for atom in facts.atoms]
    both = zip(*facts.crippen, strict=True)
    found = (
        rdMolDescriptors.BCUT2D(facts.mol, list(values)) for values in (masses, charges, *both)
    )
    return [value for pair in found for value in pair]


def _information(facts: Facts) -> Sequence[float]:
    adjacent = (facts.apart == 1).astype(np.float64)
    return topology.information(topology.polynomial(adjacent))


def _balaban(facts: Facts) -> Sequence[float]:
    return (topology.balaban_j(facts.balaban, facts.ends),)


def _bertz(facts: Facts) -> Sequence[float]:
    return (topology.bertz_ct(facts.numbers, facts.balaban, facts.ends, facts.orders),)


def _chi(facts: Facts) -> Sequence[float]:
    degrees = facts.degrees
    products = [degrees[a] * degrees[b] for a, b in facts.ends]
    return topology.chi(np.array(degrees, float)), topology.chi(np.array(products, float))


def _chi_paths(facts: Facts) -> Sequence[float]:
    numbers = np.array(facts.numbers)
    outer = np.array([OUTER[number] for number in facts.numbers])
    weights = paths.chi_weights(numbers, outer, np.array(facts.hydrogens))
    return np.concatenate([paths.chi(weights, some) for some in facts.paths])


def _kappas(facts: Facts) -> Sequence[float]:
    """Phi is the product of two of them, by atom. Its reference is that of ``paths.chi``."""
    mol, heavy = facts.mol, facts.mol.GetNumHeavyAtoms()
    alpha = rdMolDescriptors.CalcHallKierAlpha(mol)
    two, three = (len(some[0]) for some in facts.paths[:2])
    one = rdMolDescriptors.CalcKappa1(mol)
    two, three = paths.kappa_2(two, heavy, alpha), paths.kappa_3(three, heavy, alpha)
    return alpha, one, two, three, one * two / heavy if heavy else 0.0


def _shared(facts: Facts) -> Sequence[float]:
    """What QED needs too."""
    return facts.weight, facts.polar, facts.donors, facts.rotatable, *facts.log_p


def _fragments(facts: Facts) -> Sequence[float]:
    search = facts.mol.GetSubstructMatches
    possible = _possible(facts)
    return [
        len(search(pattern)) if may else 0
        for pattern, may in zip(_FRAGMENTS.values(), possible, strict=False)
    ]


def _possible(facts: Facts) -> list[bool]:
    """Which of all the patterns may be in the molecule."""
    if facts.possible is None:
        facts.possible = _screen().possible(facts)
    return facts.possible


@cache
def _screen() -> Screen:
    return Screen([*_FRAGMENTS.values(), *QED.Acceptors, *QED.StructuralAlerts])


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}{i}" for i in range(1, count + 1))


# In RDKit's order, so that what its functions leave on a molecule is there for the next one alike.
GROUPS = (
    (
        ("MaxAbsEStateIndex", "MaxEStateIndex", "MinAbsEStateIndex", "MinEStateIndex"),
        _estate_extremes,
    ),
    (("qed",), _qed),
    (("SPS",), _sps),
    (("NumValenceElectrons", "NumRadicalElectrons"), _electrons),
    (
        ("MaxPartialCharge", "MinPartialCharge", "MaxAbsPartialCharge", "MinAbsPartialCharge"),
        _charges,
    ),
    (("FpDensityMorgan1", "FpDensityMorgan2", "FpDensityMorgan3"), _densities),
    (tuple(f"BCUT2D_{name}" for name in _BCUT), _bcut),
    (("Ipc", "AvgIpc"), _information),
    (("BalabanJ",), _balaban),
    (("BertzCT",), _bertz),
    (("Chi0", "Chi1"), _chi),
    (("Chi2n", "Chi2v", "Chi3n", "Chi3v", "Chi4n", "Chi4v"), _chi_paths),
    (("HallKierAlpha", "Kappa1", "Kappa2", "Kappa3", "Phi"), _kappas),
    (_numbered("PEOE_VSA", 14), lambda facts: rdMolDescriptors.PEOE_VSA_(facts.mol)),
    (_numbered("SMR_VSA", 10), lambda facts: rdMolDescriptors.SMR_VSA_(facts.mol)),
    (_numbered("SlogP_VSA", 12), lambda facts: rdMolDescriptors.SlogP_VSA_(facts.mol)),
    (_numbered("EState_VSA", 11), _surface_by_estate),
    (_numbered("VSA_EState", 10), _estate_by_surface),
    (
        ("MolWt", "TPSA", "NumHDonors", "NumRotatableBonds", "MolLogP", "MolMR"),
        _shared,
    ),
    (tuple(_FRAGMENTS), _fragments),
)  # fmt: skip
