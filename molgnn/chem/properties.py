"""Properties of a molecule that chemists set limits to, and the published sets of such limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors
from rdkit.Chem import rdMolDescriptors as counts

Range = tuple[float | None, float | None]  # lowest and highest allowed value; None: no limit

PROPERTIES: dict[str, Callable[[Chem.Mol], float]] = {
    "MW": Descriptors.MolWt,  # g/mol, of the natural isotopes
    "logP": Crippen.MolLogP,  # Wildman and Crippen 1999, doi:10.1021/ci990307l
    "TPSA": counts.CalcTPSA,  # Å², of N and O; Ertl et al. 2000, doi:10.1021/jm000942e
    "HBD": counts.CalcNumHBD,
    "HBA": counts.CalcNumHBA,
    "rotatable": counts.CalcNumRotatableBonds,  # without those of amides
    "QED": QED.qed,  # 0 to 1; Bickerton et al. 2012, doi:10.1038/nchem.1243
    "NHOH": counts.CalcNumLipinskiHBD,  # hydrogen atoms on N and O: Lipinski's donors
    "NO": counts.CalcNumLipinskiHBA,  # N and O: Lipinski's acceptors
    "rings": counts.CalcNumRings,
    "heavy_atoms": counts.CalcNumHeavyAtoms,
    "charge": Chem.GetFormalCharge,
}


@dataclass(frozen=True)
class RuleSet:
    """Ranges by property, of which a molecule may miss ``allowed``."""

    ranges: Mapping[str, Range]
    allowed: int


RULE_SETS = {
    # "Poor absorption is more likely when" two of the four are beyond: Lipinski et al., Adv. Drug
    # Deliv. Rev. 1997, doi:10.1016/S0169-409X(96)00423-1.
    "lipinski": RuleSet(
        {"MW": (None, 500), "logP": (None, 5), "NHOH": (None, 5), "NO": (None, 10)}, 1
    ),
    # Veber et al., J. Med. Chem. 2002, doi:10.1021/jm020017n.
    "veber": RuleSet({"rotatable": (None, 10), "TPSA": (None, 140)}, 0),
}


def properties(mol: Chem.Mol, names: Sequence[str]) -> dict[str, float]:
    """The named ones of ``PROPERTIES``."""
    return {name: PROPERTIES[name](mol) for name in names}


def beyond(values: Mapping[str, float], ranges: Mapping[str, Range]) -> list[tuple[str, str]]:
    """The ranges that ``values`` miss, each as its kind ("MW above 500") and in words ("MW 612.3
    is above 500"). Ends are inside."""
    found = []
    for name, (low, high) in ranges.items():
        value = values[name]
        if low is not None and value < low:
            found.append((f"{name} below {low:g}", f"{name} {value:.4g} is below {low:g}"))
        if high is not None and value > high:
            found.append((f"{name} above {high:g}", f"{name} {value:.4g} is above {high:g}"))
    return found
