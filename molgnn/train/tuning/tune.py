"""Tune: a study of trials over a space of options, the default configuration first."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from molgnn.data.packed.durable import durable
from molgnn.data.pool.workers import cores
from molgnn.data.readers.reader import file_sha256
from molgnn.data.tables.features import with_features
from molgnn.errors import Refusal, choices
from molgnn.train.begin import FREE
from molgnn.train.folder import BEGUN, SHA, plain
from molgnn.train.ledger import alone
from molgnn.train.options import RunOptions
from molgnn.train.record import describe
from molgnn.train.run import Run, read_data, run, split_data
from molgnn.train.tuning.claim import BEST, enter, remove
from molgnn.train.tuning.crew import Crew
from molgnn.train.tuning.memory import Room, free_memory
from molgnn.train.tuning.results import PICTURE, TRIALS, picture, table, write_table
from molgnn.train.tuning.space import Option
from molgnn.train.tuning.study import PRUNERS, Study, is_default
from molgnn.train.tuning.trial import Material, Outcome, attempt, material_of, metric_of

_OF_NETWORKS = {"encoder", "readout", "head", "optim", "loss", "fit"}


@dataclass(frozen=True)
class Search:
    """What is searched, and how. ``options_of(values)`` are the options of a run in which options
    of ``space`` have those values, of the default configuration for none; it raises Refusal for
    values that do not go together. ``defaults`` are that configuration's values by name, of groups
    too. ``config_of(values)`` is what ``best.yaml`` is to hold, as plain data; None for no file."""

    space: Sequence[Option]
    defaults: Mapping
    options_of: Callable[[Mapping], RunOptions]
    config_of: Callable[[Mapping], dict] | None = None
    metric: str = "auto"
    prune: str = "median"


@dataclass(frozen=True)
class Tuned:
    """A study at its end: the winner's values of the options and its options as a whole, its
    figure beside that of the default configuration, and a row for each trial."""

    folder: Path
    metric: str
    values: dict
    options: RunOptions
    value: float
    default_value: float
    trials: list[dict]

    def train(self, out: str | Path, **more) -> Run:
        """A run with the winner's options, as ``train.run.run`` does it: now the test part is
        judged too."""
        return run(self.options, out, **more)


def tune(
    search: Search,
    out: str | Path,
    *,
    trials: int = 50,
    workers: int | str = 1,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    reading: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Try options until the study in ``out`` has ``trials`` trials; it goes on where it was.

    Trials learn from the train part and are compared on the valid part; the test part is not looked
    at. ``workers`` processes at a time, "auto" for one a core, fewer where memory is short: see
    ``Room``. ``say`` gets a line a trial. Raises Refusal where ``out`` holds another study, and
    where the default configuration fails. With a pretrained encoder the options of the encoder are
    given by it, but for its dropout, and are not tried.
    """
    out, default = Path(out), search.options_of({})
    if default.pretrained is not None:
        search = replace(search, space=[o for o in search.space if not _is_settled(o.key)])
    size = _checked(search, default, trials, workers)
    dataset, source, units = read_data(default.data, default.kind, reading)
    parts, blocks = split_data(dataset, default), default.model.blocks
    material = material_of(with_features(dataset, blocks, reading), parts, units, blocks)
    metric = metric_of(search.metric, material.tasks(default))
    job = material.job(default)  # refuses now what cannot be learnt, while no folder is touched
    claim = _claim(search, default, metric, file_sha256(source))
    claim |= {BEGUN: job.pretrained.sha256} if job.pretrained else {}
    with alone(out):
        enter(out, claim, force)
        study = Study(
            out, search.space, search.defaults, metric, _pruning(search), seed=default.seed
        )
        say(describe(dataset))
        say(
            f"{out}: {len(study.trials)} of {trials} trials are done; {metric} on "
            f"{len(material.parts.valid):,} validation molecules, {len(search.space)} options"
        )
        _try(study, search, material, trials, size, out, say)
        return _tuned(study, search, out)


def _is_settled(key: str) -> bool:
    """Whether an option is that of the encoder, or of its weights."""
    return key.partition(".")[0] == "encoder" and key != f"encoder.{FREE}"


