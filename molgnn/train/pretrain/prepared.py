"""A library made ready to learn from: packed, with what is computed once for each molecule.

``library/`` is a packed library; ``kept-<hash>/`` says which molecules no excluded file holds, and
``rdkit2d/`` (or another block of descriptors) has their descriptors, all one file for each record
batch of the library, so that an interrupted preparation goes on. Several pretrainings may share the
folder.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from molgnn.chem.descriptors import block_of, features_hash, molecule_features
from molgnn.chem.packed import PackedGraphs
from molgnn.data.library import read_library
from molgnn.data.packed.build import build_library
from molgnn.data.packed.durable import durable
from molgnn.data.packed.library import PackedLibrary, packed_folder
from molgnn.data.pool.workers import plan, worked
from molgnn.data.readers.record import Row
from molgnn.data.readers.stream import file_sha256, is_stream
from molgnn.errors import Refusal
from molgnn.train.pretrain.excluded import Excluded, keys_of, lists_of, parsed
from molgnn.train.pretrain.options import LibraryOptions
from molgnn.train.pretrain.pieces import write_pieces

_REMEDY = "remove that folder, or give another data.prepared=DIR"
_OPEN = 4  # shards that are kept open: a window of molecules is from a few
Progress = Callable[[str, int], None]  # what is done, and how many rows of it


class Prepared:
    """Molecules by record batch: ``counts`` (P,) says how many may be learnt from in each."""

    def __init__(self, library: PackedLibrary, kept: Path | None, features: Sequence[Path] = ()):
        self.library, self._kept, self._features = library, kept, features
        chunk = library.manifest["chunk"]
        shards = library.manifest["shards"]
        sizes = [-(-entry["rows"] // chunk) for entry in shards]
        self._places = [(s, i) for s, size in enumerate(sizes) for i in range(size)]
        self._shards: dict[int, object] = {}
        self.counts = np.array([self._count(number) for number in range(len(self._places))])

    def __len__(self) -> int:
        return int(self.counts.sum())

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_shards": {}}  # opened again where they are needed

    @property
    def total(self) -> int:
        """Molecules of the library, excluded ones too."""
        return self.library.manifest["counts"]["molecules"]

    @property
    def sha256(self) -> str:
        """That of the library's files."""
        return self.library.sha256

    def part(self, number: int) -> PackedGraphs:
        """The molecules of a record batch to learn from, with descriptors if there are."""
        graphs = self.whole(number)
        if self._features:
            rows = len(graphs)
            blocks = [_load(f, number, rows, len(block_of(f.name).names)) for f in self._features]
            graphs = replace(graphs, features=np.hstack(blocks).astype(np.float32, copy=False))
        if self._kept is None:
            return graphs
        return graphs.select(np.flatnonzero(_load(self._kept, number, len(graphs))))

    def whole(self, number: int) -> PackedGraphs:
        shard, batch = self._places[number]
        if shard not in self._shards:
            while len(self._shards) >= _OPEN:
                self._shards.pop(next(iter(self._shards)))
            self._shards[shard] = self.library.shard(shard)
        return self._shards[shard].graphs(batch)[0]

    def _count(self, number: int) -> int:
        if self._kept is None:
            return len(self.whole(number))
        return int(_load(self._kept, number, None).sum())


def readable(options: LibraryOptions) -> None:
    """Raises Refusal for files that are missing or hold no SMILES, before a folder is made."""
    if packed_folder(list(options.library)) is None:
        files = read_library(list(options.library), smiles=options.smiles).files
        if options.pieces and any(map(is_stream, files)):
            said = "the library is read twice, which stdin and pipes cannot be"
            raise Refusal(f"data.pieces={options.pieces}: {said}: give it as a file")
    lists_of(options)


def prepare(
    options: LibraryOptions,
    folder: Path,
    excluded: Excluded,
    blocks: Sequence[str] = (),
    progress: Progress = lambda what, rows: None,
) -> Prepared:
    """Pack the library, find what is excluded, compute the blocks of descriptors: whatever is not
    there yet.

    Raises Refusal for files that cannot be read, and where ``folder`` holds another library.
    """
    library = _packed(options, folder, excluded, progress)
    sha = {"library": library.origin()["manifest_sha256"]}
    kept = None
    if len(excluded.keys):
        kept = folder / f"kept-{excluded.sha256[:16]}"
        job = partial(partial, keys_of, recipe=options.recipe)
        facts = sha | {"excluded": excluded.sha256}
        _fill(library, kept, facts, job, options, excluded.allowed, partial(progress, "excluding"))
    for block in blocks:
        job = partial(partial, _descriptors, recipe=options.recipe, block=block)
        facts = sha | {"features": features_hash([block])}
        _fill(library, folder / block, facts, job, options, None, partial(progress, block))
    return Prepared(library, kept, [folder / block for block in blocks])


