"""Whose folder it is: a study says what it searches, and goes on only with the same."""

from pathlib import Path

import yaml

from molgnn.data.packed.durable import durable
from molgnn.errors import Refusal
from molgnn.train.ledger import flat
from molgnn.train.tuning.results import PICTURE, TRIALS
from molgnn.train.tuning.study import JOURNAL

CLAIM, BEST = "study.yaml", "best.yaml"
WRITTEN = (CLAIM, JOURNAL, BEST, TRIALS, PICTURE)


def enter(out: Path, claim: dict, force: bool) -> None:
    """Begin a study in ``out``, or go on with the same one."""
    there = [name for name in WRITTEN if (out / name).exists()]
    if there and not force:
        if CLAIM not in there:
            raise Refusal(f"{out} holds {there[0]} but no {CLAIM}: choose another out=DIR")
        _compare(out, claim)
        return
    remove(out)
    with durable(out / CLAIM) as partial:
        partial.write_text(yaml.safe_dump(claim, sort_keys=False, allow_unicode=True), "utf-8")


def remove(out: Path) -> None:
    for name in WRITTEN:
        (out / name).unlink(missing_ok=True)


def _compare(out: Path, claim: dict) -> None:
    try:
        found = yaml.safe_load((out / CLAIM).read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        found = None
    before, now = (flat(c) if isinstance(c, dict) else {} for c in (found, claim))
    for key in [*now, *before]:
        if before.get(key, flat) != now.get(key, flat):
            was, wish = (str(side.get(key, "not there")) for side in (before, now))
            what = "another table" if key == "data_sha256" else f"{key}: {was}, not {wish}"
            raise Refusal(
                f"{out} holds a study with {what}: choose another out=DIR, or replace it with "
                "force=true"
            )
