"""Vectors of molecules: those of a trained model's networks, or of a pretrained encoder."""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from molgnn.chem.packed import PackedGraphs
from molgnn.errors import Refusal
from molgnn.models.autoencoder import MoleculeAutoencoder, autoencoder_of
from molgnn.models.bundle import find_bundle, load_bundle, resolve_device
from molgnn.models.ensemble import all_graphs
from molgnn.models.job import ScoringJob
from molgnn.models.pretrained import Pretrained, load_pretrained
from molgnn.models.property import PropertyModel
from molgnn.models.scorer import Scorer
from molgnn.models.stored import is_pretrained
from molgnn.nn.readout import MeanReadout

MEAL = 1 << 16  # molecules at a time on a GPU, whose vectors wait in memory to be written


class LatentMean(nn.Module):
    """``MoleculeAutoencoder.vectors`` as a readout: what molecules are made of their atoms."""

    def __init__(self, model: MoleculeAutoencoder):
        super().__init__()
        self.latent, self.of_graph = model.graph_latent, model.graph_latent is not None
        if self.of_graph:
            self.readout = model.readout
        else:
            self.latent, self.readout = model.latent, MeanReadout(model.latent.out_dim)
        self.out_dim = self.latent.out_dim

    def forward(self, h: Tensor, graph_id: Tensor, num_graphs: int) -> Tensor:
        """h (N, .), graph_id (N,) -> (B, D)."""
        if self.of_graph:
            return self.latent(self.readout(h, graph_id, num_graphs)).mean
        return self.readout(self.latent(h).mean, graph_id, num_graphs)


class Embedder:
    """Networks whose molecule vectors are wanted, side by side: (B, networks x D), ``width`` in
    all. A molecule's vector does not depend on the molecules beside it.

    To ``screen.scoring`` it is a model whose columns are the dimensions, in single precision.
    """

    blocks = ()

    def __init__(
        self,
        networks: Sequence[tuple[nn.Module, nn.Module]],
        recipe: str,
        device: torch.device,
        name: str = "",
        sha256: str = "",
    ):
        self.networks = [
            PropertyModel(encoder, readout, None).to(device).eval() for encoder, readout in networks
        ]
        self.recipe, self.device, self.name, self.sha256 = recipe, device, name, sha256

    @classmethod
    def of_encoder(
        cls, pretrained: Pretrained, model: MoleculeAutoencoder, device: torch.device
    ) -> "Embedder":
        """That of a pretrained encoder, ``model`` being its autoencoder."""
        networks = [(model.encoder, LatentMean(model))]
        return cls(networks, pretrained.recipe, device, pretrained.name, pretrained.sha256)

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key != "_scorer"}

    @property
    def width(self) -> int:
        return sum(network.readout.out_dim for network in self.networks)

    @property
    def appetite(self) -> int:
        """Molecules to embed at a time: many on a GPU, which waits for each call to end."""
        return 0 if self.device.type == "cpu" else MEAL

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.networks, self.device)

    def vectors(self, graphs: PackedGraphs) -> np.ndarray:
        """(B, width) float32."""
        return self._scorer.embed(graphs)

    def embed(self, texts: str | Iterable[str]) -> np.ndarray:
        """SMILES -> (B, width) float32. Raises Refusal at a text that is no molecule."""
        return self.vectors(all_graphs(texts, self.recipe))

    def predict_graphs(
        self, graphs: PackedGraphs, precision: str = "fp32"
    ) -> tuple[np.ndarray, np.ndarray]:
        """The vectors, and spreads of none of them."""
        return self.vectors(graphs), np.zeros((len(graphs), 0), dtype=np.float32)

    def job(self, precision: str = "fp32") -> ScoringJob | None:
        """What worker processes need to embed by themselves; None where they cannot."""
        return ScoringJob.of(self, precision) if self.device.type == "cpu" else None


def load_embedder(model: str | os.PathLike, device: str = "auto") -> Embedder:
    """That of a trained model or of a pretrained encoder, each by its folder or name.

    Raises Refusal for anything else, and for a model without a network."""
    folder = find_bundle(model, encoders=True)
    if is_pretrained(folder / "config.json"):
        pretrained = load_pretrained(folder)
        there = resolve_device(device)
        return Embedder.of_encoder(pretrained, autoencoder_of(pretrained), there)
    found = load_bundle(folder, device)
    if not found.members:
        raise Refusal(f"{model}: has no network, so it has no vectors of molecules")
    networks = [(member.encoder, member.readout) for member in found.members]
    return Embedder(networks, found.recipe, found.device, found.name, found.sha256)
