"""What became of the hidden molecules: for the manifest, for spike.csv, and in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from molgnn.data.packed.packing import smiles_of
from molgnn.screen.spike.figures import TIES, figures, ranks_of

if TYPE_CHECKING:
    from molgnn.screen.keeper import Keeper
    from molgnn.screen.spike.count import Counts
    from molgnn.screen.spike.read import Spikes

_TOLD = 10  # invalid rows in the manifest, with their lines


def spike_facts(spikes: "Spikes", keeper: "Keeper") -> dict:
    """``figures`` are those of all; ``unseen`` those without the molecules that the model has
    learnt from, None where there are no such molecules, none else, or nobody can tell."""
    counts, top = keeper.spiked, keeper.ranking.top
    trained = [spike.trained for spike in spikes.found]
    new = np.flatnonzero([not each for each in trained])
    learnt = None if None in trained else len(trained) - len(new)
    unseen = _only(counts, new) if learnt and len(new) else None
    return {
        "file": {"name": spikes.file, "sha256": spikes.sha256},
        "molecules": len(spikes),
        "duplicates": spikes.twice,
        "invalid": len(spikes.invalid),
        "invalid_rows": [{"line": r.line, "reason": why} for r, why in spikes.invalid[:_TOLD]],
        "in_library": int((counts.copies > 0).sum()),
        "training": learnt,
        "precision": spikes.precision,
        "ties": TIES,
        "library": keeper.scored,
        "figures": figures(counts, spikes.merits, keeper.scored, top),
        "unseen": unseen and figures(unseen, spikes.merits[new], keeper.scored, top),
    }


def _only(counts: "Counts", which: np.ndarray) -> "Counts":
    return type(counts)(counts.better[which], counts.equal[which], counts.copies[which])


def spike_table(spikes: "Spikes", keeper: "Keeper") -> pd.DataFrame:
    """One row a molecule, best first: rank, score, smiles, id, line, is_training (None: nobody can
    tell), in_library."""
    counts, found = keeper.spiked, spikes.found
    ranks = ranks_of(counts, spikes.merits)
    table = pd.DataFrame(
        {
            "rank": ranks,
            "score": [spike.score for spike in found],
            "smiles": [smiles_of(spike.row.text) for spike in found],
            "id": [spike.row.id for spike in found],
            "line": [spike.row.line for spike in found],
            "is_training": pd.array([spike.trained for spike in found], dtype="boolean"),
            "in_library": counts.copies > 0,
        }
    )
    return table.sort_values("rank", ignore_index=True)


def words(facts: Mapping) -> list[str]:
    """``manifest["spike"]`` in a line or two."""
    many, said = facts["molecules"], facts["figures"]
    lines = [f"{_count(many, 'known molecule')} hidden in the library: {_figures(said)}"]
    learnt = facts["training"]
    if learnt is None:
        lines.append("the model has no training molecules with it: whether it knew these, is open")
    elif learnt == many:
        lines.append("all of them are training molecules: finding them again proves nothing")
    elif learnt:
        are = "is a training molecule" if learnt == 1 else "are training molecules"
        what = "it" if learnt == 1 else "them"
        lines.append(
            f"{learnt:,} {are}, and finding {what} again proves nothing; the other "
            f"{facts['unseen']['molecules']:,}: {_figures(facts['unseen'])}"
        )
    beside = [*_beside(facts), "scores in bf16, as those of the library"]
    beside = beside[: None if facts["precision"] == "bf16" else -1]
    return lines + (["; ".join(beside)] if beside else [])


def _beside(facts: Mapping) -> list[str]:
    """What else there is to say of the file."""
    found = []
    if facts["in_library"]:
        found.append(f"{facts['in_library']:,} of them stand in the library too, as its own rows")
    if facts["duplicates"]:
        found.append(f"{_count(facts['duplicates'], 'row')} repeated another")
    if facts["invalid"]:
        first = facts["invalid_rows"][0]
        why = "".join(c if c.isprintable() else "?" for c in first["reason"])[:80]
        why = f"line {first['line']}: {why}"
        found.append(f"{_count(facts['invalid'], 'row')} got no score ({why})")
    return found


def _figures(of: Mapping) -> str:
    if of["roc_auc"] is None:
        return "no molecule of the library has a score"
    return (
        f"ROC-AUC {of['roc_auc']:.3f}, EF 1 % {of['ef1']:.1f} (at most {of['ef1_most']:.1f}), "
        f"BEDROC {of['bedroc']:.3f}, {of['found']:,} of {of['molecules']:,} among the first "
        f"{of['top']:,}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
