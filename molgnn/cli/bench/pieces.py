"""What each part of a blend gives: its figures alone, and those of the blend without it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from molgnn.train.run import Run


def pieces(done: "Run", judged, metrics: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """``{"PART alone": {metric: value}, "without PART": ...}``, by the members of one training.

    ``judged`` are the rows of the run's predictions that count. Empty for a model of one part.
    Without a part the others still count the same as each other. Metrics that need more than labels
    and predictions, as those of cliffs, are left out.
    """
    import numpy as np

    from molgnn.chem.graph import featurize
    from molgnn.data.levels import Levels
    from molgnn.train.metrics import evaluate

    model, parts = done.model, done.metrics["parts"]
    if len(parts) == 1:
        return {}
    graphs, rows, _ = featurize(judged["smiles"].tolist(), model.recipe, model.blocks)
    names = [f"{task.name} (measured)" for task in model.tasks]
    labels = Levels.of_molecules(judged[names].to_numpy()[rows])
    each, kinds = model.predict_members(graphs), _kinds(done)

    def figures(kept: list[str]) -> dict[str, float]:
        of_kind = [each[kinds == kind].mean(axis=0) for kind in kept]
        predicted = Levels.of_molecules(np.mean(of_kind, axis=0))
        found = evaluate(labels, predicted, model.tasks)["mean"]
        return {metric: found[metric] for metric in metrics if metric in found}

    found = {f"{part} alone": figures([part]) for part in parts}
    for part in parts if len(parts) > 2 else ():  # of two the rest is the other one alone
        found[f"without {part}"] = figures([other for other in parts if other != part])
    return found


def _kinds(done: "Run") -> "np.ndarray":
    """The part that each member belongs to, (members,): first the networks, as in a ``Predictor``,
    and each part has as many members as the others of its sort."""
    import numpy as np

    from molgnn.train.parts import NETWORKS

    networks = [part for part in done.metrics["parts"] if part in NETWORKS]
    shallow = [part for part in done.metrics["parts"] if part not in NETWORKS]
    found = []
    for sort, members in ((networks, done.model.members), (shallow, done.model.shallow)):
        found += [part for part in sort for _ in range(len(members) // len(sort))]
    return np.array(found)
