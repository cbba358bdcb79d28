import csv
import gzip
import json
import os

import pytest
from rdkit import Chem

from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.screen.pipeline import screen
from molgnn.screen.unfinished import FILES

TWO_TASKS = (Task("size", "regression", "atoms"), Task("kind", "multiclass", "", ("a", "b")))


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_hits_are_the_best_with_ties_in_the_order_of_the_file(fake_model, library, tmp_path):
    result = screen(fake_model(), library, top=6, out=tmp_path / "out")
    raw = library.read_text().split("\n")
    scored = [(len(t.split()[0]), n) for n, t in enumerate(raw, 1) if "m" in t]
    best = sorted(scored, key=lambda s: (-s[0], s[1]))[:6]
    assert list(zip(result.hits["score"], result.hits["line"], strict=True)) == best
    for hit in rows(tmp_path / "out" / "hits.csv"):
        assert raw[int(hit["line"]) - 1] == f"{hit['smiles']} {hit['id']}"
        assert hit["file"] == str(library)


def test_every_line_is_accounted_for(fake_model, library, tmp_path):
    counts = screen(fake_model(), library, out=tmp_path / "out").manifest["counts"]
    assert counts == {
        "rows": 42,
        "scored": 40,
        "invalid": 2,
        "blank_lines": 2,
        "header_lines": 0,
        "lines": 44,
        "hits": 40,
    }
    rejects = rows(tmp_path / "out" / "rejects.csv")
    assert [(r["line"], r["text"]) for r in rejects] == [("7", "c1ccccx"), ("9", "CN(C)(C)(C)C")]
    assert all(r["reason"] for r in rejects)


