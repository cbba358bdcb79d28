"""``molgnn pretrain``: an encoder learns from a library without labels."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from molgnn.cli.meter import Meter, duration
from molgnn.cli.terminal import INTERRUPTED, override, progress, say, terminated_as_interrupted
from molgnn.errors import Refusal

HELP = """usage: molgnn pretrain [key=value ...] [group=choice ...]

Pretrain an encoder on molecules without labels; train with it: molgnn train pretrained=FOLDER.

  molgnn pretrain data.library=library.smi.gz
  molgnn pretrain data.library=library.smi.gz 'data.exclude=[test1.csv,test2.csv]'
  molgnn pretrain data.library=PACKED terms=vgae encoder=gin out=runs/vgae
  molgnn pretrain data.library=library.smi.gz terms=vgae terms.kl=0.01 fit.epochs=5

The same line again goes on after a kill. Options with their defaults, and the choices of a group:
"""


def run(argv: list[str]) -> int:
    if not {"-h", "--help"}.isdisjoint(argv):
        print(HELP + _defaults())
        return 0
    dashed = [word for word in argv if word.startswith("-")]
    if dashed:
        said = "options are written key=value, without dashes: fit.epochs=5"
        raise Refusal(f"{dashed[0]}: {said}")
    for word in argv:
        if "=" not in word:
            said = "options are written key=value, and a library data.library=FILE"
            raise Refusal(f"{word}: {said}")
    from molgnn.cli.train import composed

    config = composed(argv, "pretrain")
    choice = config.hydra.runtime.choices["terms"]
    return _pretrain(config, choice)


def _defaults() -> str:
    """conf/pretrain.yaml, the terms of the loss, and how the choices of the groups differ."""
    from importlib.resources import files

    from molgnn.train.pretrain.options import DEFAULT_TERMS, TERMS

    conf = files("molgnn.conf")
    options = conf.joinpath("pretrain.yaml").read_text(encoding="utf-8").partition("\n\n")[2]
    terms = conf.joinpath("terms").joinpath("vgae.yaml").read_text(encoding="utf-8")
    said = f"terms={'|'.join(TERMS)} (default: {DEFAULT_TERMS}); those of vgae"
    others = [
        f"terms={name}: as vgae, but " + ", ".join(f"{k} {_written(v)}" for k, v in own.items())
        for name, own in TERMS.items()
        if own
    ]
    groups = [
        f"{group}={'|'.join(_choices(conf.joinpath(group)))}, with the options of molgnn train"
        for group in ("encoder", "optim")
    ]
    return "\n".join([f"\n{options}\n{said}:\n\n{terms.rstrip()}\n", *others, *groups])


def _choices(folder) -> list[str]:
    return sorted(path.name.removesuffix(".yaml") for path in folder.iterdir())


def _written(value) -> str:
    return f"[{','.join(value)}]" if isinstance(value, tuple) else f"{value:g}"


def _pretrain(config, choice: str) -> int:
    from molgnn.cli.make import pretrain_options

    options = pretrain_options(config)
    out = Path(str(config.out or Path("runs") / "pretrain" / f"{_stem(options)}-{choice}"))
    from molgnn.train.pretrain.run import pretrain

    try:
        with terminated_as_interrupted(), ExitStack() as shown:

            def line(text: str) -> None:
                shown.close()  # the meter of what was prepared
                say(text)

            done = pretrain(
                options,
                out,
                name=str(config.name or ""),
                force=config.force,
                say=line,
                report=told,
                progress=stages(shown),
            )
    except KeyboardInterrupt:
        say(f"molgnn: interrupted: the same command goes on from the last checkpoint in {out}")
        return INTERRUPTED
    for line in summary(done):
        print(line)
    return 0


def stages(shown: ExitStack) -> Callable[[str, int], None]:
    """A meter for each of the works that come one after the other, by its name."""
    meters: dict[str, Meter] = {}

    def update(what: str, rows: int) -> None:
        if what not in meters:
            shown.close()
            meters[what] = shown.enter_context(progress(what))
        meters[what](rows)

    return update


def _stem(options) -> str:
    return Path(options.data.library[0]).name.partition(".")[0] or "library"


def told(row: dict) -> None:
    """A row of the history on stderr."""
    terms = ", ".join(f"{name} {value:.4f}" for name, value in row["terms"].items())
    rate = row["molecules_per_second"]
    left = (row["steps"] - row["step"]) * row["molecules"] / rate
    say(
        f"step {row['step']:,} of {row['steps']:,}: {terms}; {rate:,.0f} molecules/s, "
        f"{duration(left)} left"
    )
    if "valid" in row:
        say(f"  held out: {judged(row['valid'])}")


def judged(valid: dict) -> str:
    """The figures of held-out molecules in a few words."""
    shares = {
        "atoms_right": "of hidden atoms right",
        "bonds_right": "of bonds right",
        "molecules_right": "of whole molecules right",
    }
    parts = [f"{valid[k]:.1%} {said}" for k, said in shares.items() if valid.get(k) is not None]
    parts += [f"{n} active units of {what}" for what, n in valid["active_units"].items()]
    if valid.get("kl_per_molecule") is not None:
        parts.append(f"{valid['kl_per_molecule']:.0f} nats of KL a molecule")
    return ", ".join(parts)


def summary(done) -> list[str]:
    metrics = done.metrics
    rate = metrics["train_molecules_per_second"]
    return [
        f"{metrics['molecules']:,} molecules, {metrics['steps']:,} steps, {rate:,.0f} molecules/s",
        f"held out: {judged(metrics['valid'])}",
        f"train with it: molgnn train {override('pretrained', str(done.folder))}",
    ]
