"""From a composed Hydra config to the options of a run: the only room that knows both."""

from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from molgnn.errors import Refusal
from molgnn.train.options import RunOptions
from molgnn.train.plain import from_plain

OURS = (
    "data", "model", "encoder", "readout", "head", "loss", "optim", "fit", "pretrained",
    "finetune", "seed",
)  # fmt: skip


def run_options(config: DictConfig) -> RunOptions:
    """Raises Refusal for a value that is missing, unknown or of the wrong type."""
    if not isinstance(config.get("force"), bool):
        raise Refusal(f"force={config.get('force')}: must be true or false")
    try:
        chosen = OmegaConf.masked_copy(config, list(OURS))
        plain = OmegaConf.to_container(chosen, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise Refusal(f"{error.full_key} is missing: give {error.full_key}=...") from None
    except OmegaConfBaseException as error:
        raise Refusal(str(error).splitlines()[0]) from None
    return from_plain(RunOptions, plain)
