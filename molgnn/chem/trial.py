"""Try the quick way of featurising on awkward molecules before it is trusted in this process."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
from rdkit import Chem, rdBase

from molgnn.chem.binary import MAJOR, decode, to_binary, version

# Every field, section and flag of RDKit's binary form in turn; the last ones must be refused.
_SMILES = """
C [H][H] [2H]O [13CH4] [CH3] [CH2] [NH4+] [O-][N+](=O)c1ccccc1 [C-]#[O+] F[P-](F)(F)(F)(F)F
FS(F)(F)(F)(F)F O=[Os](=O)(=O)=O O=S(=O)(O)O [U] [Fe+6] [Zr-4] [Og] [U+9] [Cu+2].[O-]S(=O)(=O)[O-]
N->[Pt](<-N)(Cl)Cl CC(=O)[O-].[Na+] CCN.Cl [Na+].[Cl-] * *c1ccccc1 [*:1]C [CH3:7]O [CH3:300]O C~C
[C,N]C [#6]-[#8] C#N N#N C=C=C CC=[C@]=CC O=C=O C$C [C]#C c1cc[nH]c1 c1ccoc1
Cn1cnc2c1c(=O)[nH]c(=O)n2C C/C=C/C C/C=C\\C C/C=C/C=C\\C F/C=C/F FC=CF C/C=N/O CC=CC N/N=N\\C
C[C@@H](C(=O)O)N C[C@H](C(=O)O)N C[C@H](F)C [C@](F)(Cl)(Br)I C[C@H]1CC[C@@H](O)CC1 C[S@](=O)CC
O[C@H]1[C@H](O)[C@@H](O)[C@H](O)[C@H](O)[C@@H]1O S(=O)([C@H](N)C)C C[P@](=O)(O)CC C[N@+](CC)(CCC)O
Cl[Pt@SP1](F)(Br)I S[As@TB1](F)(Cl)(Br)N O[Co@OH1](F)(Cl)(Br)(N)S OC(=O)[C@@H]1CCCN1.Cl
C1CC1 C1CC2CCC1C2 C1CC11CC1 c1ccc2ccccc2c1 B12B3B4B1B5B2B3B45 C12C3C4C1C5C2C3C45 C1CCCCCCCCCCCCC1
c1ccc2c(c1)c1ccccc1c1ccccc21 N[C@@H](Cc1ccc(O)cc1)C(=O)N1CCC[C@H]1C(=O)O
CC(C)(C)c1ccc(cc1)S(N)(=O)=O [H]C([H])([H])[H] [H]O[H] [2H]C([3H])O [H+] [H-] C[Si](C)(C)C
C[Se]C c1cc[se]c1 OB(O)c1ccccc1 ClI(Cl)Cl C( hello C1CC CN(C)(C)(C)C c1cccc1 cC
"""
_OTHER_TEXTS = [
    "",
    " ",
    "CC name",
    "C[C@H](N)O |&1:1|",
    "CC* |$;;R1$|",
    "CC1=C(N2C=CC=C2)C(C)=CC=C1 |wU:2.1|",
    "C" * 255,
    "C" * 256,
    "C1CC1" * 60,
]
_ORDINARY = ["Cn1cnc2c1c(=O)n(C)c(=O)n2C", "CC(=O)Oc1ccccc1C(=O)[O-]", "C[C@H](N)/C=C/Cl", "C1CC1"]


def awkward() -> list[str]:
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("C[C@H](N)C(=O)O"))
    return [*_SMILES.split(), *_OTHER_TEXTS, block]


def fault(quick: Callable, plain: Callable) -> str:
    """Why ``quick`` must not stand in for ``plain``, two forms of ``featurize``; "" if it may."""
    mols = [Chem.MolFromSmiles(text) for text in _ORDINARY]
    blobs = [to_binary(mol) for mol in mols]
    if any(version(blob)[0] != MAJOR for blob in blobs):
        major, minor = version(blobs[0])
        return f"the binary form of RDKit {rdBase.rdkitVersion} has version {major}.{minor}"
    if not decode(blobs).ok.all():
        return f"the binary form of RDKit {rdBase.rdkitVersion} is laid out in another way"
    texts = awkward()
    for recipe in ("none", "parent"):
        if not same(quick(texts, recipe), plain(texts, recipe)):
            return f"RDKit {rdBase.rdkitVersion} gives other codes that way"
    return ""


def same(left: tuple, right: tuple) -> bool:
    """Whether two results of ``featurize`` are equal in every array and reason."""
    names = [field.name for field in fields(left[0])]
    return (
        all(np.array_equal(getattr(left[0], n), getattr(right[0], n)) for n in names)
        and np.array_equal(left[1], right[1])
        and left[2] == right[2]
    )
