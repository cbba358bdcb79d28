"""``molgnn tune``: trials over a space of options; Hydra composes each, Optuna chooses them."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.terminal import INTERRUPTED, say, share, terminated_as_interrupted
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from molgnn.train.tuning.tune import Search, Tuned

HELP = """usage: molgnn tune [key=value ...] [group=choice ...]

Try options of molgnn train, compare them on the validation molecules, and write the best as a
config that molgnn train takes. The first trial is the default configuration.

  molgnn tune data=esol trials=50
  molgnn tune data=csv data.path=mine.csv 'data.targets=[y]' trials=100 workers=auto
  molgnn tune data=esol encoder=gin fit.epochs=40   what is given is the same in all trials
  molgnn tune data=esol space.optim.lr.low=1e-4 'space.readout.choices=[sum,mean]'
  molgnn tune data=esol '~space.head'               these are not tuned
  molgnn tune data=esol space=mine.yaml             another space
  molgnn train tuned=runs/tune/esol/best.yaml       train with the winner

options of its own (with their defaults); all others are those of molgnn train:
"""

_FILE = "_file"  # no name to be listed: what begins so is not
OWN = ("trials", "workers", "metric", "prune", "space", "out", "force")


def run(argv: list[str]) -> int:
    if not {"-h", "--help"}.isdisjoint(argv):
        print(HELP + _defaults())
        return 0
    dashed = [word for word in argv if word.startswith("-")]
    if dashed:
        raise Refusal(f"{dashed[0]}: options are written key=value, without dashes: trials=50")
    from molgnn.cli.train import check_grammar

    check_grammar([word for word in argv if not word.startswith("~")])
    own = [word for word in argv if _key(word).partition(".")[0] in OWN]
    return _tune(own, [word for word in argv if word not in own])


def _defaults() -> str:
    """conf/tune.yaml, each option with what is said above it."""
    from importlib.resources import files

    text = files("molgnn.conf").joinpath("tune.yaml").read_text(encoding="utf-8")
    options = text.partition("\n\n")[2]
    space = files("molgnn.conf").joinpath("space").joinpath("standard.yaml")
    return f"\n{options}\nspace=standard:\n\n{space.read_text(encoding='utf-8').rstrip()}"


def _key(word: str) -> str:
    """The option or group that an override is about."""
    return word.lstrip("+~").partition("=")[0].partition("@")[0]


def _tune(own: list[str], given: list[str]) -> int:
    from molgnn.cli.train import called, composed

    config = composed(_with_file(own), "tune")
    if not isinstance(config.force, bool):
        raise Refusal(f"force={config.force}: must be true or false")
    search, base, note = _search(config, given)
    out = Path(str(config.out or Path("runs") / "tune" / called(base.data.name, base.data.path)))
    from molgnn.train.tuning.tune import tune

    chosen = {"trials": _whole(config, "trials"), "workers": config.workers, "force": config.force}
    if config.workers != "auto":
        chosen["workers"] = _whole(config, "workers")
    notes = [note] if note else []

    def told(line: str) -> None:  # the note only now: a refusal is the one line that a user sees
        while notes:
            say(notes.pop())
        say(line)

    try:
        with terminated_as_interrupted(), share("reading molecules") as reading:
            done = tune(search, out, say=told, reading=reading, **chosen)
    except KeyboardInterrupt:
        say(f"molgnn: interrupted: {out} keeps the trials that are done; the same command goes on")
        return INTERRUPTED
    for line in summary(done):
        print(line)
    return 0


def _whole(config, name: str) -> int:
    value = config[name]
    if isinstance(value, bool) or not isinstance(value, int):
        more = ", or auto" if name == "workers" else ""
        raise Refusal(f"{name}={value}: must be a whole number{more}")
    return value


def _with_file(own: list[str]) -> list[str]:
    """``space=FILE.yaml`` as a choice of the group ``space``, so that more can be set in it."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    words = []
    for word in own:
        path = Path(word.partition("=")[2].strip("'\""))
        if _key(word) != "space" or path.suffix not in (".yaml", ".yml"):
            words.append(word)
            continue
        try:
            node = OmegaConf.load(path)
        except FileNotFoundError:
            raise Refusal(f"space={path}: no such file") from None
        except (YAMLError, OmegaConfBaseException, UnicodeDecodeError, OSError):
            node = None
        if not OmegaConf.is_dict(node):
            raise Refusal(f"space={path}: not a YAML file of options") from None
        ConfigStore.instance().store(name=_FILE, node=node, group="space")
        words.append(f"space={_FILE}")
    return words


