"""Citation graphs of Planetoid: papers with bags of words, and which of them cite each other.

Yang, Cohen and Salakhutdinov 2016, arXiv:1603.08861; files ``ind.NAME.allx``, ``.tx``, ``.graph``
and ``.test.index`` of github.com/kimiyoung/planetoid.
"""

import os
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from molgnn.data.named.plain_pickle import StrangeLists, StrangeSparse, read_plain
from molgnn.errors import Refusal, choices

CITATIONS = ("cora", "citeseer")
MOST = 100_000  # papers, or words: more than any file of Planetoid has

_LARGEST = 1e6  # of a word's weight; they are 0 and 1


class CitationGraph(NamedTuple):
    """x (N, words), sparse: the words of each paper. edges (2, M): pairs i < j, each once; who
    cites whom is not said, and no paper cites itself."""

    x: Tensor
    edges: Tensor


def planetoid_folder() -> Path:
    """$MOLGNN_DATA/planetoid; a Refusal where there is none."""
    given = os.environ.get("MOLGNN_DATA")
    if not given:
        raise Refusal("MOLGNN_DATA is not set: name the folder that holds planetoid/ind.cora.*")
    folder = Path(given) / "planetoid"
    if not folder.is_dir():
        raise Refusal(f"{folder}: no such folder: put the files ind.cora.* of Planetoid there")
    return folder


def read_planetoid(name: str, folder: Path) -> CitationGraph:
    """The graph ``name`` from its four files. Raises Refusal for a file that is missing, damaged,
    or asks for anything but plain data (``plain_pickle``).

    The test papers come last, in an order that ``test.index`` tells. Citeseer's index has gaps:
    papers of which no word is known, with rows of zeros.
    """
    if name not in CITATIONS:
        raise choices("citation graph", name, CITATIONS)
    paths = [folder / f"ind.{name}.{end}" for end in ("allx", "tx", "graph", "test.index")]
    for path in paths:
        if not path.is_file():
            raise Refusal(f"{path}: no such file: copy it from github.com/kimiyoung/planetoid")
    known, test = (_checked(read_plain(path, StrangeSparse), path) for path in paths[:2])
    order = _order(paths[3], len(known.indptr) - 1, len(test.indptr) - 1)
    if known.shape[1] != test.shape[1]:
        raise Refusal(f"{paths[1]}: another number of words than in {paths[0].name}")
    num_nodes = int(order.max()) + 1
    rows = np.concatenate([_rows(known), order[_rows(test)]])
    places = np.stack([rows, np.concatenate([known.indices, test.indices])]).astype(np.int64)
    words = np.concatenate([known.data, test.data]).astype(np.float32)
    size = (num_nodes, known.shape[1])
    x = torch.sparse_coo_tensor(places, torch.from_numpy(words), size, check_invariants=True)
    return CitationGraph(x.coalesce(), _edges(paths[2], num_nodes))


def _checked(matrix: StrangeSparse, path: Path) -> StrangeSparse:
    """The same; a Refusal where its arrays do not fit each other or are too large."""
    starts, columns = matrix.indptr, matrix.indices
    if len(matrix.shape) != 2 or max(matrix.shape) > MOST:
        raise Refusal(f"{path}: its shape is not that of at most {MOST} papers and words")
    flat = all(a.ndim == 1 for a in (starts, columns, matrix.data))
    flat = flat and starts.dtype.kind == columns.dtype.kind == "i"
    whole = flat and len(starts) == matrix.shape[0] + 1 and len(columns) == len(matrix.data)
    ends = whole and starts[0] == 0 and starts[-1] == len(columns)
    if not ends or (np.diff(starts) < 0).any():
        raise Refusal(f"{path}: damaged: its arrays do not fit each other: fetch it again")
    inside = (columns >= 0) & (columns < matrix.shape[1])
    if not inside.all() or not (np.abs(matrix.data) < _LARGEST).all():
        raise Refusal(f"{path}: damaged: a word beyond the last, or no number: fetch it again")
    return matrix


def _rows(matrix: StrangeSparse) -> np.ndarray:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _order(path: Path, first: int, count: int) -> np.ndarray:
    """The node of each row of tx: ``count`` different numbers from ``first``, with few gaps."""
    if path.stat().st_size > 8 * MOST:
        raise Refusal(f"{path}: too large to be an index of at most {MOST} papers")
    words = path.read_bytes().split()
    if not words or not all(word.isdigit() and len(word) < 8 for word in words):
        raise Refusal(f"{path}: not a list of whole numbers, one a line")
    order = np.array([int(word) for word in words])
    if len(order) != count or len(np.unique(order)) != count:
        raise Refusal(f"{path}: does not name each of the {count} papers of tx once")
    if order.min() < first or order.max() >= MOST:
        raise Refusal(f"{path}: names paper {order.min()} to {order.max()}, not from {first} on")
    return order


def _edges(path: Path, num_nodes: int) -> Tensor:
    """(2, M), i < j: from lists of neighbours that name a citation once, twice, or more often."""
    lists = read_plain(path, StrangeLists)
    if not all(type(near) is list and all(type(n) is int for n in near) for near in lists.values()):
        raise Refusal(f"{path}: damaged: holds other things than lists of papers: fetch it again")
    lengths = [len(near) for near in lists.values()]
    beyond = [n for n in chain(lists, *lists.values()) if not 0 <= n < num_nodes]
    if beyond:
        raise Refusal(f"{path}: names paper {beyond[0]}, but there are only {num_nodes}")
    source = np.repeat(np.array(list(lists), dtype=np.int64), lengths)
    target = np.fromiter(chain(*lists.values()), np.int64, sum(lengths))
    pairs = np.sort(np.stack([source, target]), axis=0)
    return torch.from_numpy(np.unique(pairs[:, source != target], axis=1))
