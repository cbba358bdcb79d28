"""From a composed Hydra config to the options of a run: the only room that knows both."""

from dataclasses import replace

from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from molgnn.errors import Refusal
from molgnn.models.build import whole_spec
from molgnn.train.options import RunOptions
from molgnn.train.plain import from_plain
from molgnn.train.pretrain.options import PretrainOptions

OURS = (
    "data", "model", "encoder", "readout", "head", "loss", "optim", "fit", "pretrained",
    "finetune", "seed",
)  # fmt: skip
PRETRAIN = ("data", "terms", "encoder", "optim", "fit", "seed")


def run_options(config: DictConfig) -> RunOptions:
    """Raises Refusal for a value that is missing, unknown or of the wrong type."""
    return from_plain(RunOptions, _plain(config, OURS))


def pretrain_options(config: DictConfig) -> PretrainOptions:
    """Raises Refusal as ``run_options`` does."""
    chosen = from_plain(PretrainOptions, _plain(config, PRETRAIN))
    return replace(chosen, encoder=whole_spec(chosen.encoder))


def _plain(config: DictConfig, keys: tuple[str, ...]) -> dict:
    if not isinstance(config.get("force"), bool):
        raise Refusal(f"force={config.get('force')}: must be true or false")
    try:
        chosen = OmegaConf.masked_copy(config, list(keys))
        return OmegaConf.to_container(chosen, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise Refusal(f"{error.full_key} is missing: give {error.full_key}=...") from None
    except OmegaConfBaseException as error:
        raise Refusal(str(error).splitlines()[0]) from None
