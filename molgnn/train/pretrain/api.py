"""``molgnn.pretrain``: the options that most people change as arguments."""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from molgnn.errors import choices
from molgnn.models.build import whole_spec
from molgnn.train.options import OptimOptions
from molgnn.train.plain import from_plain
from molgnn.train.pretrain.options import (
    DEFAULT_TERMS,
    OPTIM,
    TERMS,
    LibraryOptions,
    PretrainFit,
    PretrainOptions,
    TermOptions,
)
from molgnn.train.pretrain.run import PretrainRun, pretrain

Paths = str | os.PathLike | Sequence[str | os.PathLike]


def pretrain_on(
    library: Paths,
    *,
    terms: str | Mapping = DEFAULT_TERMS,
    encoder: str | Mapping = "dmpnn",
    exclude: Paths = (),
    prepared: str | Path | None = None,
    recipe: str = "parent",
    smiles: str | None = None,
    workers: int | None = None,
    pieces: float = 0.0,
    optim: Mapping | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    name: str = "",
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    **options,
) -> PretrainRun:
    """Pretrain an encoder on a library, as ``molgnn pretrain`` does.

    ``library`` is a file, several, or a packed library; no molecule of the files ``exclude`` is
    learnt from; of the share ``pieces`` of the library's a piece is learnt from too; ``smiles``
    is its column of SMILES, found by name if None. ``terms`` is a name (descriptors, vgae,
    autoencoder, gae, masked) or a mapping with ``name`` and options of
    ``TermOptions``; ``options`` are those of ``PretrainFit`` (epochs, batch_size, ...), ``optim``
    those of ``OptimOptions``. ``out`` is the run's folder, a temporary one if None. Returns a
    ``PretrainRun`` with ``folder``, ``encoder`` and ``metrics``. Raises Refusal as
    ``train.pretrain.run.pretrain`` does.
    """
    data = {
        "library": _paths(library),
        "exclude": _paths(exclude),
        "recipe": recipe,
        "prepared": None if prepared is None else str(prepared),
        "smiles": smiles,
        "workers": workers,
        "pieces": pieces,
    }
    chosen = PretrainOptions(
        data=from_plain(LibraryOptions, data, "data."),
        terms=from_plain(TermOptions, term_options(terms), "terms."),
        encoder=whole_spec(encoder),
        optim=from_plain(OptimOptions, {**OPTIM, **(optim or {})}, "optim."),
        fit=from_plain(PretrainFit, options, "fit."),
        seed=seed,
    )
    folder = out if out is not None else tempfile.mkdtemp(prefix="molgnn-")
    return pretrain(chosen, folder, name=name, force=force, say=say)


def term_options(terms: str | Mapping) -> dict:
    """Terms by a choice's name, or a mapping with a name and more, as plain options."""
    given = dict(terms) if isinstance(terms, Mapping) else {"name": terms}
    name = given.pop("name", DEFAULT_TERMS)
    if not isinstance(name, str) or name not in TERMS:
        raise choices("terms", name, TERMS)
    return {**TERMS[name], **given}


def _paths(given: Paths) -> list[str]:
    return [str(given)] if isinstance(given, str | os.PathLike) else [str(path) for path in given]
