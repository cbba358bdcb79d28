"""Link prediction on one graph: an autoencoder learns from most edges and is asked for the rest.

The steps of Kipf and Welling 2016, arXiv:1611.07308, section 3: 200 of Adam at 0.01, each on the
whole graph, and the vectors of the last are the answer. Parts: ``data.pairs``.
"""

from typing import NamedTuple

import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import Tensor

from molgnn.data.named.planetoid import CitationGraph
from molgnn.data.pairs import both_ways, non_edges, split_links
from molgnn.errors import choices
from molgnn.nn.gae import AUTOENCODERS, divergence, full_loss, inner_product, sampled_loss
from molgnn.nn.latent import Gaussian
from molgnn.nn.shift import Shift

NEGATIVES = ("all", "sampled")


class LinkOptions(NamedTuple):
    """How an autoencoder learns. ``negatives``: "all" non-edges, as published, or "sampled": as
    many as there are edges, new ones each step. ``beta`` weighs the divergence; 1 is the ELBO."""

    model: str = "VGAE"
    hidden: int = 32
    dim: int = 16
    epochs: int = 200
    lr: float = 0.01
    negatives: str = "all"
    beta: float = 1.0


def link_figures(graph: CitationGraph, seed: int, options: LinkOptions) -> dict[str, dict]:
    """``{"valid": {"auc": .., "ap": ..}, "test": ..}``, each between 0 and 1.

    The seed draws the split, the weights and the noise, and leaves torch's own generator as it was.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = split_links(graph.edges, len(graph.x), generator)
    z = learn_links(graph.x, parts.train, options, generator)
    return {
        "valid": ranked(z, parts.valid, parts.valid_none),
        "test": ranked(z, parts.test, parts.test_none),
    }


def learn_links(
    x: Tensor, edges: Tensor, options: LinkOptions, generator: torch.Generator
) -> Tensor:
    """Vectors (N, dim) of the nodes of a graph with features x (N, F) and edges (2, M), i < j: of a
    VGAE the means. Deterministic, given the generator's state."""
    if options.model not in AUTOENCODERS:
        raise choices("graph autoencoder", options.model, AUTOENCODERS)
    if options.negatives not in NEGATIVES:
        raise choices("kind of negatives", options.negatives, NEGATIVES)
    model = _fresh(options, x.size(1), generator)
    shift = Shift("symmetric", both_ways(edges), x.new_empty(len(x), 0).to_dense(), loops=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    for _ in range(options.epochs):
        optimizer.zero_grad()
        loss(model(x, shift), edges, options, generator).backward()
        optimizer.step()
    with torch.no_grad():
        latent = model(x, shift)
    return latent.mean if isinstance(latent, Gaussian) else latent


def _fresh(options: LinkOptions, in_dim: int, generator: torch.Generator) -> torch.nn.Module:
    start = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(start)
        return AUTOENCODERS[options.model](in_dim, options.hidden, options.dim)


def loss(
    latent: Tensor | Gaussian, edges: Tensor, options: LinkOptions, generator: torch.Generator
) -> Tensor:
    """Reconstruction of the edges + beta KL, the negative ELBO over N^2: one sample of the latent,
    and non-edges that are drawn now."""
    z = latent.sample(generator) if isinstance(latent, Gaussian) else latent
    if options.negatives == "all":
        found = full_loss(z, both_ways(edges))
    else:
        found = sampled_loss(z, edges, non_edges(edges, len(z), edges.size(1), generator))
    if isinstance(latent, Gaussian):
        found = found + options.beta * divergence(latent)
    return found


def ranked(z: Tensor, edges: Tensor, none: Tensor) -> dict[str, float]:
    """ROC-AUC and average precision of edges among as many non-edges, by their logits."""
    logits = torch.cat([inner_product(z, edges), inner_product(z, none)])
    labels = torch.cat([torch.ones(edges.size(1)), torch.zeros(none.size(1))])
    answer = (labels.numpy(), logits.numpy())
    return {
        "auc": float(roc_auc_score(*answer)),
        "ap": float(average_precision_score(*answer)),
    }
