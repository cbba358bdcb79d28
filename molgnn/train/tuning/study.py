"""The study: which trials there were, which comes next; kept in a folder, so that it goes on.

It lies in ``study.journal``, Optuna's journal of one JSON line an operation, appended to and
synced, and not in SQLite: whose locks do not work on many network file systems, while a line that
a kill cut short is seen and cut off here. One process owns the journal, under a lock on the folder;
trials in other processes talk to it (``crew``). So what runs when a study is opened, runs no more.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from molgnn.errors import Refusal, choices
from molgnn.train.tuning.space import Option, chosen, default_values
from molgnn.train.tuning.trial import METRICS, Outcome

try:
    import optuna
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] != "optuna":
        raise  # Optuna is there, and broken
    raise Refusal("molgnn tune needs Optuna: pip install 'optuna>=5,<6'") from None

JOURNAL = "study.journal"
NAME = "molgnn"
PRUNERS = ("median", "none")
RANDOM = 10  # trials before the sampler learns from those before
_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
_RUN = (TrialState.COMPLETE, TrialState.PRUNED)


class Study:
    """The trials of one search. ``defaults`` are the default configuration's values of options.

    The sampler is the tree-structured Parzen estimator (Bergstra 2011, NeurIPS 24). It starts anew
    before each trial from (seed, number of the trial), so that with one worker a study that was
    interrupted goes on to the same trials as one that was not.
    """

    def __init__(
        self,
        folder: Path,
        space: Sequence[Option],
        defaults: Mapping,
        metric: str,
        prune: str,
        seed: int,
    ):
        self.space, self.defaults, self.metric, self.seed = space, defaults, metric, seed
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self.study = optuna.create_study(
                storage=_storage(folder / JOURNAL),
                study_name=NAME,
                direction=METRICS[metric],
                pruner=_pruner(prune),
                load_if_exists=True,
            )
        except (json.JSONDecodeError, KeyError) as error:
            remedy = "start the study anew with force=true"
            raise Refusal(f"{folder / JOURNAL}: damaged ({error}): {remedy}") from None
        self.sign = 1 if METRICS[metric] == "minimize" else -1
        self._release()

    def _release(self) -> None:
        """Take back what ran when the study was left: its options are tried again."""
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.FAIL)
                if "options" in trial.user_attrs and not is_default(trial):
                    self.study.enqueue_trial(trial.params)

    @property
    def trials(self) -> list:
        """What was tried or is being tried, but for what was interrupted."""
        found = self.study.get_trials(deepcopy=False)
        return [t for t in found if t.state in (*_RUN, TrialState.RUNNING) or _has_failed(t)]

    @property
    def default(self):
        """The finished trial of the default configuration, None before."""
        done = (t for t in self.trials if is_default(t) and t.state == TrialState.COMPLETE)
        return next(done, None)

    @property
    def best(self):
        """The complete trial with the best value, the earlier of two; None where there is none."""
        done = [t for t in self.trials if t.state == TrialState.COMPLETE]
        return min(done, key=lambda t: (self.sign * t.value, t.number), default=None)

    def next(self):
        """The next trial and its options; the first is the default configuration, with none."""
        is_first = self.default is None
        fixed = default_values(self.space, self.defaults) if is_first else {}
        if is_first:
            by_key = {option.key: option for option in self.space}
            told = {key: by_key[key].fixed(value) for key, value in fixed.items()}
            if not self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
                self.study.enqueue_trial(told, user_attrs={"default": True})
        seed = np.random.SeedSequence([self.seed, len(self.trials)]).generate_state(1)[0]
        self.study.sampler = optuna.samplers.TPESampler(n_startup_trials=RANDOM, seed=int(seed))
        trial = self.study.ask()
        only = set(fixed) if is_first else None
        options = chosen(self.space, trial, self.defaults, only)
        trial.set_user_attr("options", options)
        return trial, ({} if is_first else options)

    def report(self, trial, tenth: int, loss: float) -> bool:
        """Note a validation loss; says whether the trial is to end. The default one never is."""
        trial.report(self.sign * loss, tenth)
        return not trial.user_attrs.get("default") and trial.should_prune()

    def tell(self, trial, outcome: Outcome) -> None:
        if outcome.state == "failed":
            trial.set_user_attr("reason", outcome.reason)
        self.study.tell(trial, outcome.value, state=_STATES[outcome.state])

    def importances(self) -> dict[str, float]:
        """Share of the variance of the values that each option explains (fANOVA, Hutter 2014, ICML
        32), largest first; of few trials, or with values all equal, none."""
        done = [t for t in self.trials if t.state == TrialState.COMPLETE]
        if len(done) < RANDOM or len({t.value for t in done}) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self.seed)
        return optuna.importance.get_param_importances(self.study, evaluator=evaluator)


def is_default(trial) -> bool:
    return bool(trial.user_attrs.get("default"))


def _has_failed(trial) -> bool:
    """By its own fault, so it counts. The default one must succeed, so it is tried again."""
    failed = trial.state == TrialState.FAIL and "reason" in trial.user_attrs
    return failed and not is_default(trial)


def _pruner(name: str):
    """The median rule (Golovin 2017, doi:10.1145/3097983.3098043) spares the first tenth of a
    training and the first five trials."""
    if name not in PRUNERS:
        raise choices("prune", name, PRUNERS)
    if name == "none":
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=2)


class _NoLock:
    """The folder is locked already; Optuna's own lock would outlive a kill by half a minute."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _storage(path: Path):
    """The journal, without a last line that a kill cut short: the next would be appended to it."""
    if path.exists():
        with path.open("rb+") as file:
            whole = file.read().rpartition(b"\n")
            file.truncate(len(whole[0]) + len(whole[1]))
    return optuna.storages.JournalStorage(JournalFileBackend(str(path), lock_obj=_NoLock()))
