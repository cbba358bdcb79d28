"""``molgnn train``: Hydra composes the options, one run or a sweep of runs follows."""

import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.cli.terminal import INTERRUPTED, override, say
from molgnn.cli.tuned import expanded
from molgnn.data.named.catalogue import DATASETS
from molgnn.errors import Refusal, choices

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from molgnn.train.options import RunOptions

HELP = """usage: molgnn train [key=value ...] [group=choice ...] [-m]

Train a model; without arguments, on the solubility set that ships with molgnn.

  molgnn train data=esol encoder=gin readout=mean fit.epochs=50
  molgnn train data=csv data.path=mine.csv data.targets=[y] data.split.name=random
  molgnn train data=esol out=runs/mine        the same line again goes on after a kill
  molgnn train data=esol fit=ensemble         five networks in one model
  molgnn train data=esol pretrained=DIR finetune=staged   begin with a pretrained encoder
  molgnn train -m data=esol,lipo seed=0,1,2   a sweep, one run after the other
  molgnn train tuned=runs/tune/esol/best.yaml with the options that molgnn tune found
  molgnn train --cfg job                      print every option, train nothing
"""

HYDRA_FLAGS = ("--multirun", "--cfg", "--info", "--resolve", "--package", "--config-dir",
               "--config-path", "--config-name", "--hydra-help", "--version")  # fmt: skip


def run(argv: list[str]) -> int:
    """Compose once, to refuse in one line what is wrong; then hand over to Hydra."""
    if not {"-h", "--help"}.isdisjoint(argv):
        print(HELP + "\ngroups:\n" + "\n".join(_groups()))
        return 0
    argv = expanded(argv)
    strange = [a for a in argv if a.startswith("--") and a.partition("=")[0] not in HYDRA_FLAGS]
    if strange:
        raise Refusal(f"{strange[0]}: options are written key=value, without dashes: data=csv")
    if not any(argument.startswith("-") for argument in argv):  # a sweep is composed job by job
        check(argv)
    import hydra

    _register()
    sys.argv = ["molgnn train", *argv]
    hydra.main(version_base="1.3", config_path="pkg://molgnn.conf", config_name="train")(_job)()
    return 0


def _register() -> None:
    """``${called:NAME,PATH}`` in a config: how a run's folder is called after its data."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("called", called, replace=True)


def called(name: str | None, path: str | None) -> str:
    """The data set's name, or that of the table without what follows the first dot."""
    return name or (Path(path).name.partition(".")[0] if path else "") or "table"


def check(overrides: list[str]) -> "RunOptions":
    """The options that overrides compose. Raises Refusal where they do not compose, naming the
    choices where there are some."""
    check_grammar(overrides)
    from molgnn.cli.make import run_options

    return run_options(composed(expanded(overrides)))


def composed(overrides: list[str], name: str = "train") -> "DictConfig":
    """The config ``name`` with overrides, and what Hydra knows of it under ``hydra``. Raises
    Refusal in one line."""
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException, MissingConfigException

    _register()
    try:
        _check_values(overrides)
        with initialize_config_module("molgnn.conf", version_base="1.3"):
            return compose(name, overrides, return_hydra_config=True)
    except MissingConfigException as error:
        group, _, choice = (error.missing_cfg_file or "").rpartition("/")
        known = [option for option in error.options or () if not option.startswith("_")]
        raise choices(group or "config", choice, known) from None
    except HydraException as error:
        raise _refusal(error, overrides, name) from None