def _checked(search: Search, default: RunOptions, trials: int, workers: int | str) -> int:
    """How many workers at most. Raises Refusal for what cannot be searched."""
    if not isinstance(trials, int) or trials < 1:
        raise Refusal(f"trials={trials}: must be at least 1")
    if search.prune not in PRUNERS:
        raise choices("prune", search.prune, PRUNERS)
    if workers != "auto" and (not isinstance(workers, int) or workers < 1):
        raise Refusal(f"workers={workers}: must be at least 1, or auto")
    if default.fit.devices > 1:
        raise Refusal("fit.devices: a trial has one device; workers=N trains several at a time")
    if not search.space:
        raise Refusal("nothing is left to tune: every option of the space is given")
    inert = {option.key.partition(".")[0] for option in search.space} <= _OF_NETWORKS
    if inert and not default.model.networks:
        what = " and ".join(default.model.possible)
        raise Refusal(f"the space is of networks alone, of which {what} has none: give another one")
    return min(cores() if workers == "auto" else workers, trials)


def _pruning(search: Search) -> str:
    """Losses of trials are compared only if the loss and its scale are the same in all."""
    is_tuned = any(option.key.partition(".")[0] == "loss" for option in search.space)
    return "none" if is_tuned and search.prune in PRUNERS else search.prune


def _claim(search: Search, default: RunOptions, metric: str, sha256: str) -> dict:
    space = {option.key: option.plain() for option in search.space}
    how = {"metric": metric, "prune": search.prune, "space": space}
    return {**how, "options": plain(default), SHA: sha256}


def _try(
    study: Study, search: Search, material: Material, trials: int, size: int, out: Path, say
) -> None:
    """Trials until there are enough."""

    def next_trial():
        """The next one that can be made; None when there are enough."""
        while len(study.trials) < trials or study.default is None:
            trial, values = study.next()
            try:
                return trial, search.options_of(values)
            except Refusal as refusal:
                ended(trial, Outcome("failed", reason=str(refusal)))
        return None

    def ended(trial, outcome: Outcome) -> None:
        study.tell(trial, outcome)
        if is_default(study.study.trials[trial.number]) and outcome.state == "failed":
            remove(out)  # nothing has come of it, and the remedy is another configuration
            raise Refusal(f"the default configuration fails: {outcome.reason}")
        rows = table(study)
        write_table(out / TRIALS, rows)
        if study.best is not None and study.best.number == trial.number:
            _write_best(out / BEST, study, search)
        say(_line(study, trial.number, trials))

    if size == 1:
        while found := next_trial():
            trial, options = found
            outcome = attempt(
                material, options, study.metric, lambda n, loss, t=trial: study.report(t, n, loss)
            )
            ended(trial, outcome)
        return
    room = Room(size, free_memory())
    with closing(Crew(material, study.metric, room).run(next_trial, study.report)) as outcomes:
        for trial, outcome in outcomes:
            ended(trial, outcome)


def _line(study: Study, number: int, trials: int) -> str:
    """What is said of a trial that has ended."""
    row = next(row for row in table(study) if row["number"] == number)
    value = row["state"] if row["value"] is None else f"{study.metric} {row['value']:.4f}"
    reason = f" ({row['reason']})" if row["reason"] else ""
    best = f"best {study.best.value:.4f} of trial {study.best.number}" if study.best else "no best"
    values = study.study.trials[number].user_attrs["options"]
    said = ", ".join(f"{key}={value}" for key, value in values.items())
    done = sum(row["state"] != "interrupted" for row in table(study))
    what = "the default configuration" if row["default"] else said
    return (
        f"trial {number} ({done}/{trials}): {value}{reason}; {best}; {row['seconds']:.1f} s; {what}"
    )


def _winner(study: Study) -> dict:
    """The best trial's values: none where the default configuration was not beaten."""
    best = study.best
    return {} if is_default(best) else dict(best.user_attrs["options"])


def _write_best(path: Path, study: Study, search: Search) -> None:
    if search.config_of is None:
        return
    head = (
        f"# Trial {study.best.number}: {study.metric} {study.best.value:.6g} on the validation "
        f"part ({study.default.value:.6g} with the default configuration).\n"
        f"# molgnn train tuned={path}\n"
    )
    with durable(path) as partial:
        config = yaml.safe_dump(search.config_of(_winner(study)), sort_keys=False)
        partial.write_text(head + config, encoding="utf-8")


def _tuned(study: Study, search: Search, out: Path) -> Tuned:
    rows = table(study)
    write_table(out / TRIALS, rows)
    _write_best(out / BEST, study, search)
    picture(out / PICTURE, study)
    values = _winner(study)
    options = search.options_of(values)
    best, default = study.best.value, study.default.value
    return Tuned(out, study.metric, values, options, best, default, rows)
