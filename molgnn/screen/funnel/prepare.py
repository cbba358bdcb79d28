"""Make a recipe ready: what can be wrong with it is refused here, before the library is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.chem.properties import RULE_SETS
from molgnn.data.targets import with_std
from molgnn.errors import Refusal, choices
from molgnn.screen.columns import chosen_column
from molgnn.screen.funnel.examine import Examination
from molgnn.screen.funnel.novelty import Known, known_molecules
from molgnn.screen.funnel.parts import DOWN, TARGET, UP, Objective
from molgnn.screen.funnel.recipe import Recipe

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


@dataclass(frozen=True)
class Source:
    """Where the values of an objective come from: the ``column`` of a model's means, then its
    standard deviations; ``model`` None is the one that screens."""

    objective: Objective
    model: str | None
    column: int


@dataclass(frozen=True)
class Funnel:
    """A recipe, its models and all that it compares with, ready for a pool. ``column`` and
    ``minimize`` are those of the screen, ``top`` is the number of hits."""

    recipe: Recipe
    top: int
    column: int
    minimize: bool
    models: Mapping[str, "Predictor"]
    sources: Sequence[Source]
    known: Known | None
    examination: Examination

    def facts(self) -> dict:
        """What it was made of, as plain data."""
        return {
            "name": self.recipe.name,
            "recipe": self.recipe.plain(),
            "sha256": self.recipe.sha256,
            "models": {
                name: {"name": model.name, "sha256": model.sha256}
                for name, model in self.models.items()
            },
            "files": dict(self.known.files) if self.known else {},
        }

    def claim(self) -> list:
        """What decides its results: for a screen to know itself again when it is resumed."""
        models = {name: model.sha256 for name, model in self.models.items()}
        files = list(self.known.files.values()) if self.known else []
        return [self.recipe.name, self.recipe.sha256, models, files]


def prepare(
    recipe: Recipe,
    model: "Predictor",
    column: int,
    minimize: bool,
    top: int,
    replaced: "Mapping[str, Predictor | str | Path] | None" = None,
) -> Funnel:
    """For a screen by ``column`` of ``model``. ``replaced`` are models in the place of those that
    the recipe names. Raises Refusal for whatever does not fit."""
    if recipe.pool.size < top:
        raise Refusal(f"--top {top}: more than the {recipe.pool.size} that the recipe's pool holds")
    _check_bound(recipe, minimize)
    models = _models(recipe, model, replaced or {})
    sources = _sources(recipe, model, column, models)
    _check_aims(sources, model, column, minimize)
    known = None
    if recipe.novelty:
        known = known_molecules(recipe.novelty, model, column, minimize, recipe.folder)
    examination = _examination(recipe, model, known)
    return Funnel(recipe, top, column, minimize, models, sources, known, examination)


def _check_bound(recipe: Recipe, minimize: bool) -> None:
    wrong, right = ("at_least", "at_most") if minimize else ("at_most", "at_least")
    if getattr(recipe.pool, wrong) is not None:
        best = "lowest" if minimize else "highest"
        raise Refusal(
            f"recipe {recipe.name}: pool: {wrong} would leave out the best, which are the {best} "
            f"(--{'minimize' if minimize else 'maximize'}): give {right}"
        )


def _models(recipe: Recipe, model: "Predictor", replaced: Mapping) -> dict[str, "Predictor"]:
    for name in replaced:
        if name not in recipe.models:
            raise choices("model of the recipe", name, recipe.models or ["none"])
    found = {}
    for name, path in recipe.models.items():
        given = replaced.get(name, path)
        if given is None:
            raise Refusal(f"recipe {recipe.name}: models: {name} is open: give --model {name}=PATH")
        if not isinstance(given, str | Path):
            found[name] = given
            continue
        if name not in replaced and (recipe.folder / given).exists():
            given = recipe.folder / given
        from molgnn.models.bundle import load_bundle  # torch, for which a refusal need not wait

        try:
            found[name] = load_bundle(given, device=str(model.device))
        except Refusal as refusal:
            raise Refusal(f"recipe {recipe.name}: models: {name}: {refusal}") from None
    return found


def _sources(
    recipe: Recipe, model: "Predictor", column: int, models: Mapping[str, "Predictor"]
) -> list[Source]:
    found = []
    for objective in recipe.objectives.of if recipe.objectives else ():
        of = models[objective.model] if objective.model else model
        known = with_std(of.columns, getattr(of, "has_std", of.num_members > 1))
        if objective.column in known:
            place = known.index(objective.column)
        elif objective.column is not None:
            where = f"recipe {recipe.name}: objectives: {objective.name}"
            raise Refusal(f"{where}: {choices('column', objective.column, known)}")
        elif objective.model is None:
            place = known.index(objective.name) if objective.name in known else column
        else:
            place = chosen_column(of, None)
        found.append(Source(objective, objective.model, place))
    return found


def _check_aims(sources: Sequence[Source], model, column: int, minimize: bool) -> None:
    """The screen must not look for the opposite of what an objective of the same column wants."""
    for source in sources:
        wanted = {UP: False, DOWN: True, TARGET: minimize}[source.objective.aim]
        if source.model is None and source.column == column and wanted != minimize:
            best, flag = ("lowest", "maximize") if minimize else ("highest", "minimize")
            raise Refusal(
                f"recipe: objectives: {source.objective.name}: aim: {source.objective.aim}, but "
                f"the pool is those with the {best} {model.columns[column]}: give --{flag}"
            )


def _examination(recipe: Recipe, model: "Predictor", known: Known | None) -> Examination:
    made = Examination(model.recipe, cores=dict(recipe.cores))
    if recipe.properties:
        ranges, sets = recipe.properties.ranges, recipe.properties.sets
        of_sets = [name for each in sets for name in RULE_SETS[each].ranges]
        names = tuple(dict.fromkeys([*ranges, *of_sets]))
        made = replace(made, names=names, ranges=dict(ranges), sets=dict(sets))
    if recipe.alerts:
        asked = recipe.alerts
        made = replace(made, drop=asked.drop, flag=asked.flag, smarts=dict(asked.smarts))
    if known:
        names = [f"{o} {s}" for o, s in zip(known.origin, known.smiles, strict=True)]
        at_most = recipe.novelty.at_most
        made = replace(made, known=known.bits, known_names=names, at_most=at_most)
    wanted = recipe.diversity
    if wanted:
        prints = bool(wanted.clusters or wanted.maxmin)
        made = replace(made, fingerprints=prints, scaffolds=wanted.scaffold is not None)
    return made
