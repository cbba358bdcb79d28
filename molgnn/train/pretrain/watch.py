"""How well an autoencoder does on molecules that it does not learn from."""

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.fields import ATOM_FIELDS, ATOM_SIZES
from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import batch_rows, to_batch
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.nn.latent import ACTIVE
from molgnn.nn.neighbours import sum_at
from molgnn.nn.pairs import bond_types, pairs_of
from molgnn.train.pretrain.options import TermOptions
from molgnn.train.pretrain.terms import Work, kl_by_dimension, losses, without_padding, work_of

_BATCH = 256
_TOLD = ("atomic_num", "formal_charge", "num_hs")  # of these a molecule's atoms are rebuilt


class _Means:
    """Sums of parts and of wholes by name."""

    def __init__(self):
        self.parts: dict[str, list[float]] = {}

    def add(self, name: str, part: Tensor | float, whole: float) -> None:
        sums = self.parts.setdefault(name, [0.0, 0.0])
        sums[0] += float(part)
        sums[1] += whole

    def means(self) -> dict[str, float | None]:
        return {name: part / whole if whole else None for name, (part, whole) in self.parts.items()}


@torch.inference_mode()
def judged(
    model: MoleculeAutoencoder, graphs: PackedGraphs, terms: TermOptions, device: torch.device
) -> dict:
    """Figures on ``graphs``, hidden in the same places each time: each term; ``atoms_right`` of
    hidden atoms (all fields of ``_TOLD``), ``bonds_right`` of the bonds that were taken away or
    hidden or not, ``molecules_right`` of whole molecules of which nothing was hidden (every atom
    and pair); ``active_units`` by latent; and of one that is variational ``kl_by_dimension`` by
    latent and ``kl_per_molecule``, in nats."""
    was, means = model.training, _Means()
    model.eval()
    seen: dict[str, list[Tensor]] = {"atoms": [], "graph": []}
    dimensions: dict[str, Tensor] = {}
    for number, rows in enumerate(batch_rows(len(graphs), _BATCH)):
        part = graphs.select(rows)
        work = work_of(part, terms, np.random.default_rng([0, number])).to(device)
        torch.manual_seed(number)  # the descriptors that count
        latents = without_padding(model(work.seen), work)
        for name, value in losses(model, latents, work, terms).items():
            means.add(name, value * len(part), len(part))
        _rebuilt(model, latents, work, means)
        _whole(model, part, device, means)
        posteriors = {"atoms": latents.atoms, "graph": latents.graph}
        for name, posterior in posteriors.items():
            if posterior is not None:
                seen[name].append(posterior.mean)
        if not model.variational:  # its variances were never learnt
            continue
        for name, each in kl_by_dimension(latents, work.graph_id, work.num_graphs).items():
            dimensions[name] = dimensions.get(name, 0) + each * len(part) / len(graphs)
        nats = sum(each.kl().sum() for each in posteriors.values() if each is not None)
        means.add("kl_per_molecule", nats, len(part))
    model.train(was)
    found = means.means()
    found["active_units"] = {
        name: int((torch.cat(rows).var(dim=0) > ACTIVE).sum())
        for name, rows in seen.items()
        if rows
    }
    found["kl_by_dimension"] = {name: each.tolist() for name, each in dimensions.items()}
    return found


def _rebuilt(model: MoleculeAutoencoder, latents, work: Work, means: _Means) -> None:
    if model.pairs is None and model.atoms is None:
        return
    z = model.decoded_from(latents.z, latents.z_graph, work.graph_id)
    if model.atoms is not None:
        right = right_atoms(model.atoms(z[work.decoded]), work.codes)[work.hidden]
        means.add("atoms_right", right.sum(), len(right))
    if model.pairs is not None:
        kinds = bond_types(model.pairs(z, work.pairs), model.frequencies)
        bonded = work.pairs.types > 0
        means.add("bonds_right", (kinds == work.pairs.types)[bonded].sum(), float(bonded.sum()))


def _whole(model: MoleculeAutoencoder, graphs: PackedGraphs, device, means: _Means) -> None:
    """Molecules that come back from their latents as they were."""
    if model.pairs is None or model.atoms is None:
        return
    batch, pairs = to_batch(graphs).to(device), pairs_of(graphs).to(device)
    latents = model(batch)
    z = model.decoded_from(latents.z, latents.z_graph, batch.graph_id)
    wrong_atoms = ~right_atoms(model.atoms(z), batch.x)
    wrong_pairs = bond_types(model.pairs(z, pairs), model.frequencies) != pairs.types
    wrong = sum(
        sum_at(flags.float().unsqueeze(1), owner, len(graphs))
        for flags, owner in ((wrong_atoms, batch.graph_id), (wrong_pairs, pairs.graph_id))
    )
    means.add("molecules_right", (wrong == 0).sum(), len(graphs))


def right_atoms(logits: Tensor, codes: Tensor) -> Tensor:
    """Whether the likeliest values are the true ones, logits (K, 184) and codes (K, 9) -> (K,)."""
    columns = [i for i, field in enumerate(ATOM_FIELDS) if field.name in _TOLD]
    parts = logits.split(ATOM_SIZES, dim=1)
    right = [parts[i].argmax(dim=1) == codes[:, i] for i in columns]
    return torch.stack(right).all(dim=0)


def collapsed(figures: dict, widths: dict[str, int]) -> list[str]:
    """A line for each latent of which next to nothing is used: under a twentieth of its units."""
    lines = []
    for name, active in figures["active_units"].items():
        if active < widths[name] / 20:
            lines.append(
                f"posterior collapse: {active} of {widths[name]} units of the latent of "
                f"{'atoms' if name == 'atoms' else 'molecules'} are active: try a lower terms.kl, "
                "a longer terms.warmup or a larger terms.free_bits"
            )
    return lines
