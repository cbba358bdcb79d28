"""``molgnn.explain``: why a model gives molecules their scores."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn.data.packed.packing import smiles_of
from molgnn.errors import Refusal
from molgnn.screen.explain.explanation import Explanation, Explanations, Unexplained
from molgnn.screen.explain.figures import by_networks, by_occlusion
from molgnn.screen.explain.known import known_to
from molgnn.screen.explain.molecules import Molecules, read_molecules
from molgnn.screen.explain.rationale import rationales
from molgnn.screen.explain.target import Target, target_of
from molgnn.screen.explain.wanted import ATTRIBUTIONS, Wanted

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor


def explain(
    model: "Predictor | str | Path",
    smiles: str | Iterable[str],
    target: str | None = None,
    rationale: bool = False,
    *,
    keep: float = 0.8,
    seed: int = 0,
) -> Explanation | Explanations:
    """Why ``model`` gives ``smiles`` their ``target`` (a column of its predictions; None: the
    first): what each atom and bond adds to the score. In a notebook the result is a drawing.

    With ``rationale`` also the smallest connected part found that keeps the share ``keep`` of the
    score; ``seed`` is that of the search. One SMILES gives an ``Explanation``, several a list in
    their order, in which a text that is no molecule is an ``Unexplained`` with its reason. Raises
    Refusal for a single such text, for an unknown model or target.
    """
    model = _loaded(model)
    what, wanted = target_of(model, target), Wanted(rationale=rationale, keep=keep, seed=seed)
    if isinstance(smiles, str):
        (found,) = explained(model, [smiles], what, wanted)
        if isinstance(found, Unexplained):
            raise Refusal(f"{smiles!r}: {found.reason}")
        return found
    return Explanations(explained(model, list(smiles), what, wanted))


def _loaded(model) -> "Predictor":
    if isinstance(model, str | Path):
        from molgnn.models.bundle import load_bundle

        return load_bundle(model)
    return model


def explained(
    model: "Predictor", texts: Sequence[str], target: Target, wanted: Wanted = ATTRIBUTIONS
) -> list[Explanation | Unexplained]:
    """One for each text, in order."""
    read = read_molecules(texts, model.recipe, model.blocks)
    found: dict[int, Explanation | Unexplained] = {
        row: Unexplained(texts[row], reason) for row, reason in read.reasons.items()
    }
    if read.rows:
        figures = (by_networks if model.members else by_occlusion)(model, read, target)
        beside = zip(
            _neighbours(model, read, target, wanted.top),
            _rationales(model, read, target, wanted),
            strict=True,
        )
        for i, (near, part) in enumerate(beside):
            text, mol, trace = smiles_of(read.texts[i]), read.mols[i], read.traces[i]
            found[read.rows[i]] = Explanation(
                text, mol, trace, target, **figures[i], **near, rationale=part
            )
    return [found[row] for row in range(len(texts))]


def _rationales(model: "Predictor", read: Molecules, target: Target, wanted: Wanted) -> list:
    if not wanted.rationale or not model.members:
        return [None] * len(read.mols)
    return rationales(model, target, read, wanted)


def _neighbours(model: "Predictor", read: Molecules, target: Target, top: int) -> list[dict]:
    known = known_to(model, target)
    if known is None or not top:
        return [{} for _ in read.mols]
    near = known.nearest(read.mols, top)
    if target.task.kind == "regression":
        return [{"neighbours": each} for each in near]
    actives = known.nearest_of_class(read.mols, top)
    pairs = zip(near, actives, strict=True)
    return [{"neighbours": each, "actives": active} for each, active in pairs]
