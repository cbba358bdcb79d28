"""What decides every byte of a screen's results, noted when it begins.

Two screens with the same facts are one screen: the second goes on where the first was stopped.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from molgnn import __version__
from molgnn.chem.features import schema_hash
from molgnn.data.packed.library import PackedLibrary
from molgnn.errors import Refusal
from molgnn.screen.manifest import versions
from molgnn.screen.shards import FileShards, PackedShards, changed
from molgnn.screen.stages import Ranking

if TYPE_CHECKING:
    from molgnn.models.ensemble import Predictor
    from molgnn.screen.funnel.prepare import Funnel
    from molgnn.screen.spike.read import Spikes

FORMAT = 2  # of the unfinished folder


def claim(
    model: "Predictor",
    shards: FileShards | PackedShards,
    size: int,
    ranking: Ranking,
    precision: str,
    funnel: "Funnel | None" = None,
    spikes: "Spikes | None" = None,
) -> dict:
    """The facts as plain data, in the order in which a difference is reported."""
    library = shards.library
    facts = {"format": FORMAT, "model": model.name, "sha256 of the model": model.sha256}
    facts |= {"card of the model": _short_hash(model.card), "recipe": model.recipe}
    if isinstance(library, PackedLibrary):
        facts |= {"library": library.origin()["name"], "files": []}
        facts |= {"manifest of the library": library.origin()["manifest_sha256"]}
    else:
        files = [[name, library.size(name)] for name in library.files]
        facts |= {"library": library.files, "files": files}
        facts |= {f"{name} column": library.options[name] for name in ("smiles", "id")}
    facts |= {"recipe of the funnel": None if funnel is None else funnel.claim()}
    facts |= {"spike": None if spikes is None else spikes.claim()}
    facts |= {"task": model.columns[ranking.column], "device": str(model.device)}
    facts |= {"direction": "minimize" if ranking.minimize else "maximize"}
    # The pool follows from these two, or the funnel, so it is never the one that is named.
    facts |= {"top": ranking.top, "precision": precision, "pool": ranking.pool, "shard": size}
    return facts | {"features": schema_hash(), "molgnn": __version__} | versions()


def resumable(model: "Predictor", library) -> bool:
    """Whether a later run can know model and library again: stdin is gone once it is read, and a
    model that does not come from disk has no name of its own."""
    return bool(model.sha256) and (isinstance(library, PackedLibrary) or "-" not in library.files)


def check_same(out: Path, begun: dict, now: dict) -> None:
    """Refuse to go on with another screen, naming the first fact that differs."""
    sizes = dict(map(tuple, now["files"]))
    for name, size in begun.get("files", []):
        if name in sizes and sizes[name] != size:
            raise changed(name, out, f" ({size:,} bytes then, {sizes[name] or 0:,} now)")
    for key in dict.fromkeys([*now, *begun]):
        if begun.get(key) != now.get(key):
            raise Refusal(
                f"{out}: the unfinished screen there was begun with {key} {_shown(begun, key)}, "
                f"now it is {_shown(now, key)}: run the same command, give another --out, or "
                f"start over with --no-resume"
            )


def _shown(facts: dict, key: str) -> str:
    return "none" if facts.get(key) is None else json.dumps(facts[key], ensure_ascii=False)


def _short_hash(card: dict) -> str:
    text = json.dumps(card, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
