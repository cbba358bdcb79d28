"""Planetoid's files: read as PyG reads them, and refused before a stranger's file can run."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest
import torch

from molgnn.data.named import plain_pickle
from molgnn.data.named.planetoid import CITATIONS, planetoid_folder, read_planetoid
from molgnn.errors import Refusal

NAMES = ("allx", "tx", "graph", "test.index")


class Call:
    """A pickle of it calls ``function(*given)`` when it is loaded."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


def text(words: str) -> bytes:
    """A string of Python 2, as its pickles hold bytes."""
    content = words.encode("latin1") if isinstance(words, str) else words
    return b"T" + struct.pack("<i", len(content)) + content


def array(values: np.ndarray, shape: tuple | None = None, code: str = "") -> bytes:
    """The pickle of Python 2 and numpy 1 of an array, without its end."""
    code = code or values.dtype.str[1:]
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in shape or values.shape) + b"t"
    kind = b"cnumpy\ndtype\n(" + text(code) + b"K\x00K\x01tR(K\x03" + text("<") + b"NNNJ\xff\xff"
    kind += b"\xff\xffJ\xff\xff\xff\xffK\x00tb"
    start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text("b") + b"tR"
    return start + b"(K\x01" + shape + kind + b"\x89" + text(values.tobytes()) + b"tb"


def sparse(shape, indptr, indices, data) -> bytes:
    parts = {"indptr": np.int32(indptr), "indices": np.int32(indices), "data": np.float32(data)}
    items = b"".join(text(name) + array(values) for name, values in parts.items())
    size = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in shape) + b"t"
    return (
        b"\x80\x02cscipy.sparse.csr\ncsr_matrix\n)\x81}("
        + items + text("_shape") + size + b"ub."
    )  # fmt: skip


def lists(graph: dict) -> bytes:
    """As Python 2 pickled a defaultdict(list)."""
    return pickle.dumps(collections.defaultdict(list, graph), protocol=2)


# Papers 0 to 2 in allx; rows of tx are papers 5, 3 and 6; of paper 4 nothing is known.
FILES = {
    "allx": sparse((3, 4), [0, 1, 3, 4], [0, 1, 3, 2], [1, 1, 1, 1]),
    "tx": sparse((3, 4), [0, 1, 1, 2], [3, 0], [1, 1]),
    "graph": lists({0: [1, 1, 0], 1: [0, 2], 2: [5], 5: [2], 6: [0], 4: []}),
    "test.index": b"5\n3\n6\n",
}


@pytest.fixture
def write(tmp_path):
    """write(allx=..., ...): the folder of the small graph, with some of its files changed."""

    def make(**changed):
        for name in NAMES:
            content = changed.get(name.replace(".", "_"), FILES[name])
            (tmp_path / f"ind.cora.{name}").write_bytes(content)
        return tmp_path

    return make


def test_rows_of_test_papers_go_where_the_index_says_and_gaps_are_zero(write):
    graph = read_planetoid("cora", write())
    wanted = torch.zeros(7, 4)
    wanted[[0, 1, 1, 2, 5, 6], [0, 1, 3, 2, 3, 0]] = 1
    assert torch.equal(graph.x.to_dense(), wanted)


def test_a_citation_counts_once_and_not_of_a_paper_by_itself(write):
    assert read_planetoid("cora", write()).edges.tolist() == [[0, 0, 1, 2], [1, 6, 2, 5]]


