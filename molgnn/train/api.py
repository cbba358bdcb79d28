"""``molgnn.fit``: one run from Python, with the options that most people change as arguments."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from molgnn.data.catalogue import DATASETS
from molgnn.errors import Refusal
from molgnn.train.members import EpochDone
from molgnn.train.options import (
    DataOptions,
    FitOptions,
    OptimOptions,
    RunOptions,
    from_plain,
)
from molgnn.train.run import Run, run


def fit(
    data: str | Path,
    targets: str | Sequence[str] = (),
    *,
    encoder: str | Mapping = "dmpnn",
    readout: str | Mapping = "sum",
    kind: str | Mapping[str, str] = "auto",
    split: str | Mapping = "scaffold",
    seed: int = 0,
    out: str | Path | None = None,
    force: bool = False,
    optim: Mapping | None = None,
    table: Mapping | None = None,
    say: Callable[[str], None] = lambda line: None,
    epoch_done: EpochDone | None = None,
    **options,
) -> Run:
    """Train on a table, or on a data set by name, as ``molgnn train`` does.

    ``options`` are those of ``FitOptions`` (epochs, members, patience, ...), ``optim`` those of
    ``OptimOptions``, ``table`` further ones of ``DataOptions`` (smiles, units, recipe, repeats).
    ``out`` is the run's folder, a temporary one if None. ``say(line)`` and ``epoch_done(member,
    row)`` report progress. Returns a ``Run`` with ``model``, ``metrics``, ``predictions`` and
    ``folder``. Raises Refusal as ``train.run.run`` does.
    """
    is_name = str(data) in DATASETS and not Path(data).exists()
    if is_name and targets:
        raise Refusal(f"{data} is a named data set with targets of its own: leave targets out")
    where = {"name": str(data)} if is_name else {"path": str(data), "targets": targets}
    splits = {"name": split} if isinstance(split, str) else split
    chosen = RunOptions(
        data=from_plain(DataOptions, {**where, "split": dict(splits), **(table or {})}, "data."),
        encoder=_part(encoder),
        readout=_part(readout),
        head={"name": "mlp", "kind": kind},
        optim=from_plain(OptimOptions, optim or {}, "optim."),
        fit=from_plain(FitOptions, options, "fit."),
        seed=seed,
    )
    folder = out if out is not None else tempfile.mkdtemp(prefix="molgnn-")
    return run(chosen, folder, force=force, say=say, epoch_done=epoch_done)


def _part(part: str | Mapping) -> dict:
    return {"name": part} if isinstance(part, str) else dict(part)
