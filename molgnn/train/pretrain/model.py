"""The autoencoder of a pretraining: as it begins, and what it makes of codes never seen."""

import numpy as np
import torch
from torch import Tensor

from molgnn.chem.descriptors import block_of
from molgnn.chem.fields import ATOM_SIZES, BOND_SIZES
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.nn.embed import FieldEmbedding
from molgnn.nn.pairs import pair_frequencies
from molgnn.train.pretrain.options import PretrainOptions
from molgnn.train.pretrain.prepared import Prepared
from molgnn.train.pretrain.stream import Stream

SAMPLE = 20_000  # molecules from which scales of descriptors and shares of bonds are learnt


def new_autoencoder(options: PretrainOptions, stream: Stream) -> MoleculeAutoencoder:
    """As it starts: weights by the seed, scales of descriptors and shares of bonds by a sample."""
    torch.manual_seed(options.seed)
    sample = stream.first(SAMPLE)
    model = blank_autoencoder(options)
    model.frequencies.copy_(pair_frequencies(sample))
    if model.features is not None:
        model.features.fit(sample.features)
    return model


def blank_autoencoder(options: PretrainOptions) -> MoleculeAutoencoder:
    """With random weights, for which the library need not be known."""
    terms = options.terms
    width = sum(len(block_of(block).names) for block in terms.described)
    return MoleculeAutoencoder(
        options.encoder, terms.parts, terms.dim, terms.graph_dim, width, terms.kl > 0
    )


def code_counts(
    molecules: Prepared, stream: Stream, options: PretrainOptions
) -> tuple[list[Tensor], list[Tensor]]:
    """How often each code of each field was seen, all molecules once; hidden ones are ``other``."""
    sizes = {"atoms": ATOM_SIZES, "bonds": BOND_SIZES}
    found = {name: [np.zeros(size, np.int64) for size in own] for name, own in sizes.items()}
    for part in np.flatnonzero(stream.counts).tolist():
        graphs = molecules.part(part)
        for name, counts in found.items():
            for column, count in zip(getattr(graphs, name).T, counts, strict=True):
                count += np.bincount(column, minlength=len(count))
    for counts in found.values() if options.terms.mask else ():
        for count in counts:
            count[-1] += int(options.terms.mask * count.sum())
    atoms, bonds = ([torch.from_numpy(c) for c in counts] for counts in found.values())
    return atoms, bonds


def fill_unseen(model: MoleculeAutoencoder, counts: tuple[list[Tensor], list[Tensor]]) -> None:
    """Codes that no molecule has take the mean of those that some have."""
    for part in model.encoder.modules():
        if isinstance(part, FieldEmbedding):
            part.fill_unseen(counts[0] if part.sizes == ATOM_SIZES else counts[1])
