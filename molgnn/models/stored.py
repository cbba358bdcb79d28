"""What bundles and pretrained encoders have in common on disk: a config.json beside weights."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from molgnn.chem.features import schema_hash
from molgnn.errors import Refusal

BUNDLE, PRETRAINED = "molgnn-bundle", "molgnn-pretrained"  # the formats


def shipped(kind: str) -> dict[str, Path]:
    """The folders below ``molgnn/models/<kind>`` that hold a config, by name."""
    root = Path(str(files("molgnn.models") / kind))
    return {p.parent.name: p.parent for p in sorted(root.glob("*/config.json"))}


def read_format(path: Path, wanted: str) -> dict:
    """The config at ``path``. Raises Refusal in one line for what is no JSON, and for another
    format than ``wanted``, saying what it is good for."""
    config = _read(path)
    found = config.get("format") if isinstance(config, dict) else None
    if found == wanted:
        return config
    if found == PRETRAINED:
        raise Refusal(
            f"{path}: a pretrained encoder, which predicts nothing yet: train a model from it with "
            "molgnn train pretrained=..."
        )
    if found == BUNDLE:
        raise Refusal(
            f"{path}: a trained model, not a pretrained encoder: molgnn pretrain makes those, and "
            "molgnn models lists them"
        )
    what = "model" if wanted == BUNDLE else "pretrained encoder"
    raise Refusal(f"{path}: not the config of a molgnn {what} (no format {wanted!r})")


def is_pretrained(path: Path) -> bool:
    """Whether the config at ``path`` says that it is a pretrained encoder's. Raises Refusal for
    what is no JSON."""
    config = _read(path)
    return isinstance(config, dict) and config.get("format") == PRETRAINED


def _read(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits, lists in lists
        raise Refusal(f"{path}: not readable as JSON ({error})") from None


def check_features(path: Path, config: dict) -> None:
    """Raises Refusal where ``config["features"]`` are not the atom and bond features here."""
    found = config["features"].get("hash")
    if found != schema_hash():
        raise Refusal(
            f"{path}: trained on other atom and bond features ({found}, "
            f"here {schema_hash()}): train it again with this version"
        )


def read_weights(path: Path, config: dict) -> tuple[dict[str, torch.Tensor], str]:
    """What the file holds, and its sha256. Raises Refusal where it was changed."""
    try:
        raw = path.read_bytes()
        tensors = load(raw)
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path}: unreadable weights ({error})") from None
    digest = hashlib.sha256(raw).hexdigest()
    if config.get("weights_sha256", digest) != digest:
        raise Refusal(f"{path}: damaged: not the file that was saved with config.json")
    return tensors, digest
