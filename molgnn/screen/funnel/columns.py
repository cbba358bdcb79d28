"""The columns that a funnel adds to hits.csv."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from molgnn.data.targets import free_names
from molgnn.models.familiar import FIGURE, TEXT, Column
from molgnn.screen.funnel import diversity, examine
from molgnn.screen.funnel.examine import Finding, numbered
from molgnn.screen.funnel.parts import PARETO
from molgnn.screen.funnel.prepare import Funnel
from molgnn.screen.funnel.values import STEP, Values

SUFFIX = "_funnel"  # where a name is taken


@dataclass
class Told:
    """``columns`` of the hits; ``facts``: of each its step, title and kind, in order; and which of
    them hold the alerts, their atoms, the clusters, the combined objective and the objectives, of
    which some may be columns of the model."""

    columns: list[Column] = field(default_factory=list)
    facts: dict[str, dict] = field(default_factory=dict)
    alerts: str | None = None
    atoms: str | None = None
    cluster: str | None = None
    combined: str | None = None
    objectives: list[str] = field(default_factory=list)


def columns_of(
    funnel: Funnel,
    values: Values,
    findings: Sequence[Finding],
    clusters: Mapping[int, int],
    best: np.ndarray,
    taken: Sequence[str],
    names: Sequence[str],
) -> Told:
    """Of the hits ``best``, numbers in the pool. ``taken`` are the names that are there, ``names``
    the model's own among them."""
    told, used = Told(), list(taken)
    found = [findings[i] for i in best]

    def add(step: str, name: str, title: str, kind: str, column: Sequence) -> str:
        (free,) = free_names([name], used, SUFFIX)
        used.append(free)
        told.columns.append(Column(free, kind, column))
        told.facts[free] = {"step": step, "title": title, "kind": kind}
        return free

    _objectives(funnel, values, best, names, told, add)
    for name in funnel.examination.names:
        add(examine.PROPERTIES, name, name, FIGURE, [each.values[name] for each in found])
    _alerts(funnel, found, told, add)
    if funnel.known:
        _novelty(funnel, found, add)
    if clusters:
        own, sizes = [clusters[i] for i in best], np.bincount(list(clusters.values()))
        told.cluster = add(diversity.CLUSTERS, "cluster", "Butina cluster", FIGURE, own)
        title = "molecules in the cluster"
        add(diversity.CLUSTERS, "cluster_size", title, FIGURE, [int(sizes[i]) for i in own])
    if funnel.examination.scaffolds:
        scaffolds = [each.scaffold or None for each in found]
        add(diversity.SCAFFOLDS, "scaffold", "Murcko scaffold", TEXT, scaffolds)
    return told


def _objectives(funnel: Funnel, values: Values, best, names, told: Told, add: Callable) -> None:
    asked = funnel.recipe.objectives
    for i, source in enumerate(funnel.sources):
        objective = source.objective
        if source.model is None and source.column < len(names):
            told.objectives.append(names[source.column])
        else:
            title = f"{objective.name} ({objective.model})"
            column = values.each[best, i]
            told.objectives.append(add(STEP, objective.name, title, FIGURE, column))
        if values.shares is not None:
            title = f"desirability of {objective.name}, 0 to 1"
            add(STEP, f"{objective.name}_desirability", title, FIGURE, values.shares[best, i])
    if asked and asked.combine == PARETO:
        ranks = [int(-rank) for rank in values.merit[best]]
        told.combined = add(STEP, "pareto_rank", "Pareto rank", FIGURE, ranks)
    elif asked:
        title = f"{asked.combine} of the objectives"
        told.combined = add(STEP, "combined", title, FIGURE, values.merit[best])


def _alerts(funnel: Funnel, found: Sequence[Finding], told: Told, add: Callable) -> None:
    """Names, and in the same order the atoms of each; both apart by semicolons."""
    if not funnel.recipe.alerts:
        return
    names = ["; ".join(map(str, each.alerts)) or None for each in found]
    told.alerts = add(examine.ALERTS, "alerts", "structural alerts", TEXT, names)
    atoms = ["; ".join(numbered(a.atoms) for a in each.alerts) or None for each in found]
    title = "atoms of each alert, counted from 1 in the SMILES"
    told.atoms = add(examine.ALERTS, "alert_atoms", title, TEXT, atoms)


def _novelty(funnel: Funnel, found: Sequence[Finding], add: Callable) -> None:
    known = funnel.known
    title = "Tanimoto similarity to the nearest known molecule"
    values = [each.similarity for each in found]
    add(examine.NOVELTY, "known_similarity", title, FIGURE, values)
    nearest = [known.smiles[each.nearest] for each in found]
    add(examine.NOVELTY, "known_nearest", "nearest known molecule", TEXT, nearest)
    origin = [known.origin[each.nearest] for each in found]
    add(examine.NOVELTY, "known_as", "what the nearest known molecule is", TEXT, origin)
