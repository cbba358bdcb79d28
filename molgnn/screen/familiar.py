"""How familiar the hits are: columns beside them, and what manifest and page say of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from molgnn.data.targets import free_names, tasks_at
from molgnn.models.columns import Column
from molgnn.models.domain import NO_RULE
from molgnn.models.familiar import SUFFIX, columns_of
from molgnn.screen.hits import AFTER, BEFORE
from molgnn.screen.stages import Hit

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Familiarity:
    """``columns`` of the hits, and ``facts`` for the manifest, None where nothing is known."""

    columns: Sequence[Column] = ()
    facts: dict | None = None


def is_told(facts: object) -> bool:
    """Whether these are ``facts``, as a manifest holds them; older ones have none."""
    if facts is None:
        return True
    try:
        columns = {facts[name] for name in ("similarity", "smiles", "flag")}
        columns |= {label["column"] for label in facts["labels"]}
        texts = [facts["rule"], *(label[k] for label in facts["labels"] for k in ("task", "unit"))]
        known = isinstance(facts["columns"], list) and columns <= set(facts["columns"])
        counted = facts["outside"] is None or type(facts["outside"]) is int
        return known and counted and all(isinstance(text, str) for text in texts)
    except (TypeError, KeyError):
        return False


def can_tell(model: "Predictor") -> bool:
    """Whether the model has its training molecules with it. Raises Refusal for damaged ones: a
    screen reads them before it begins."""
    return getattr(model, "known", None) is not None


def familiarity(
    model: "Predictor", hits: Sequence[Hit], domain: bool | str, names: Sequence[str]
) -> Familiarity:
    """Of the hits, by ``domain`` as for ``Predictor.predict``; ``names`` are the model's columns in
    hits.csv, from which these step aside."""
    if not domain or not can_tell(model):
        return Familiarity()
    texts = [hit.row.text for hit in hits]  # known to be good: a worker has parsed each before
    found = columns_of(model, model.near(texts, domain == "vectors"))
    free = free_names([column.name for column in found], [*BEFORE, *names, *AFTER], SUFFIX)
    columns = [column._replace(name=name) for column, name in zip(found, free, strict=True)]
    tasks = tasks_at(model.tasks, "molecule")
    similarity, smiles, labels, flag = 0, 1, range(2, 2 + len(tasks)), 2 + len(tasks)
    rule, flags = model.rule, columns[flag].values
    return Familiarity(
        columns,
        {
            "columns": free,
            "similarity": free[similarity],
            "smiles": free[smiles],
            "labels": [
                {"column": free[i], "task": task.name, "unit": task.unit}
                for i, task in zip(labels, tasks, strict=True)
            ],
            "flag": free[flag],
            "threshold": None if rule is None else rule.threshold,
            "rule": NO_RULE if rule is None else rule.words(),
            "inside": None if rule is None else sum(flags),
            "outside": None if rule is None else len(flags) - sum(flags),
        },
    )