def _check_values(overrides: list[str]) -> None:
    """Refuse a number, a list or nothing where Hydra asserts a name, of a choice or of a folder."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    conf = Path(str(files("molgnn.conf")))
    for given in OverridesParser.create().parse_overrides(overrides):
        key, value = given.key_or_group, getattr(given.value(), "text", given.value())
        if not key:
            raise Refusal(f"{given.input_line}: options are written key=value, as in fit.epochs=50")
        named = isinstance(value, str) or given.is_delete() or given.is_sweep_override()
        if (conf / key).is_dir() and not named:
            raise choices(key, value, [path.stem for path in (conf / key).glob("[!_]*.yaml")])
        if key in ("out", "name") and (isinstance(value, list | dict) or "${" in str(value)):
            raise Refusal(f"{given.input_line}: must be a text")


def check_grammar(overrides: list[str]) -> None:
    """Refuse, with the remedy, what people type who do not know Hydra."""
    given = dict(text.partition("=")[::2] for text in overrides)
    if "data.path" in given and (given.get("data") in DATASETS or "data" not in given):
        path = f"'data.path={given['data.path']}'"
        named = f"data={given['data']} is a named data set" if "data" in given else "not alone"
        raise Refusal(f"{path}: {named}: a table of your own is data=csv {path}")
    for text in overrides:
        key, equals, value = text.partition("=")
        table = value if key == "data" else text
        if (not equals or key == "data") and Path(table).suffix:
            raise Refusal(
                f"{text}: to train on a table: molgnn train data=csv 'data.path={table}' "
                "'data.targets=[COLUMN]'"
            )
        if not equals:
            raise Refusal(f"{text}: options are written key=value, as in fit.epochs=50")
        if key == "out":
            _check_out(value)


def _check_out(value: str) -> None:
    """Hydra makes the folder before anything of ours runs, so it is looked at here."""
    folder = Path(value.strip("'\""))
    if not value or value == "null":
        raise Refusal("out= is empty: give a folder, out=runs/NAME")
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise Refusal(f"{path} is a file: give another folder with out=DIR")


def _refusal(error: Exception, overrides: list[str], name: str) -> Refusal:
    """One line for what Hydra says in several: the options of that group, or where to see all."""
    from hydra import compose, initialize_config_module
    from hydra.errors import OverrideParseException
    from omegaconf import DictConfig, OmegaConf

    if isinstance(error, OverrideParseException) and "=" in error.override:
        key, _, value = error.override.partition("=")
        said = f"{error.override}: a value with blanks or special characters wants quotes in quotes"
        known = value[:1] in ("[", "{", "'", '"')  # of a list, each of its values
        return Refusal(f"{said}, as {override(key, 'my file') if known else override(key, value)}")
    reason = str(error).splitlines()[0].rstrip(".")
    found = re.fullmatch(r"Could not override '(.+)'", reason)
    if found:
        group, _, key = found.group(1).rpartition(".")
        with initialize_config_module("molgnn.conf", version_base="1.3"):
            groups = [g for g, v in compose(name).items() if isinstance(v, DictConfig)]
            # choices of groups alone: another option may be unknown too
            config = compose(name, [o for o in overrides if o.partition("=")[0] in groups])
        while group and OmegaConf.select(config, group) is None:
            group, _, key = group.rpartition(".")
        node = OmegaConf.select(config, group) if group else config
        groups = [g for g, v in config.items() if isinstance(v, DictConfig) and key in v]
        if groups and not group:
            return Refusal(f"unknown option {key!r}: did you mean {groups[0]}.{key}?")
        if isinstance(node, DictConfig):
            return choices(f"option of {group}" if group else "option", key, node)
    shows = "molgnn train --cfg job" if name == "train" else f"molgnn {name} --help"
    return Refusal(f"{reason}: `{shows}` prints every option")


def _groups() -> list[str]:
    """Each config group of a run with its choices, read from the packaged ``conf``."""
    conf = Path(str(files("molgnn.conf")))
    others = ("space", "terms", "screen")  # groups of other commands
    groups = (path for path in conf.iterdir() if path.name not in others)
    folders = sorted(path for path in groups if any(path.glob("*.yaml")))
    return [
        f"  {folder.name:9}{', '.join(sorted(file.stem for file in folder.glob('*.yaml')))}"
        for folder in folders
    ]


def _job(config) -> None:
    """What Hydra calls for each run; errors end here, since Hydra would print a traceback."""
    from hydra.core.hydra_config import HydraConfig

    out = _near(Path(HydraConfig.get().runtime.output_dir))
    try:
        _train(config, out)
    except Refusal as refusal:
        say(f"molgnn: {refusal}")
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()  # Hydra made it, and nothing came of it
        sys.exit(1)
    except OSError as error:
        say(f"molgnn: {error.filename or out}: {error.strerror}: give another out=DIR")
        sys.exit(1)
    except KeyboardInterrupt:
        say(f"molgnn: interrupted: the same command with out={out} goes on from the last epoch")
        sys.exit(INTERRUPTED)


def _near(path: Path) -> Path:
    """The path as one would type it here: Hydra makes it absolute."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _train(config, out: Path) -> None:
    from molgnn.cli.epochs import EpochLog
    from molgnn.cli.figures import summary
    from molgnn.cli.make import run_options
    from molgnn.cli.terminal import share
    from molgnn.train.run import run

    options = run_options(config)
    log = EpochLog(options.fit.epochs)
    with share("reading molecules") as reading:
        done = run(options, out, force=config.force, say=say, epoch_done=log, reading=reading)
    log.close()
    for line in summary(done):
        print(line)
