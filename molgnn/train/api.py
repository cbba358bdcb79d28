"""``molgnn.fit`` and ``molgnn.evaluate``, with the options that most people change as arguments."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from molgnn.data.named.catalogue import DATASETS
from molgnn.errors import Refusal, choices
from molgnn.train.crossplan import FOREST, Folds, plan
from molgnn.train.crossreport import report
from molgnn.train.crossval import cross_validate
from molgnn.train.finetune import FinetuneOptions, finetune_options
from molgnn.train.members import EpochDone
from molgnn.train.options import (
    CLASS_LOSSES,
    ENCODER,
    REGRESSION_LOSSES,
    DataOptions,
    FitOptions,
    LossOptions,
    OptimOptions,
    RunOptions,
)
from molgnn.train.parts import DEFAULT, ModelOptions, model_options
from molgnn.train.plain import from_plain
from molgnn.train.run import Run, run


def fit(
    data: str | Path,
    targets: str | Sequence[str] = (),
    *,
    atom_targets: str | Sequence[str] = (),
    bond_targets: str | Sequence[str] = (),
    model: str | Mapping = DEFAULT,
    encoder: str | Mapping = ENCODER,
    readout: str | Mapping = "sum",
    head: str | Mapping = "mlp",
    kind: str | Mapping[str, str] = "auto",
    split: str | Mapping = "scaffold",
    seed: int = 0,
    out: str | Path | None = None,
    force: bool = False,
    loss: str | Mapping = "l2",
    transform: str | Mapping[str, str] = "auto",
    optim: Mapping | None = None,
    table: Mapping | None = None,
    pretrained: str | Path | None = None,
    finetune: str | Mapping = "staged",
    say: Callable[[str], None] = lambda line: None,
    epoch_done: EpochDone | None = None,
    **options,
) -> Run:
    """Train on a table, or on a data set by name, as ``molgnn train`` does.

    ``options`` are those of ``FitOptions`` (epochs, members, folds, ...), ``optim`` those of
    ``OptimOptions``, ``loss`` those of ``LossOptions`` or a loss's name, ``table`` further ones of
    ``DataOptions`` (smiles, units, recipe, repeats). ``targets`` are columns with one label a
    molecule, those of ``atom_targets`` and ``bond_targets`` hold lists. ``model``, ``encoder``,
    ``readout`` and ``head`` are names, or mappings with a name and options. ``pretrained`` is the
    name or folder of an encoder to begin with; how it goes on, ``finetune`` says: full, frozen,
    staged, layerwise, or options of ``FinetuneOptions``. ``out`` is the run's folder, a temporary
    one if None. ``say(line)`` and ``epoch_done(member, row)`` report progress.
    Returns a ``Run`` with ``model``, ``metrics``, ``predictions`` and ``folder``. Raises Refusal as
    ``train.run.run`` does.
    """
    columns = {"atom_targets": atom_targets, "bond_targets": bond_targets}
    parts = {"model": model, "encoder": encoder, "readout": readout, "head": head, "kind": kind}
    more = {"loss": loss, "transform": transform, "optim": optim, "table": table, "split": split}
    more |= {"pretrained": pretrained, "finetune": finetune}
    chosen = options_of(data, targets, **columns, **parts, **more, seed=seed, **options)
    folder = out if out is not None else tempfile.mkdtemp(prefix="molgnn-")
    return run(chosen, folder, force=force, say=say, epoch_done=epoch_done)


def evaluate(
    data: str | Path,
    targets: str | Sequence[str] = (),
    *,
    a: Mapping | None = None,
    b: Mapping | None = None,
    split: str = "random",
    folds: int = 5,
    repeats: int = 5,
    folds_seed: int = 0,
    metric: str | None = None,
    out: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
    **common,
) -> dict:
    """Repeated cross-validation of one configuration, or of two on equal folds with the paired
    test, as ``molgnn evaluate`` does.

    ``a`` and ``b`` are arguments of ``fit`` (model, encoder, epochs, ...), over those in ``common``
    that both share. ``split`` (random, stratified, scaffold), ``folds``, ``repeats`` and
    ``folds_seed`` deal the molecules; ``metric`` is what is compared, the one of the kind of target
    if None. ``out`` is the folder of the results, with which the same call goes on; a temporary one
    if None. ``say(line)`` reports each fold. Returns what ``summary.json`` says. Raises Refusal as
    ``train.crossplan.plan`` and ``train.crossval.cross_validate`` do.
    """
    own = {"a": dict(a or {})} | ({} if b is None else {"b": dict(b)})
    configs = {name: options_of(data, targets, **common | given) for name, given in own.items()}
    work = plan(configs, Folds(split, folds, repeats, folds_seed), metric)

    def fold_done(record: dict, left: list[str]) -> None:
        place = f"repeat {record['repeat'] + 1}, fold {record['fold'] + 1}, {record['config']}"
        say(f"{place}: {record['figures'].get(work.metric)} {work.metric}, {len(left)} left")

    folder = Path(out if out is not None else tempfile.mkdtemp(prefix="molgnn-"))
    records = cross_validate(work, folder, fold_done)
    labels = {name: ", ".join(f"{k}={v}" for k, v in given.items()) for name, given in own.items()}
    return report(work, records, folder, labels | {FOREST: "random forest"})


def options_of(
    data: str | Path,
    targets: str | Sequence[str] = (),
    *,
    atom_targets: str | Sequence[str] = (),
    bond_targets: str | Sequence[str] = (),
    model: str | Mapping = DEFAULT,
    encoder: str | Mapping = ENCODER,
    readout: str | Mapping = "sum",
    head: str | Mapping = "mlp",
    kind: str | Mapping[str, str] = "auto",
    split: str | Mapping = "scaffold",
    seed: int = 0,
    loss: str | Mapping = "l2",
    transform: str | Mapping[str, str] = "auto",
    optim: Mapping | None = None,
    table: Mapping | None = None,
    pretrained: str | Path | None = None,
    finetune: str | Mapping = "staged",
    **options,
) -> RunOptions:
    """What the arguments of ``fit`` stand for. Raises Refusal for what is unknown."""
    if not isinstance(data, str | os.PathLike):
        raise Refusal(
            f"a {type(data).__name__} is no table: give a file (DataFrame.to_csv writes one) or a "
            "data set's name; molgnn.sklearn takes molecules in memory"
        )
    is_name = str(data) in DATASETS and not Path(data).exists()
    if is_name and (targets or atom_targets or bond_targets):
        raise Refusal(f"{data} is a named data set with targets of its own: leave targets out")
    if not is_name and not Path(data).exists():
        known = ", ".join(DATASETS)
        raise Refusal(f"{data}: neither a file nor a data set with a name: {known}")
    columns = {"targets": targets, "atom_targets": atom_targets, "bond_targets": bond_targets}
    where = {"name": str(data)} if is_name else {"path": str(data), **columns}
    splits = {"name": split} if isinstance(split, str) else split
    if not isinstance(table or {}, Mapping):
        raise Refusal(f"table={table!r}: must hold options of its own")
    where |= {"split": splits, "transform": transform, **(table or {})}
    return RunOptions(
        data=from_plain(DataOptions, where, "data."),
        model=from_plain(ModelOptions, model_options(model), "model."),
        encoder=_part(encoder),
        readout=_part(readout),
        head={**_part(head), "kind": kind},
        loss=from_plain(LossOptions, loss_options(loss), "loss."),
        optim=from_plain(OptimOptions, optim or {}, "optim."),
        fit=from_plain(FitOptions, options, "fit."),
        pretrained=os.fspath(pretrained) if isinstance(pretrained, os.PathLike) else pretrained,
        finetune=from_plain(FinetuneOptions, finetune_options(finetune), "finetune."),
        seed=seed,
    )


def _part(part: str | Mapping) -> dict:
    """What is neither is refused where the network is built."""
    return dict(part) if isinstance(part, Mapping) else {"name": part}


def loss_options(loss: str | Mapping) -> Mapping:
    """A loss by its name alone, or options of ``LossOptions``. Raises Refusal for another name."""
    if not isinstance(loss, str):
        return loss
    if loss == "standard":
        return {}
    if loss in REGRESSION_LOSSES:
        return {"regression": loss}
    if loss in CLASS_LOSSES:
        return {"classes": loss}
    raise choices("loss", loss, (*REGRESSION_LOSSES, *CLASS_LOSSES))
