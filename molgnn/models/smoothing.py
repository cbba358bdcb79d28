"""Over-smoothing of a network, measured on molecules."""

import pandas as pd
import torch
from torch import nn

from molgnn.chem.packed import PackedGraphs
from molgnn.data.batch import batch_rows, to_batch
from molgnn.nn.smoothing import mean_length, mean_pairwise_distance, relative_distance

MEASURES = {
    "distance": mean_pairwise_distance,
    "length": mean_length,
    "relative": relative_distance,
}


@torch.inference_mode()
def atom_distances(encoder: nn.Module, graphs: PackedGraphs) -> pd.DataFrame:
    """How far apart an encoder puts the atoms of each molecule: what the readout is given.

    One row a molecule, with ``distance``, ``length`` and ``relative``: see ``nn.smoothing``. A
    molecule of one atom has no distance, so that ``mean()`` is that of the others. The encoder
    works as in prediction (no dropout, batch norm with its running figures), and keeps its mode.
    """
    device, mode = next(encoder.parameters()).device, encoder.training
    encoder.eval()
    parts = []
    for rows in batch_rows(len(graphs), 256):
        batch = to_batch(graphs.select(rows)).to(device)
        h = encoder(batch.x, batch.edge_index, batch.edge_attr).cpu()  # Apple's GPUs have no double
        atoms = h, batch.graph_id.cpu(), batch.num_graphs
        parts.append(pd.DataFrame({name: at(*atoms).numpy() for name, at in MEASURES.items()}))
    encoder.train(mode)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*MEASURES])
