"""A library made ready to learn from: packed, with what is computed once for each molecule.

``library/`` is a packed library; ``kept-<hash>/`` says which molecules no excluded file holds, and
``rdkit2d/`` (or another block of descriptors) has their descriptors, all one file for each record
batch of the library, so that an interrupted preparation goes on. Several pretrainings may share the
folder.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from molgnn.chem.descriptors import features_hash, molecule_features
from molgnn.chem.packed import PackedGraphs
from molgnn.data.library import read_library
from molgnn.data.packed.build import build_library
from molgnn.data.packed.durable import durable
from molgnn.data.packed.library import PackedLibrary, packed_folder
from molgnn.data.packed.packing import KEY, molecule_keys
from molgnn.data.pool.workers import plan, worked
from molgnn.data.readers.record import Row
from molgnn.data.readers.stream import is_stream
from molgnn.errors import Refusal
from molgnn.train.pretrain.options import LibraryOptions
from molgnn.train.pretrain.pieces import parsed, write_pieces

_OPEN = 4  # shards that are kept open: a window of molecules is from a few
Progress = Callable[[str, int], None]  # what is done, and how many rows of it


class Excluded:
    """The molecules of some files: sorted keys (n,), and the hash of these."""

    def __init__(self, options: LibraryOptions):
        found = [np.zeros(0, dtype=KEY)]
        if options.exclude:
            for chunk in read_library(list(options.exclude), smiles=options.smiles).chunks(4096):
                texts = [row.text for row in chunk if not row.problem]
                found.append(molecule_keys(_known(texts, options.recipe), options.recipe))
        self.keys = np.unique(np.concatenate(found))
        self.sha256 = hashlib.sha256(self.keys.tobytes()).hexdigest()

    def allowed(self, keys: np.ndarray) -> np.ndarray:
        """(B,) bool: true where a key is none of the excluded."""
        return ~np.isin(keys, self.keys)


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
            blocks = [_load(folder, number, len(graphs)) for folder in self._features]
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
    if options.exclude:
        read_library(list(options.exclude), smiles=options.smiles)


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
    library = _packed(options, folder, progress)
    sha = {"library": library.origin()["manifest_sha256"]}
    kept = None
    if len(excluded.keys):
        kept = folder / f"kept-{excluded.sha256[:16]}"
        job = partial(partial, _keys, recipe=options.recipe)
        facts = sha | {"excluded": excluded.sha256}
        _fill(library, kept, facts, job, options, excluded.allowed, partial(progress, "excluding"))
    for block in blocks:
        job = partial(partial, _descriptors, recipe=options.recipe, block=block)
        facts = sha | {"features": features_hash([block])}
        _fill(library, folder / block, facts, job, options, None, partial(progress, block))
    return Prepared(library, kept, [folder / block for block in blocks])


def _packed(options: LibraryOptions, folder: Path, progress: Progress) -> PackedLibrary:
    own = packed_folder(list(options.library))
    if own is None:
        own, pieces = folder / "library", folder / f"pieces-{options.pieces:g}.smi"
        files = list(options.library)
        told = {"recipe": options.recipe, "smiles": options.smiles, "workers": options.workers}
        if options.pieces:
            if not pieces.is_file():
                write_pieces(options, pieces, partial(progress, "pieces"))
            files.append(str(pieces))
            told["dedupe"] = True  # many a piece comes more than once
        if not (own / "manifest.json").is_file():
            build_library(files, own, progress=partial(progress, "packing"), **told)
        _check_same(own, files, options)
    elif options.pieces:
        raise Refusal(f"data.pieces={options.pieces}: {own} is packed already: give its files")
    library = PackedLibrary(own)
    library.require(options.recipe)
    return library


def _check_same(own: Path, files: list[str], options: LibraryOptions) -> None:
    """Refuse a packed library of other files than those named now."""
    there = [file["name"] for file in PackedLibrary(own).manifest["files"]]
    here = read_library(files, smiles=options.smiles).files
    if there != here:
        raise Refusal(f"{own}: packed from {', '.join(there)}: give another data.prepared=DIR")


def _fill(library, folder: Path, facts: dict, job, options, judge, progress) -> None:
    """One file a record batch; those that are there are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "facts.json"
    if mark.exists() and json.loads(mark.read_text("utf-8")) != facts:
        said = "was made from another library, or by another version"
        raise Refusal(f"{folder}: {said}: give another data.prepared=DIR, or remove it")
    mark.write_text(json.dumps(facts), encoding="utf-8")
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


def _rows(part) -> list[Row]:
    return [part.rows[int(position)] for position in part.positions]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npy"


def _load(folder: Path, number: int, rows: int | None) -> np.ndarray:
    path = _path(folder, number)
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise Refusal(f"{path}: damaged ({reason}): remove it, the same command goes on") from None
    if rows is not None and len(found) != rows:
        raise Refusal(f"{path}: damaged: {len(found)} rows for {rows} molecules: remove it")
    return found


def _known(texts: list[str], recipe: str) -> list[str]:
    return [text for text, mol in parsed(texts, recipe) if mol is not None]


def _keys(texts: list[str], recipe: str) -> np.ndarray:
    """A key for each text; of what died in a worker the key of none."""
    found = np.zeros(len(texts), dtype=KEY)
    known = [i for i, (_, mol) in enumerate(parsed(texts, recipe)) if mol is not None]
    found[known] = molecule_keys([texts[i] for i in known], recipe)
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
