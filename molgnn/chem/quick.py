"""The quick way from texts to codes: a short parse, RDKit's binary form, one decoding a chunk."""

from collections.abc import Sequence

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdqueries

from molgnn.chem.binary import Decoded, decode, to_binary
from molgnn.chem.deadline import each
from molgnn.chem.features import ATOM_FIELDS
from molgnn.chem.smiles import InvalidMolecule, parse, parse_quickly

_CHIRALITY = [field.name for field in ATOM_FIELDS].index("chirality")
_CIP_CODES, _OTHER = ATOM_FIELDS[_CHIRALITY].codes(), ATOM_FIELDS[_CHIRALITY].other
_TETRAHEDRAL = [int(Chem.ChiralType.names[f"CHI_TETRAHEDRAL_{way}"]) for way in ("CW", "CCW")]
_LABELLED = rdqueries.HasPropQueryAtom("_CIPCode")


def read_chunk(texts: Sequence[str], recipe: str) -> tuple[Decoded, list[int], dict[int, str]]:
    """The valid molecules, their positions among the texts, position -> reason for the others.

    A molecule that is not ``ok`` is valid, but must be featurised in the plain way.
    """
    blobs, rows, labels, unlabelled, reasons = [], [], [], [], {}
    with rdBase.BlockLogs():
        for row, text in enumerate(each(texts)):
            mol = parse_quickly(text, recipe)
            may_have_labels = mol is None or "@" in text
            if mol is None:
                try:
                    mol = parse(text, recipe)
                except InvalidMolecule as error:
                    reasons[row] = str(error)
                    continue
            if may_have_labels:
                labels += [(len(rows), *label) for label in _labels(mol)]
            else:
                unlabelled.append(len(rows))
            blobs.append(to_binary(mol))
            rows.append(row)
    return _labelled(decode(blobs), labels, unlabelled), rows, reasons


def _labels(mol: Chem.Mol) -> list[tuple[int, int]]:
    """Chirality codes of the atoms with a CIP label, which is not in the binary form."""
    found = mol.GetAtomsMatchingQuery(_LABELLED)
    # By number: the end of RDKit's own iterator is an exception, which costs twice the rest.
    atoms = [found[i] for i in range(len(found))]
    return [(atom.GetIdx(), _CIP_CODES.get(atom.GetProp("_CIPCode"), _OTHER)) for atom in atoms]


def _labelled(
    decoded: Decoded, labels: list[tuple[int, int, int]], unlabelled: list[int]
) -> Decoded:
    """``labels`` (molecule, atom, code) filled in, and not ok where a tag has no label read."""
    first = np.cumsum(decoded.num_atoms) - decoded.num_atoms
    mol, atom, code = np.array(labels, dtype=np.int64).reshape(-1, 3).T
    known = decoded.ok[mol]
    atom, code = first[mol[known]] + atom[known], code[known]
    labelled = np.isin(decoded.tags[atom], _TETRAHEDRAL)  # the rule of features.cip
    decoded.atoms[atom[labelled], _CHIRALITY] = code[labelled]
    tagged = np.repeat(np.arange(len(first)), decoded.num_atoms)[decoded.tags != 0]
    unexpected = np.intersect1d(tagged, np.array(unlabelled, dtype=np.int64))
    decoded.ok[unexpected] = False
    return decoded
