"""How much of the latents is used: nats and variance of each dimension."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import batch_rows, to_batch
from molgnn.models.autoencoder import MoleculeAutoencoder
from molgnn.nn.latent import ACTIVE, Gaussian
from molgnn.nn.neighbours import mean_at

_BATCH = 256


@torch.inference_mode()
def latent_units(model: MoleculeAutoencoder, graphs: PackedGraphs) -> pd.DataFrame:
    """One row for each unit of the latents of atoms and of molecules, none where there is no such
    latent: ``kl`` to the standard normal in nats, the mean over molecules (of their atoms' means),
    NaN where nothing is variational; ``variance`` of its means over atoms or molecules; ``active``
    where that is above 0.01 (Burda et al. 2016, arXiv:1509.00519, section 5.2)."""
    nats: dict[str, list[Tensor]] = {"atoms": [], "graph": []}
    means: dict[str, list[Tensor]] = {"atoms": [], "graph": []}
    device = next(model.parameters()).device
    for rows in batch_rows(len(graphs), _BATCH):
        batch = to_batch(graphs.select(rows)).to(device)
        for name, posterior in zip(nats, model.posterior(batch), strict=True):
            if posterior is not None:
                of_atoms = name == "atoms"
                nats[name].append(_by_molecule(posterior, batch) if of_atoms else posterior.kl())
                means[name].append(posterior.mean)
    tables = [_table(name, nats[name], means[name], model.variational) for name in nats]
    return pd.concat([table for table in tables if len(table)], ignore_index=True)


def _by_molecule(posterior: Gaussian, batch) -> Tensor:
    return mean_at(posterior.kl(), batch.graph_id, batch.num_graphs)


def _table(name: str, nats: list[Tensor], means: list[Tensor], variational: bool) -> pd.DataFrame:
    if not nats:
        return pd.DataFrame()
    kl = torch.cat(nats).double().mean(dim=0).cpu().numpy()
    variance = torch.cat(means).double().var(dim=0).cpu().numpy()
    kl = kl if variational else np.full(len(kl), np.nan)
    table = {"latent": name, "unit": range(len(kl)), "kl": kl, "variance": variance}
    return pd.DataFrame(table | {"active": variance > ACTIVE})