def _search(config, given: list[str]) -> tuple["Search", object, str]:
    """The search, the default configuration as Hydra composes it, and which options of the space
    are given, so not tuned."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from molgnn.cli.make import run_options
    from molgnn.cli.train import composed
    from molgnn.train.tuning.space import read_space
    from molgnn.train.tuning.tune import Search

    base = composed(given)
    run_options(base)
    fixed = {_key(word) for word in given}
    try:
        whole = read_space(OmegaConf.to_container(config.space, resolve=True))
    except OmegaConfBaseException as error:
        raise Refusal(f"the space: {str(error).splitlines()[0]}") from None
    kept = [option for option in whole if option.key not in fixed]
    if not kept:
        raise Refusal("nothing is left to tune: every option of the space is given")
    names = ", ".join(option.key for option in whole if option.key in fixed)
    asked = {key for option in kept for key in (option.key, *(option.when or ()))}
    defaults = {key: value for key in asked for value in _default(base, key)}
    for option in kept:
        if option.key not in defaults and not option.when:
            raise _unknown(base, option.key)

    def overrides(values: Mapping) -> list[str]:
        return [*given, *(override(key, value) for key, value in values.items())]

    search = Search(
        kept,
        defaults,
        lambda values: run_options(composed(overrides(values))),
        lambda values: {"overrides": overrides(values)},
        metric=str(config.metric),
        prune=str(config.prune),
    )
    return search, base, f"given, so not tuned: {names}" if names else ""


def _default(base, key: str) -> list:
    """The value of an option, or the choice of a group, in a list; an empty one where there is no
    such option."""
    from omegaconf import OmegaConf

    groups = base.hydra.runtime.choices
    if key in groups:
        return [groups[key]]
    missing = object()
    value = OmegaConf.select(base, key, default=missing)
    if value is missing or key.partition(".")[0] == "hydra":
        return []
    return [OmegaConf.to_container(value) if OmegaConf.is_config(value) else value]


def _unknown(base, key: str) -> Refusal:
    from omegaconf import OmegaConf

    group = key.rpartition(".")[0]
    node = OmegaConf.select(base, group) if group else base
    if OmegaConf.is_dict(node):
        known = [f"{group}.{k}" if group else str(k) for k in node if k != "hydra"]
        return choices("option in the space:", key, known)
    return Refusal(f"unknown option in the space: {key!r}: there is no {group}")


def override(key: str, value: object) -> str:
    """What one would type to give an option this value."""
    return f"{key}={_typed(value)}"


def _typed(value: object) -> str:
    if isinstance(value, str):
        if re.fullmatch(r"[A-Za-z_][\w-]*", value) and value.lower() not in _WORDS:
            return value
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_typed, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{_typed(v)}" for k, v in value.items()) + "}"
    return json.dumps(value)  # numbers, true, false, null


_WORDS = ("true", "false", "null", "nan", "inf")  # what Hydra would not read as text


def summary(done: "Tuned") -> list[str]:
    """The winner beside the default configuration, and how to train with it."""
    states = [row["state"] for row in done.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    values = " ".join(override(key, value) for key, value in done.values.items())
    how = shlex.join(["molgnn", "train", f"tuned={done.folder / 'best.yaml'}"])
    better = f"(default configuration: {done.default_value:.4f})"
    return [
        f"{len(states)} trials: {counts}; {done.folder}: trials.csv, study.png",
        f"best on valid: {done.metric} {done.value:.4f} {better}",
        f"options: {values or 'those of the default configuration'}",
        f"train with them: {how}",
    ]
