"""bf16 where it holds the ranking: tried on drugs before it is used, not believed."""

from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import torch

from molgnn.chem.graph import PackedGraphs, featurize

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor

SAMPLE = 1024  # molecules to try it on: a rank correlation of 1 - 1e-4 needs many
ENOUGH = 0.9999  # Spearman's rho between the scores in bf16 and in fp32


def agreement(model: "Predictor", graphs: PackedGraphs, column: int) -> float:
    """Spearman's rho between the column's values in fp32 and in bf16; nan where all are equal."""
    exact, rounded = (model.predict_graphs(graphs, p)[0][:, column] for p in ("fp32", "bf16"))
    if np.ptp(exact) == 0 or np.ptp(rounded) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(exact), _ranks(rounded))[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Equal values in the order of their rows. (scipy.stats takes half a second to import.)"""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks


def has_fast_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware; elsewhere it is emulated, and slow."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu":
        return False
    # torch has no public word for it. Where these go, fp32 is used, which is never wrong.
    signs = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, sign, bool)() for sign in signs)


def choose_precision(model: "Predictor", column: int) -> dict:
    """The precision in which ``model`` ranks a library by a column, and why, as plain data: bf16
    where the device is fast at it and ``ENOUGH`` of the ranking of approved drugs holds."""
    if not has_fast_bf16(model.device):
        return {"used": "fp32", "reason": f"this {model.device.type} has no fast bf16"}
    rho = agreement(model, featurize(_drugs(), model.recipe, model.blocks)[0], column)
    reason = f"Spearman {rho:.6f} between bf16 and fp32 on {SAMPLE} approved drugs"
    return {"used": "bf16" if rho >= ENOUGH else "fp32", "reason": reason}


def _drugs() -> list[str]:
    """Every so-manieth of those that ship with molgnn. Nobody knows what a library holds before its
    workers, which a bad molecule cannot hold up, have read it."""
    text = (files("molgnn.shipped") / "approved_drugs.smi").read_text(encoding="utf-8")
    lines = text.splitlines()
    return [line.split("\t")[0] for line in lines[:: len(lines) // SAMPLE]][:SAMPLE]
