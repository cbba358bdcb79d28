"""Features of whole molecules beside the graph, scaled as a network needs them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

_FARTHEST = 5.0  # standard deviations: a feature beyond says no more than "far"


class FeatureInput(nn.Module):
    """z = clip((asinh((x - m) / s) - mean) / std, -5, 5), feature by feature; a missing x gives 0.

    ``m`` is the median of the training molecules and ``s`` half the width between the 16th and the
    84th percentile, or the mean distance to the median where that is 0; mean and std are those of
    the asinh. It is close to the identity near the median and to a logarithm far away, so that
    descriptors of 1e20 and counts of 0 and 1 can stand side by side. What never changes gives 0.

    ``columns`` says where these features stand among those that are computed for the model.
    """

    def __init__(self, columns: Sequence[int]):
        super().__init__()
        self.out_dim = len(columns)
        self.in_dim = int(max(columns)) + 1  # as many at least must be computed
        index = torch.as_tensor(columns, dtype=torch.long)
        self.register_buffer("columns", index, persistent=False)
        self.register_buffer("scaling", torch.zeros(4, len(columns)))  # m, 1 / s, mean, 1 / std

    def fit(self, features: np.ndarray) -> None:
        """Learn the scaling from the training molecules' features (n, F)."""
        x = features[:, self.columns.numpy()].astype(np.float64)
        known = np.isfinite(x)
        x = np.ma.array(x, mask=~known).filled(np.nan)
        x[:, ~known.any(axis=0)] = 0.0
        low, middle, high = np.nanpercentile(x, [16, 50, 84], axis=0)
        width = (high - low) / 2
        width = np.where(width > 0, width, np.nanmean(np.abs(x - middle), axis=0))
        bent = np.arcsinh((x - middle) * _inverse(width))
        mean, std = np.nanmean(bent, axis=0), np.nanstd(bent, axis=0)
        rows = np.stack([middle, _inverse(width), mean, _inverse(std)])
        self.scaling.copy_(torch.from_numpy(rows))

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, F) as computed, NaN where missing -> (B, out_dim)."""
        middle, narrow, mean, precise = self.scaling
        x = features.index_select(1, self.columns)
        z = (torch.asinh((x - middle) * narrow) - mean) * precise
        return torch.nan_to_num(z, nan=0.0).clamp(-_FARTHEST, _FARTHEST)


def _inverse(width: np.ndarray) -> np.ndarray:
    return np.divide(1.0, width, out=np.zeros_like(width), where=width > 1e-12)
