"""The terms of the loss, from one batch of molecules."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from molgnn.chem.descriptors import block_of
from molgnn.chem.fields import ATOM_SIZES
from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import GraphBatch, padded, to_batch
from molgnn.models.autoencoder import Latents, MoleculeAutoencoder
from molgnn.nn.latent import Gaussian
from molgnn.nn.neighbours import sum_at
from molgnn.nn.pairs import Pairs, balanced_nats, inner_products, pairs_of, type_weights
from molgnn.train.pretrain.corrupt import corrupt
from molgnn.train.pretrain.options import TermOptions


class Work(NamedTuple):
    """What a step learns from: the graphs as the encoder sees them (``seen``, perhaps with padding
    behind), the pairs of the true ones, the K atoms that are decoded with their true codes (K, 9)
    and whether they were hidden, which molecule each of the N atoms is in, and descriptors
    (B, F)."""

    seen: GraphBatch
    pairs: Pairs
    decoded: Tensor
    codes: Tensor
    hidden: Tensor
    graph_id: Tensor
    num_graphs: int
    features: Tensor | None

    def to(self, device: torch.device) -> "Work":
        if device.type == "cpu":
            return self
        return Work(*(part if part is None or isinstance(part, int) else part.to(device)
                      for part in self))  # fmt: skip


def work_of(
    graphs: PackedGraphs, terms: TermOptions, rng: np.random.Generator, pad: bool = False
) -> Work:
    """A batch with atoms and bonds hidden at random. ``pad``: with shapes that come often."""
    damaged = corrupt(graphs, terms, rng)
    seen = to_batch(damaged.graphs)
    features = graphs.features if terms.descriptors else None
    return Work(
        padded(seen) if pad else seen,
        pairs_of(graphs),
        torch.from_numpy(damaged.decoded),
        torch.from_numpy(graphs.atoms[damaged.decoded].astype(np.int64)),
        torch.from_numpy(damaged.hidden),
        torch.from_numpy(np.repeat(np.arange(len(graphs)), graphs.num_atoms)),
        len(graphs),
        None if features is None else torch.from_numpy(features),
    )


def losses(
    model: MoleculeAutoencoder, latents: Latents, work: Work, terms: TermOptions
) -> dict[str, Tensor]:
    """Each term that ``terms`` weigh, unweighted, as a mean of nats (descriptors: of squares), and
    ``kl`` always where there are latents; ``latents`` without those of padding."""
    found = {}
    if terms.links:
        found["links"] = link_nats(inner_products(latents.z, work.pairs), work.pairs.types)
    if terms.pairs or terms.atoms:
        z = model.decoded_from(latents.z, latents.z_graph, work.graph_id)
    if terms.pairs:
        weights = type_weights(model.frequencies)
        found["pairs"] = balanced_nats(model.pairs(z, work.pairs), work.pairs.types, weights)
    if terms.atoms:
        found["atoms"] = field_nats(model.atoms(z[work.decoded]), work.codes)
    if terms.descriptors:
        found["descriptors"] = descriptor_error(model, latents.z_graph, work.features, terms)
    if terms.kl:
        dimensions = kl_by_dimension(latents, work.graph_id, work.num_graphs)
        found["kl"] = sum(each.clamp(min=terms.free_bits).sum() for each in dimensions.values())
    return found


def total(found: dict[str, Tensor], terms: TermOptions, done: float) -> Tensor:
    """The weighted sum; ``done`` is the share of all steps that were made, for the warm-up."""
    rise = min(1.0, done / terms.warmup) if terms.warmup else 1.0
    return sum(
        value * getattr(terms, name) * (rise if name == "kl" else 1.0)
        for name, value in found.items()
    )


def without_padding(latents: Latents, work: Work) -> Latents:
    """Of the batch's own N atoms and B molecules, which stand first."""

    def first(part: Gaussian | Tensor | None, rows: int) -> Gaussian | Tensor | None:
        if isinstance(part, Gaussian):
            return Gaussian(*(tensor[:rows] for tensor in part))
        return part if part is None else part[:rows]

    sizes = (len(work.graph_id), work.num_graphs) * 2
    return Latents(*(first(part, rows) for part, rows in zip(latents, sizes, strict=True)))


def link_nats(logits: Tensor, types: Tensor) -> Tensor:
    """Binary cross-entropy of pairs (P,), those with a bond and those without counting the same in
    all: the negatives are all pairs of the molecule, so none is drawn."""
    bonded = types > 0
    present, absent = F.softplus(-logits[bonded]), F.softplus(logits[~bonded])
    halves = [part.mean() for part in (present, absent) if len(part)]
    return sum(halves) / len(halves) if halves else logits.sum()


def field_nats(logits: Tensor, codes: Tensor) -> Tensor:
    """Cross-entropy of atoms, logits (K, 184) and codes (K, 9): the mean over fields and atoms."""
    if not len(codes):
        return logits.sum()
    each = [
        F.cross_entropy(part.float(), codes[:, field])
        for field, part in enumerate(logits.split(ATOM_SIZES, dim=1))
    ]
    return torch.stack(each).mean()


def descriptor_error(
    model: MoleculeAutoencoder, z_graph: Tensor, features: Tensor, terms: TermOptions
) -> Tensor:
    """Mean squared error of scaled descriptors (B, F), clipped at five standard deviations; a
    random part of the columns, and no value that RDKit does not have. Of several blocks the mean,
    so that many bits of a fingerprint do not drown out a few descriptors."""
    columns = torch.rand(features.size(1), device=features.device) < terms.part
    counts = (torch.isfinite(features) & columns).float()
    error = (model.descriptors(z_graph).float() - model.features(features)).square() * counts
    widths = [len(block_of(block).names) for block in terms.blocks]
    means = [
        own.sum() / count.sum().clamp(min=1)
        for own, count in zip(error.split(widths, 1), counts.split(widths, 1), strict=True)
    ]
    return sum(means) / len(means)


def kl_by_dimension(latents: Latents, graph_id: Tensor, num_graphs: int) -> dict[str, Tensor]:
    """Nats of each dimension: of atoms (D,), the mean over molecules of the mean over a molecule's
    atoms, and of molecules (G,)."""
    found = {}
    if latents.atoms is not None:
        each = latents.atoms.kl()
        sizes = torch.bincount(graph_id, minlength=num_graphs).clamp(min=1).unsqueeze(1)
        found["atoms"] = (sum_at(each, graph_id, num_graphs) / sizes).mean(dim=0)
    if latents.graph is not None:
        found["graph"] = latents.graph.kl().mean(dim=0)
    return found