@pytest.mark.parametrize(
    "name, nodes, words, ones, edges", [("cora", 2708, 1433, 49216, 5278),
                                        ("citeseer", 3327, 3703, 105165, 4552)]
)  # fmt: skip
def test_the_real_graphs_have_their_known_sizes(name, nodes, words, ones, edges, molgnn_data):
    if not (molgnn_data / "planetoid").is_dir():
        pytest.skip("needs planetoid in MOLGNN_DATA")
    graph = read_planetoid(name, planetoid_folder())
    assert graph.x.shape == (nodes, words)
    assert graph.x._nnz() == ones
    assert (graph.x.values() == 1).all()
    assert graph.edges.shape == (2, edges)
    assert (graph.edges[0] < graph.edges[1]).all()
    empty = int((graph.x.to_dense().sum(1) == 0).sum())
    assert empty == {"cora": 0, "citeseer": 15}[name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", CITATIONS)
def test_the_real_graphs_are_those_that_pyg_reads(name, molgnn_data, tmp_path):
    from torch_geometric.datasets import Planetoid

    if not (molgnn_data / "planetoid").is_dir():
        pytest.skip("needs planetoid in MOLGNN_DATA")
    raw = tmp_path / name.capitalize() / "raw"
    raw.mkdir(parents=True)
    for path in (molgnn_data / "planetoid").glob(f"ind.{name}.*"):
        (raw / path.name).write_bytes(path.read_bytes())
    theirs, ours = Planetoid(tmp_path, name.capitalize())[0], read_planetoid(
        name, molgnn_data / "planetoid"
    )  # fmt: skip
    assert torch.equal(ours.x.to_dense(), theirs.x)
    once = theirs.edge_index[:, theirs.edge_index[0] < theirs.edge_index[1]]
    assert set(map(tuple, once.T.tolist())) == set(map(tuple, ours.edges.T.tolist()))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", ["allx", "tx", "graph"])
def test_what_a_strangers_pickle_calls_does_not_run(place, protocol, write, tmp_path):
    trap = tmp_path / "sprung"
    hostile = pickle.dumps(Call(os.system, f"touch {trap}"), protocol=protocol)
    with pytest.raises(Refusal, match=rf"ind\.cora\.{place}: not read, for safety: it ") as refused:
        read_planetoid("cora", write(**{place: hostile}))
    assert not trap.exists()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"cos\nsystem\n(S'touch sprung'\ntR.", "the operation STRING"),
        (b"\x80\x02cos\nsystem\n(U\x06sprungtR.", "asks for 'os.system'"),
        (b"\x80\x02cbuiltins\neval\n(U\x011tR.", "asks for 'builtins.eval'"),
        (b"\x80\x02cbuiltins\nlist\n)R.", "asks for 'builtins.list'"),
        (b"\x80\x02cnumpy\nfromfile\n(U\x01xtR.", "asks for 'numpy.fromfile'"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct.x\n.", "asks for"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "the operation SHORT_BINUNICODE"),
        (b"(U\x01xios\nsystem\n.", "the operation INST"),
        (b"\x80\x02\x82\x01.", "the operation EXT1"),
        (b"Pxx\n.", "the operation PERSID"),
        (b"\x96\xff\xff\xff\xff\xff\xff\xff\x0f.", "damaged"),  # a bytearray of 2^60
        (b"\x80\x02Nr\xff\xff\xff\x7f.", "damaged"),  # a memo of 2^31
        (b"\x80\x02}(K\x00K\x01u.", "holds something else"),
        (b"\x80\x02c__builtin__\nlist\n}U\x06appendNs\x86b.", "damaged"),
        (b"\x80\x02ccollections\ndefaultdict\n)U\x01xb.", "damaged"),
        (b"\x80\x02ccollections\ndefaultdict\nU\x01xb.", "damaged"),
        (lists({True: [1]}), "damaged"),
        (lists({(0, 1): [1]}), "damaged"),
        (lists({-1: [1]}), "damaged"),
        (lists({0: [1, "2"]}), "other things than lists of papers"),
        (lists({0: [True]}), "other things than lists of papers"),
        (lists({0: [7]}), "names paper 7, but there are only 7"),
        (lists({0: [-1]}), "names paper -1"),
        (lists({7: [0]}), "names paper 7"),
        (lists({0: [2**40]}), "LONG1"),
        (b"", "damaged"),
        (FILES["graph"][:-9], "damaged"),
        (FILES["tx"], "holds something else"),
    ],
)
def test_a_graph_that_is_no_plain_lists_of_papers_is_refused_in_one_line(
    content, words, write, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusal) as refused:
        read_planetoid("cora", write(graph=content))
    assert words in str(refused.value)
    assert "ind.cora.graph" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "sprung").exists()


WHOLE = ((3, 4), [0, 1, 1, 2], [3, 0], [1, 1])