def _packed(
    options: LibraryOptions, folder: Path, excluded: Excluded, progress: Progress
) -> PackedLibrary:
    own = packed_folder(list(options.library))
    if own is None:
        own = folder / "library"
        files = read_library(list(options.library), smiles=options.smiles).files
        if options.pieces:
            files.append(str(folder / _pieces_name(options, excluded)))
        if (own / "manifest.json").is_file():
            _check_same(own, files, options)
        else:
            if options.pieces and not Path(files[-1]).is_file():
                write_pieces(options, Path(files[-1]), excluded, partial(progress, "pieces"))
            told = {"recipe": options.recipe, "smiles": options.smiles, "workers": options.workers}
            build_library(files, own, dedupe=True, progress=partial(progress, "packing"), **told)
    elif options.pieces:
        raise Refusal(f"data.pieces={options.pieces}: {own} is packed already: give its files")
    library = PackedLibrary(own)
    library.require(options.recipe)
    counts = library.manifest["counts"]
    if not counts["molecules"]:
        said = f"none of {counts['rows']:,} rows is a molecule: rejects.csv there says why"
        raise Refusal(f"{own}: {said}; {_REMEDY}")
    return library


def _pieces_name(options: LibraryOptions, excluded: Excluded) -> str:
    """Of another exclusion list the pieces are others."""
    of = f"-{excluded.sha256[:16]}" if len(excluded.keys) else ""
    return f"pieces-{options.pieces:g}{of}.smi"


def _check_same(own: Path, files: list[str], options: LibraryOptions) -> None:
    """Refuse a packed library of other files than those named now, or of another column."""
    manifest = PackedLibrary(own).manifest
    there = {file["name"]: file["sha256"] for file in manifest["files"]}
    if list(there) != files:
        raise Refusal(f"{own}: packed from {', '.join(there)}: {_REMEDY}")
    for name, sha256 in there.items():
        if Path(name).is_file() and file_sha256(name) != sha256:
            raise Refusal(f"{own}: {name} has changed since it was packed: {_REMEDY}")
    if manifest["smiles"] != options.smiles:
        said = f"packed with data.smiles={manifest['smiles'] or 'null'}"
        raise Refusal(f"{own}: {said}: {_REMEDY}")


def _fill(library, folder: Path, facts: dict, job, options, judge, progress) -> None:
    """One file a record batch; those that are there are left alone."""
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder}: is a file, where a folder is kept: {_REMEDY}")
    folder.mkdir(parents=True, exist_ok=True)
    _check_facts(folder / "facts.json", facts)
    done = {number for number in range(len(library.part_rows())) if _path(folder, number).exists()}
    todo = [number for number in range(len(library.part_rows())) if number not in done]
    rows = (_rows(part) for part in library.parts(done))
    chunks, workers = plan(rows, options.workers, spare=0)
    count = 0
    for number, (chunk, found) in zip(todo, worked(chunks, job, workers), strict=True):
        with durable(_path(folder, number)) as partial_path, open(partial_path, "wb") as file:
            np.save(file, judge(found) if judge else found, allow_pickle=False)
        count += len(chunk)
        progress(count)


def _check_facts(mark: Path, facts: dict) -> None:
    """Write down what the folder's files are of, or refuse those of something else."""
    if not mark.exists():
        if any(mark.parent.glob("*.npy")):
            raise Refusal(f"{mark.parent}: facts.json is missing: {_REMEDY}")
        with durable(mark) as path:
            Path(path).write_text(json.dumps(facts), encoding="utf-8")
    try:
        found = json.loads(mark.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refusal(f"{mark}: damaged ({error}): {_REMEDY}") from None
    if found != facts:
        said = "was made from another library, or by another version"
        raise Refusal(f"{mark.parent}: {said}: {_REMEDY}")


def _rows(part) -> list[Row]:
    return [part.rows[int(position)] for position in part.positions]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npy"


def _load(folder: Path, number: int, rows: int | None, width: int | None = None) -> np.ndarray:
    """(rows,) of bool, which molecules are kept, or (rows, width) of numbers."""
    path = _path(folder, number)
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise Refusal(f"{path}: damaged ({reason}): remove it, the same command goes on") from None
    rows = found.size if rows is None else rows
    shape, kinds = ((rows,), (bool,)) if width is None else ((rows, width), (np.float32, np.uint8))
    if found.shape != shape or found.dtype not in kinds:
        said = f"damaged: {found.dtype} of {found.shape} for {rows} molecules"
        raise Refusal(f"{path}: {said}: remove it, the same command goes on")
    return found


def _descriptors(texts: list[str], recipe: str, block: str) -> np.ndarray:
    """(B, F) of float32; of uint8 where they are counts that it holds, a quarter of the room."""
    mols = [mol for _, mol in parsed(texts, recipe)]
    known = [i for i, mol in enumerate(mols) if mol is not None]
    values = molecule_features([mols[i] for i in known], [block])
    found = np.full((len(texts), values.shape[1]), np.nan, dtype=np.float32)
    found[known] = values
    with np.errstate(invalid="ignore"):  # what is missing is no count
        counts = found.astype(np.uint8)
    return counts if np.array_equal(counts, found) else found
