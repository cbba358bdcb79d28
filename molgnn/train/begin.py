"""The encoder that a training begins with: found, and checked against what is asked beside it."""

from collections.abc import Mapping
from dataclasses import replace

from molgnn.errors import Refusal
from molgnn.models.build import whole_spec
from molgnn.models.pretrained import Pretrained, load_pretrained
from molgnn.train.options import ENCODER, RunOptions

FREE = "dropout"  # the one option of an encoder that weights do not depend on


def begun(
    options: RunOptions, pretrained: Pretrained | None = None
) -> tuple[RunOptions, Pretrained | None]:
    """The options with the encoder that is really there, and that encoder, None without one. It is
    loaded unless given. Options that went through this come out as they were.

    The encoder's spec takes the place of ``options.encoder``, but for the dropout, which is the
    run's own. Raises Refusal where another encoder is asked for, another standardisation of the
    molecules than in pretraining, and as ``load_pretrained`` does.
    """
    if options.pretrained is None:
        return options, None
    found = pretrained or load_pretrained(options.pretrained)
    if options.data.recipe != found.recipe:
        raise Refusal(
            f"pretrained={options.pretrained}: it learnt from molecules standardised as "
            f"{found.recipe}, not {options.data.recipe}: give data.recipe={found.recipe}"
        )
    return replace(options, encoder=_settled(options, found.spec)), found


def _settled(options: RunOptions, spec: Mapping) -> dict:
    """The spec, with the dropout that is asked for. Raises Refusal for an option that is neither
    its default nor that of the spec."""
    asked = whole_spec(options.encoder)
    name, said = asked["name"], f"pretrained={options.pretrained}: its encoder is {spec['name']}"
    if name not in (spec["name"], ENCODER):
        raise Refusal(f"{said}, not {name}: leave encoder={name} out")
    defaults = whole_spec(name)
    for option, value in asked.items():
        free = option in ("name", FREE) or value == defaults[option]
        if not free and (option not in spec or value != spec[option]):
            has = f" with {option} {spec[option]}" if option in spec else ""
            raise Refusal(f"{said}{has}: leave encoder.{option}={value} out")
    return {**spec, FREE: asked[FREE]}


def told(options: RunOptions, pretrained: Pretrained | None) -> dict:
    """What a model's card and ``metrics.json`` say of where it began; nothing without that."""
    if pretrained is None:
        return {}
    mode = options.finetune.called
    return {"pretrained": {"name": pretrained.name, "sha256": pretrained.sha256, "mode": mode}}
