"""A training's state on disk: written whole or not at all, read without running code."""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from molgnn.errors import Refusal


def save_checkpoint(path: Path, groups: dict[str, dict[str, Tensor]], state: dict) -> None:
    """Named groups of tensors and a JSON-able state in one safetensors file, renamed into place."""
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous().clone()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata={"state": json.dumps(state)})
    os.replace(partial, path)


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict]:
    """The groups and the state that ``save_checkpoint`` wrote. Raises Refusal if unreadable."""
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
            for key in file.keys():  # noqa: SIM118 (safe_open is no dict)
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise Refusal(f"{path}: unreadable checkpoint ({error}): delete it to start over") from None
    return groups, state


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as flat names, ``<parameter number>.<key>``."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": value for i, named in state.items() for key, value in named.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put the tensors of ``optimizer_tensors`` back."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