@pytest.mark.parametrize(
    "content, words",
    [
        (sparse((3, 4), [0, 1, 1, 2], [3, 4], [1, 1]), "a word beyond the last"),
        (sparse((3, 4), [0, 1, 1, 2], [3, -1], [1, 1]), "a word beyond the last"),
        (sparse((3, 4), [0, 1, 1, 2], [3, 0], [1, np.nan]), "no number"),
        (sparse((3, 4), [0, 2, 1, 2], [3, 0], [1, 1]), "do not fit"),
        (sparse((3, 4), [0, 1, 1, 3], [3, 0], [1, 1]), "do not fit"),
        (sparse((3, 4), [1, 1, 1, 2], [3, 0], [1, 1]), "do not fit"),
        (sparse((4, 4), [0, 1, 1, 2], [3, 0], [1, 1]), "do not fit"),
        (sparse((3, 4), [0, 1, 1, 2], [3, 0], [1]), "do not fit"),
        (sparse((3, 4), [0, 1, 1, 2], [[3], [0]], [1, 1]), "do not fit"),
        (sparse((3, 4), 5, [3, 0], [1, 1]), "do not fit"),
        (sparse((3, 4), [0, 1, 1, 2], [3, 0], [1, 1e30]), "no number"),
        (sparse((3,), *WHOLE[1:]), "its shape"),
        (sparse((3, 10**9), *WHOLE[1:]), "its shape"),
        (sparse((3, 5), *WHOLE[1:]), "another number of words"),
        (sparse((-3, 4), *WHOLE[1:]), "damaged"),
        (sparse(*WHOLE).replace(b"i4", b"O8"), "damaged"),
        (sparse(*WHOLE).replace(b"f4", b"f8"), "damaged"),
        (sparse(*WHOLE).replace(b"T\x01\x00\x00\x00<", b"T\x01\x00\x00\x00>"), "damaged"),
        (sparse(*WHOLE).replace(b"_shape", b"_Shape"), "damaged"),
        (b"\x80\x02" + array(np.zeros(2), shape=(10**9,)) + b".", "damaged"),
        (b"\x80\x02" + array(np.zeros(2)) + b".", "holds something else"),
        (FILES["graph"], "holds something else"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(content, words, write):
    with pytest.raises(Refusal) as refused:
        read_planetoid("cora", write(tx=content))
    assert words in str(refused.value)
    assert "ind.cora.tx" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"5\n3\n", "does not name each of the 3 papers"),
        (b"5\n3\n3\n", "does not name each of the 3 papers"),
        (b"5\n3\n2\n", "names paper 2 to 5, not from 3 on"),
        (b"5\n3\n9999999\n", "names paper 3 to 9999999"),
        (b"5\n3\n99999999999999999999\n", "not a list of whole numbers"),
        (b"5\n3\n-6\n", "not a list of whole numbers"),
        (b"", "not a list of whole numbers"),
        (b"5 " * 500_000, "too large"),
    ],
)
def test_an_index_that_points_elsewhere_is_refused(content, words, write):
    with pytest.raises(Refusal, match=r"ind\.cora\.test\.index") as refused:
        read_planetoid("cora", write(test_index=content))
    assert words in str(refused.value)


def test_a_file_too_large_is_refused_unread(write, monkeypatch):
    monkeypatch.setattr(plain_pickle, "LARGEST", 100)
    with pytest.raises(Refusal, match="allx: not read, for safety: it is larger than"):
        read_planetoid("cora", write())


def test_what_is_missing_is_named(write, tmp_path, monkeypatch):
    folder = write()
    with pytest.raises(Refusal, match="unknown citation graph 'pubmed': choose one of cite"):
        read_planetoid("pubmed", folder)
    with pytest.raises(Refusal, match=r"ind\.citeseer\.allx: no such file"):
        read_planetoid("citeseer", folder)
    monkeypatch.delenv("MOLGNN_DATA", raising=False)
    with pytest.raises(Refusal, match="MOLGNN_DATA is not set"):
        planetoid_folder()
    monkeypatch.setenv("MOLGNN_DATA", str(tmp_path))
    with pytest.raises(Refusal, match="planetoid: no such folder"):
        planetoid_folder()
