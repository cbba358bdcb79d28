"""The variational graph autoencoder of molecules: an encoder, latents, and what is decoded."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from molgnn.chem.fields import ATOM_SIZES
from molgnn.data.batch import GraphBatch
from molgnn.errors import Refusal
from molgnn.models.build import build_encoder
from molgnn.models.pretrained import Pretrained
from molgnn.nn.beside import FeatureInput
from molgnn.nn.head import MLPHead
from molgnn.nn.latent import Gaussian, GaussianLatent
from molgnn.nn.pairs import TYPES, PairDecoder
from molgnn.nn.readout import SumReadout

PARTS = ("links", "pairs", "atoms", "descriptors")  # what can be decoded
WIDEST = 4096  # dimensions of a latent, columns of descriptors: a file may say anything


class Latents(NamedTuple):
    """Of N atoms and B molecules: posteriors, and what is decoded, z (N, D) and z_graph (B, G).
    What no term needs is None."""

    atoms: Gaussian | None
    graph: Gaussian | None
    z: Tensor | None
    z_graph: Tensor | None


class MoleculeAutoencoder(nn.Module):
    """q(z_i | G) and q(z_G | G) are normals whose means and variances are linear in the encoder's
    atom vectors, and in their sum over the molecule. Decoded are z_i + U z_G: all pairs of atoms
    (``pairs``), the fields of atoms (``atoms``); and z_G alone: descriptors of the molecule.

    Kipf and Welling 2016, arXiv:1611.07308, made for batches of molecules. ``parts`` says what is
    decoded: among links (inner products), pairs, atoms, descriptors; what nothing needs is not
    built. ``dim`` and ``graph_dim`` are D and G; ``descriptors`` how many there are. With
    ``variational`` latents are sampled, else they are the means.
    """

    def __init__(
        self,
        encoder: Mapping,
        parts: tuple[str, ...],
        dim: int,
        graph_dim: int,
        descriptors: int = 0,
        variational: bool = True,
    ):
        super().__init__()
        for size in (dim, graph_dim, descriptors):
            if not 0 <= size <= WIDEST:
                raise Refusal(f"a latent of {size} dimensions: give 1 to {WIDEST:,}")
        self.encoder = build_encoder(encoder)
        self.parts, self.variational = tuple(parts), variational
        of_atoms, width = {"links", "pairs", "atoms"} & set(parts), self.encoder.out_dim
        self.latent = GaussianLatent(width, dim) if of_atoms else None
        self.has_graph = graph_dim > 0 and bool(set(parts) - {"links"})
        self.readout = SumReadout(width) if self.has_graph else None
        self.graph_latent = GaussianLatent(width, graph_dim) if self.has_graph else None
        both = self.has_graph and bool(of_atoms - {"links"})
        self.down = nn.Linear(graph_dim, dim, bias=False) if both else None
        self.pairs = PairDecoder(dim) if "pairs" in parts else None
        self.atoms = nn.Linear(dim, sum(ATOM_SIZES)) if "atoms" in parts else None
        wanted = "descriptors" in parts
        self.features = FeatureInput(range(descriptors)) if wanted else None
        self.descriptors = MLPHead(graph_dim, descriptors) if wanted else None
        for latent in (self.latent, self.graph_latent):
            if latent is not None and not variational:  # no gradient reaches it, which DDP minds
                latent.log_variance.requires_grad_(False)
        # Shares of pair types in the library: what the weights of the pair term are made of.
        self.register_buffer("frequencies", torch.full((len(TYPES),), 1 / len(TYPES)))

    def posterior(self, batch: GraphBatch) -> tuple[Gaussian | None, Gaussian | None]:
        """Of the batch's N atoms, and of its B molecules."""
        h = self.encoder(batch.x, batch.edge_index, batch.edge_attr)
        graph = None
        if self.has_graph:
            graph = self.graph_latent(self.readout(h, batch.graph_id, batch.num_graphs))
        return None if self.latent is None else self.latent(h), graph

    def forward(self, batch: GraphBatch) -> Latents:
        """Posteriors, and latents: sampled in training where it is variational, else the means."""
        atoms, graph = self.posterior(batch)
        z, z_graph = (None if q is None else self._drawn(q) for q in (atoms, graph))
        return Latents(atoms, graph, z, z_graph)

    def _drawn(self, latent: Gaussian) -> Tensor:
        return latent.sample() if self.variational and self.training else latent.mean

    def decoded_from(self, z: Tensor, z_graph: Tensor | None, graph_id: Tensor) -> Tensor:
        """z_i + U z_G (N, D), what pairs and atoms are decoded from."""
        if self.down is None or z_graph is None:
            return z
        return z + self.down(z_graph).index_select(0, graph_id)

    def vectors(self, batch: GraphBatch) -> Tensor:
        """Molecule vectors (B, .): the mean of q(z_G | G); without one the mean of its atoms' z."""
        atoms, graph = self.posterior(batch)
        if graph is not None:
            return graph.mean
        pooled = SumReadout(atoms.mean.size(1), 1.0)(atoms.mean, batch.graph_id, batch.num_graphs)
        sizes = torch.bincount(batch.graph_id, minlength=batch.num_graphs)
        return pooled / sizes.clamp(min=1).unsqueeze(1)


def autoencoder_of(pretrained: Pretrained) -> MoleculeAutoencoder:
    """The whole autoencoder of a pretrained encoder, in ``eval`` mode. Raises Refusal where its
    file has no such thing, or one that is damaged."""
    where = pretrained.path / "config.json"
    known = pretrained.config.get("autoencoder")
    if not isinstance(known, dict) or set(known) != {"parts", "dim", "graph_dim", "variational"}:
        raise Refusal(f"{where}: holds an encoder alone: its latents cannot be had")
    sizes = [known["dim"], known["graph_dim"]]
    sound = isinstance(known["parts"], list) and set(map(str, known["parts"])) <= set(PARTS)
    sound &= isinstance(known["variational"], bool)
    sound &= all(type(size) is int and 0 <= size <= WIDEST for size in sizes)
    scaling = pretrained.others.get("features.scaling")
    width = 0 if scaling is None or scaling.dim() != 2 else scaling.size(1)
    taught = "descriptors" in known["parts"] if sound else False
    sound &= bool(known["parts"]) and sizes[0] >= 1 and taught == (0 < width <= WIDEST)
    if not sound or (taught and not sizes[1]):
        raise Refusal(f"{where}: damaged: 'autoencoder' describes none")
    state = {f"encoder.{k}": v for k, v in pretrained.encoder_state.items()} | pretrained.others
    given = (pretrained.spec, tuple(known["parts"]), *sizes, width, known["variational"])
    with torch.device("meta"):  # its shapes alone
        planned = MoleculeAutoencoder(*given).state_dict()
    if _shapes(state) != _shapes(planned):
        raise Refusal(f"{pretrained.path}: damaged: its weights do not fit config.json")
    model = MoleculeAutoencoder(*given)
    model.load_state_dict(state)
    return model.eval()


def _shapes(state: dict[str, Tensor]) -> dict:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in state.items()}
