"""Molecules through the latents and back: what a pretrained encoder rebuilds of them.

There is no decoding of a point between two molecules. Atoms and bonds are decoded from the latents
of atoms, one for each atom: between molecules of 20 and of 30 atoms nothing says how many atoms
there are, nor which atom of one is which of the other.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from rdkit import Chem

from molgnn.chem.fields import ATOM_SIZES
from molgnn.chem.packed import PackedGraphs, offsets_of
from molgnn.chem.rebuild import flat, rebuilt
from molgnn.chem.smiles import canonical, parse
from molgnn.data.batch import to_batch
from molgnn.errors import Refusal
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.models.ensemble import all_graphs
from molgnn.nn.pairs import TYPES, Pairs, bond_types, pairs_of

MOST = 1000  # atoms of a molecule that is decoded: pairs grow with their square
BATCH, PLACES = 256, 1 << 20  # molecules, and places of pairs, in memory at once
SHARES = ("sanitized", "connected", "accepted", "same")
_NUMBER = re.compile(r"\b\d[\d,]*\b(?:[ #]+\d[\d,]*\b)*")


@dataclass(frozen=True)
class Decoded:
    """What became of one molecule (``smiles``, as given).

    ``sanitized``: RDKit takes the decoded graph. ``connected``: it falls into no more pieces than
    the molecule has. ``accepted``: both, and no electron is unpaired that was not decoded as such,
    as RDKit takes a carbon with a bond or a hydrogen too few for a radical. ``same``: accepted, and
    the molecule that was encoded, stereo and isotopes aside, of which nothing is decoded.
    ``decoded`` is the canonical SMILES of what RDKit takes, "" without; ``reason`` says why it is
    not accepted, or not the same.
    """

    smiles: str
    decoded: str
    mol: Chem.Mol | None = field(repr=False)
    sanitized: bool
    connected: bool
    accepted: bool
    same: bool
    reason: str


def decoded(model: MoleculeAutoencoder, texts: Sequence[str], recipe: str) -> list[Decoded]:
    """Each molecule encoded to the means of its latents, and atoms (element, charge, hydrogens) and
    bonds decoded from them, their number known. Raises Refusal for an encoder that does not decode
    both, and at a text that is no molecule."""
    missing = [part for part in ("atoms", "pairs") if part not in model.parts]
    if missing:
        raise Refusal(
            f"this encoder was pretrained without terms.{missing[0]}, so it decodes no molecule: "
            "molgnn pretrain terms=vgae makes one that does"
        )
    graphs = all_graphs(texts, recipe)
    sizes = graphs.num_atoms
    found: list[Decoded | None] = [None] * len(texts)
    for rows in _batches(sizes):
        part = graphs.select(rows)
        for row, (atoms, ends, types) in zip(rows, _graphs(model, part), strict=True):
            found[row] = _judged(texts[row], recipe, atoms, ends, types)
    for row in np.flatnonzero(sizes > MOST):
        reason = f"{sizes[row]:,} atoms: more than {MOST:,} are not decoded"
        found[row] = Decoded(texts[row], "", None, False, False, False, False, reason)
    return found


def shares(results: Sequence[Decoded]) -> dict[str, float]:
    """Of how many ``molecules`` what share is sanitized, connected, accepted, and the same."""
    if not results:
        raise Refusal("no molecule to decode")
    found = {name: sum(getattr(each, name) for each in results) / len(results) for name in SHARES}
    return {"molecules": len(results), **found}


def reasons(results: Sequence[Decoded]) -> Counter:
    """How often each kind of reason was given, # in place of its numbers."""
    return Counter(_NUMBER.sub("#", each.reason) for each in results if each.reason)


def _batches(sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of molecules of like size, few enough for all their pairs to be in memory."""
    order = np.argsort(sizes, kind="stable")[::-1]
    order = order[sizes[order] <= MOST]
    while len(order):
        count = max(1, min(BATCH, PLACES // (int(sizes[order[0]]) + 8) ** 2))
        yield order[:count]
        order = order[count:]


@torch.inference_mode()
def _graphs(
    model: MoleculeAutoencoder, graphs: PackedGraphs
) -> Iterator[tuple[np.ndarray, np.ndarray, list[str]]]:
    """Decoded atoms (n, 9), bonds' ends (m, 2) and their types, molecule by molecule."""
    device = next(model.parameters()).device
    batch, pairs = to_batch(graphs).to(device), pairs_of(graphs).to(device)
    latents = model(batch)  # in eval mode, so that they are the means
    z = model.decoded_from(latents.z, latents.z_graph, batch.graph_id)
    parts = model.atoms(z).split(ATOM_SIZES, dim=1)
    atoms = torch.stack([part.argmax(dim=1) for part in parts], dim=1).cpu().numpy()
    types = bond_types(model.pairs(z, pairs), model.frequencies).cpu().numpy()
    ends, starts = _ends(pairs), offsets_of(graphs.num_atoms * (graphs.num_atoms - 1) // 2)
    for number in range(len(graphs)):
        first, last = starts[number : number + 2]
        bonded = first + np.flatnonzero(types[first:last])
        own = slice(*graphs.atom_offsets[number : number + 2])
        yield atoms[own], ends[bonded], [TYPES[kind] for kind in types[bonded]]


def _ends(pairs: Pairs) -> np.ndarray:
    """The two atoms of each pair (P, 2), numbers within their molecule."""
    within = pairs.places.cpu().numpy() % pairs.length**2
    return np.stack([within // pairs.length, within % pairs.length], axis=1)


def _judged(text: str, recipe: str, atoms, ends, types) -> Decoded:
    was, found = parse(text, recipe), rebuilt(atoms, ends, types)
    connected = found.pieces <= len(Chem.GetMolFrags(was))
    if found.mol is None:
        return Decoded(text, "", None, False, connected, False, False, found.reason)
    accepted = connected and not found.unpaired
    same = accepted and flat(found.mol) == flat(was)
    reason = "" if same else "another molecule"
    if not connected:
        reason = f"falls into {found.pieces} pieces"
    elif not accepted:
        reason = f"{found.unpaired} electrons unpaired: bonds or hydrogens are missing"
    smiles = canonical(found.mol)
    return Decoded(text, smiles, found.mol, True, connected, accepted, same, reason)