@pytest.mark.parametrize("workers, chunk", [(0, 1), (0, 7), (2, 5)])
def test_workers_and_chunks_do_not_change_the_results(
    fake_model, library, tmp_path, workers, chunk
):
    model = fake_model(TWO_TASKS, members=3, broken={4: float("nan")})
    one = screen(model, library, top=9, out=tmp_path / "one")
    two = screen(model, library, top=9, out=tmp_path / "two", workers=workers, chunk=chunk)
    for name in ("hits.csv", "rejects.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    for part in ("counts", "invalid_reasons", "cut"):
        assert one.manifest[part] == two.manifest[part]
    assert one.manifest["scores"]["histogram"] == two.manifest["scores"]["histogram"]


def test_a_score_that_is_not_finite_is_a_reject_and_never_a_hit(fake_model, library, tmp_path):
    model = fake_model(broken={10: float("inf"), 3: float("nan"), 9: 1e300})
    result = screen(model, library, out=tmp_path / "out")
    assert result.hits["score"].max() == 8
    assert 3 not in set(result.hits["score"])
    assert result.manifest["counts"]["invalid"] == 2 + 12
    rejects = rows(tmp_path / "out" / "rejects.csv")
    assert [int(r["line"]) for r in rejects] == sorted(int(r["line"]) for r in rejects)
    assert [r["text"] for r in rejects].count("C" * 10) == 4
    assert {"reason": "model gave no finite score", "count": 12} in result.manifest[
        "invalid_reasons"
    ]


def test_minimize_gives_the_lowest(fake_model, library):
    result = screen(fake_model(), library, top=4, minimize=True)
    assert result.hits["score"].tolist() == [1, 1, 1, 1]
    assert result.manifest["direction"] == "minimize"
    assert result.manifest["cut"] == 1


def test_a_task_is_chosen_by_name_and_a_class_by_its_column(fake_model, library):
    model = fake_model(TWO_TASKS)
    result = screen(model, library, top=3, task="kind=b")
    assert result.hits["score"].tolist() == [30, 30, 30]
    assert result.manifest["task"] == "kind=b"
    assert screen(model, library, top=3).manifest["task"] == "size"
    with pytest.raises(Refusal, match="kind=a, kind=b"):
        screen(model, library, task="kind")
    with pytest.raises(Refusal, match="unknown task 'kin'"):
        screen(model, library, task="kin")


def test_the_columns_of_hits_are_the_documented_ones(fake_model, library, tmp_path):
    screen(fake_model(TWO_TASKS, members=2), library, top=1, out=tmp_path / "out")
    header = (tmp_path / "out" / "hits.csv").read_text().split("\n")[0]
    assert header == (
        "rank,score,size,kind=a,kind=b,size_std,kind=a_std,kind=b_std,smiles,id,file,line"
    )


def test_a_task_called_like_a_column_of_hits_keeps_its_own(fake_model, library):
    result = screen(fake_model((Task("score", "regression"), Task("id", "binary"))), library)
    assert list(result.hits.columns) == [
        "rank", "score", "score_predicted", "id_predicted", "smiles", "id", "file", "line"
    ]  # fmt: skip


def test_cells_that_a_spreadsheet_would_run_are_defused(fake_model, tmp_path):
    path = tmp_path / "evil.smi"
    path.write_text("CCC =cmd|'/c calc'!A1\n=CC @x\nCC -5\n")
    screen(fake_model((Task("+y", "regression"),)), path, out=tmp_path / "out")
    hits = (tmp_path / "out" / "hits.csv").read_text()
    assert hits.split("\n")[0].split(",")[2] == "'+y"
    assert rows(tmp_path / "out" / "hits.csv")[0]["id"] == "'=cmd|'/c calc'!A1"
    assert rows(tmp_path / "out" / "hits.csv")[1]["id"] == "-5"
    assert rows(tmp_path / "out" / "rejects.csv")[0]["text"] == "'=CC"


def test_nothing_is_overwritten_unless_forced(fake_model, library, tmp_path):
    out = tmp_path / "out"
    for name in FILES:
        out.mkdir(exist_ok=True)
        (out / name).write_text("mine")
        with pytest.raises(Refusal, match=rf"{name} exists: .*--force"):
            screen(fake_model(), library, out=out)
        assert (out / name).read_text() == "mine"
        (out / name).unlink()
    (out / "hits.csv").write_text("mine")
    screen(fake_model(), library, out=out, force=True)
    assert sorted(p.name for p in out.iterdir()) == sorted(FILES)


def test_a_folder_that_is_a_file_is_refused(fake_model, library):
    with pytest.raises(Refusal, match="is a file: --out needs a folder"):
        screen(fake_model(), library, out=library)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_screen_leaves_nothing(fake_model, library, tmp_path, error):
    def stop(done):
        raise error

    out = tmp_path / "a" / "b"
    with pytest.raises(error):
        screen(fake_model(), library, out=out, progress=stop)
    assert not (tmp_path / "a").exists()
    out.mkdir(parents=True)
    (out / "hits.csv").write_text("mine")
    with pytest.raises(error):
        screen(fake_model(), library, out=out, force=True, progress=stop)
    assert [(p.name, p.read_text()) for p in out.iterdir()] == [("hits.csv", "mine")]


def test_a_wrong_library_is_refused_before_a_folder_is_made(fake_model, tmp_path):
    with pytest.raises(Refusal, match=r"gone\.smi"):
        screen(fake_model(), tmp_path / "gone.smi", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("top", [0, -3])
def test_a_top_below_one_is_refused(fake_model, library, top):
    with pytest.raises(Refusal, match=f"--top {top}"):
        screen(fake_model(), library, top=top)


def test_several_files_are_one_library_and_each_has_its_hash(fake_model, library, tmp_path):
    table = tmp_path / "more.csv"
    table.write_text("name,smiles\nbig,CCCCCCCCCCCC\nbad,C(C\n\n")
    result = screen(fake_model(), [library, table], top=1, chunk=50)
    assert result.hits.loc[0, ["smiles", "id", "line"]].tolist() == ["C" * 12, "big", 2]
    counts = result.manifest["counts"]
    assert counts["rows"] == 44
    assert counts["lines"] == counts["rows"] + counts["blank_lines"] + counts["header_lines"]
    files = result.manifest["library"]["files"]
    assert [f["size"] for f in files] == [os.path.getsize(f["name"]) for f in files]
    assert all(len(f["sha256"]) == 64 for f in files)


def test_a_record_of_an_sdf_is_shown_by_its_canonical_smiles(fake_model, tmp_path):
    path = tmp_path / "two.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for smiles in ("OCC", "CCCC"):
            writer.write(Chem.MolFromSmiles(smiles))
    hits = screen(fake_model(), path).hits
    assert hits["smiles"].tolist() == ["CCCC", "CCO"]


def test_a_library_without_a_single_molecule_still_ends(fake_model, tmp_path):
    path = tmp_path / "bad.smi"
    path.write_text("xx a\nyy b\n")
    result = screen(fake_model(), path, out=tmp_path / "out")
    assert result.hits.empty
    assert result.manifest["counts"]["invalid"] == 2
    assert "could be scored" in (tmp_path / "out" / "report.html").read_text()


def test_the_manifest_says_what_was_done(fake_model, library, tmp_path):
    result = screen(fake_model(members=2), library, top=3, out=tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert facts == result.manifest
    assert facts["model"]["sha256"] == fake_model.sha256
    assert facts["versions"].keys() >= {"python", "rdkit", "torch"}
    assert facts["run"]["started"] <= facts["run"]["finished"]
    assert facts["run"]["stages"].keys() == {"read", "featurize", "score", "keep"}
    assert facts["run"]["resumed"] == 0
    assert facts["device"] == "cpu"
    assert facts["top"] == 3
    assert facts["cut"] == 10
    assert sum(facts["scores"]["histogram"]["counts"]) == facts["counts"]["scored"]


def test_the_floor_is_the_verb_too(fake_model, library):
    import molgnn.screen

    assert molgnn.screen(fake_model(), library, top=1).hits["score"].tolist() == [10]


def test_progress_counts_all_rows(fake_model, library):
    done = []
    screen(fake_model(), library, chunk=20, workers=0, progress=done.append)
    assert done == [20, 40, 42]


NASTY_FILES = (
    "SMILES_in_OpenSMILESSpecificationTest.smi",
    "SMILES_in_rdkitSmilesParse_test.smi",
    "graphium_micro_ZINC_corrupt.csv",
    "nextmove_cornercases.smi",
    "nonstandard_SMILES.smi",
    "oxidation_states.smi",
    "rdkit_canonSmiles.smi",
    "rdkit_inorganic_stereo.smi",
)


def check_nasty(model, path, raw, tmp_path):
    """Screen to the end; each line of the raw file is a hit, a reject or blank, in its place."""
    column = "SMILES1" if path.suffix == ".csv" else None
    result = screen(model, path, top=len(raw), out=tmp_path / "out", smiles=column, workers=0)
    counts = result.manifest["counts"]
    assert counts["lines"] == len(raw)
    assert counts["rows"] == counts["scored"] + counts["invalid"]
    assert counts["lines"] == counts["rows"] + counts["blank_lines"] + counts["header_lines"]
    found = [(hit.line, hit.smiles) for hit in result.hits.itertuples()]
    rejects = rows(tmp_path / "out" / "rejects.csv")
    found += [(int(r["line"]), r["text"].removeprefix("'")) for r in rejects]
    assert len(found) == counts["rows"]
    assert len({line for line, _ in found}) == len(found)
    for line, text in found:
        assert raw[line - 1].strip().startswith(text)
    valid = [Chem.MolFromSmiles(hit.smiles) for hit in result.hits.itertuples()]
    assert [mol.GetNumAtoms() for mol in valid] == result.hits["score"].tolist()


@pytest.mark.parametrize("name", NASTY_FILES)
def test_a_nasty_file_is_screened_to_its_end(fake_model, molgnn_data, name, tmp_path):
    path = molgnn_data / "nasty" / name
    raw = path.read_bytes().decode(errors="replace").splitlines()
    check_nasty(fake_model(), path, raw, tmp_path)


def pubchem(folder, tmp_path, limit=None):
    with gzip.open(folder / "nasty" / "rdkit_100kPCS_standardize_sm.csv.gz", "rt") as file:
        raw = file.read().split("\n")[:-1][:limit]
    path = tmp_path / "pubchem.smi"
    path.write_text("\n".join(raw) + "\n")
    return path, raw


def test_pubchem_substances_are_screened_to_the_end(fake_model, molgnn_data, tmp_path):
    check_nasty(fake_model(), *pubchem(molgnn_data, tmp_path, 1500), tmp_path)


@pytest.mark.slow
def test_all_pubchem_substances_are_screened_to_the_end(fake_model, molgnn_data, tmp_path):
    check_nasty(fake_model(), *pubchem(molgnn_data, tmp_path), tmp_path)


OWN_NASTY = [
    "[U] 0", "", "C%00CC%00 1", "C(C.C)C", "[H-] 0", "c1ccccc1", "C1CC", "\tCC\ttab", "[Xx]",
    "CC\x00C nul", "[Na+].[Cl-] salt", "C" * 3000 + " long", "é umlaut", "C  two  spaces", "*",
    "[2H]O[2H]", "C/C=C/C", "N#N", "O=O=O", "<script> x", "[Fe@OH1-3]1(OC(=O)C(=O)O1)Cl",
]  # fmt: skip


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_nasty_lines_of_our_own_are_screened_to_the_end(fake_model, tmp_path, ending):
    path = tmp_path / "own.smi"
    path.write_text(ending.join(OWN_NASTY) + ending, newline="")
    check_nasty(fake_model(), path, OWN_NASTY, tmp_path)


def test_hits_beyond_the_training_range_are_counted_and_said(fake_model, library, tmp_path):
    model = fake_model()
    model.card = {"data": {"range": {"size": [2.0, 8.0]}}}
    result = screen(model, library, top=40, out=tmp_path / "out")
    beyond = sum(not 2 <= score <= 8 for score in result.hits["score"])
    assert result.manifest["training_range"] == [2.0, 8.0]
    assert result.manifest["hits_beyond_training"] == beyond > 0
    assert f"{beyond} hits lie beyond" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("appetite", [0, 7, 10_000])
def test_parts_scored_together_give_the_same_screen(appetite, fake_model, tmp_path):
    """As a GPU has them: many parts in one call, each with its own rows and reasons again."""
    path = tmp_path / "lib.smi"
    path.write_text(
        "".join("C" * (i % 9) + ("X" if i % 5 == 0 else "C") + f" {i}\n" for i in range(60))
    )
    model, calls = fake_model(), []
    alone = screen(model, path, top=20, chunk=4, workers=0)
    model.appetite, whole = appetite, model.predict_graphs
    model.predict_graphs = lambda graphs, p: (calls.append(len(graphs)), whole(graphs, p))[1]
    together = screen(model, path, top=20, chunk=4, workers=0)
    assert together.hits.equals(alone.hits)
    assert together.manifest["counts"] == alone.manifest["counts"]
    assert min(calls[:-1], default=appetite) >= appetite
