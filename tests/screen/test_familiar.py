"""The domain in the tables of predict and screen, and on the page."""

import csv
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from rdkit import Chem

from molgnn.chem.fingerprint import morgan
from molgnn.cli.predict import familiarity as asked_of
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.build import build_model
from molgnn.models.bundle import load_bundle, save_bundle
from molgnn.models.domain import Rule, Side
from molgnn.models.ensemble import Predictor
from molgnn.screen.annotate import annotate
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.pipeline import screen

RULE = Rule("error", 0.5, "absolute error, log mol/L", Side(9, 0.52), Side(3, 0.81))
KNOWN = ["CCO", "c1ccccc1", "CC(=O)Nc1ccc(O)cc1", "CCCCCCCC", "C"]
LIBRARY = "CCCCCCC heptane\nOCC ethanol\nC( bad\nc1ccccc1C toluene\nCC(=O)Nc1ccc(O)cc1.Cl p\n"
COLUMNS = ["nearest_similarity", "nearest_smiles", "nearest_logS", "nearest_kind", "in_domain"]


@pytest.fixture
def bundle(tmp_path):
    """bundle(card...) -> the folder of an untrained model of two tasks, with training molecules."""

    def make(**card):
        tasks = [
            Task("logS", "regression", "log mol/L"),
            Task("kind", "multiclass", classes=("x", "<y>")),
        ]
        spec = {"encoder": {"name": "gin", "dim": 8, "depth": 2}, "readout": {"name": "sum"},
                "head": {"name": "mlp", "hidden": 8}}  # fmt: skip
        torch.manual_seed(0)
        model = Predictor([build_model(**spec, out_dim={"molecule": 3})], tasks, "parent", card)
        packed = [row.tobytes() for row in morgan([Chem.MolFromSmiles(text) for text in KNOWN])]
        table = pa.table({"smiles": KNOWN, "logS": np.arange(5.0),
                          "kind": [0.0, 1.0, 1.0, None, 0.0],
                          "fingerprint": pa.array(packed, pa.binary(256))})  # fmt: skip
        save_bundle(tmp_path / "model", model, spec, table)
        return tmp_path / "model"

    return make


@pytest.fixture
def model(bundle):
    return load_bundle(bundle(name="m", domain=RULE.to_json()), "cpu")


@pytest.fixture
def lib(tmp_path):
    path = tmp_path / "lib.smi"
    path.write_text(LIBRARY)
    return path


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_gets_the_columns_that_predict_gives(model, lib, tmp_path):
    result = annotate(model, lib, tmp_path / "out.csv", domain=True)
    found = rows(tmp_path / "out.csv")
    assert list(found[0])[-6:] == [*COLUMNS, "reason"]
    expected = model.predict([line.split()[0] for line in LIBRARY.splitlines()], domain=True)
    for row, one in zip(found, expected.to_dict("records"), strict=True):
        if one["reason"]:
            assert {row[name] for name in COLUMNS} == {""}
            continue
        assert float(row["nearest_similarity"]) == pytest.approx(one["nearest_similarity"])
        assert row["nearest_smiles"] == one["nearest_smiles"]
        assert float(row["nearest_logS"]) == one["nearest_logS"]
        assert row["nearest_kind"] == (one["nearest_kind"] or "")
        assert row["in_domain"] == str(one["in_domain"]).lower()
    ethanol, paracetamol = found[1], found[4]
    assert [ethanol[name] for name in COLUMNS] == ["1", "CCO", "0", "x", "true"]
    assert [paracetamol[name] for name in COLUMNS] == ["1", KNOWN[2], "2", "<y>", "true"]
    outside = [row["in_domain"] for row in found].count("false")
    assert result.outside == outside == 1


@pytest.mark.parametrize("workers, chunk", [(0, 1), (2, 2)])
def test_workers_and_chunks_do_not_change_it(model, lib, tmp_path, workers, chunk):
    annotate(model, lib, tmp_path / "a.csv", domain="vectors")
    options = {"workers": workers, "chunk": chunk, "domain": "vectors"}
    annotate(model, lib, tmp_path / "b.csv", **options)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    header = list(rows(tmp_path / "a.csv")[0])
    assert header[-5:-1] == [
        *("embedding_distance", "embedding_smiles", "embedding_logS", "embedding_kind")
    ]


def test_a_model_that_stays_in_this_process_says_the_same(model, lib, tmp_path, monkeypatch):
    annotate(model, lib, tmp_path / "a.csv", domain="vectors")
    monkeypatch.setattr(Predictor, "job", lambda *_, **__: None)  # as on a GPU
    annotate(model, lib, tmp_path / "b.csv", domain="vectors", workers=1, chunk=2)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_parquet_has_types_and_nulls(model, lib, tmp_path):
    annotate(model, lib, tmp_path / "out.parquet", domain=True, chunk=2)
    table = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert table["in_domain"] == [True, True, None, False, True]
    assert table["nearest_kind"] == [None, "x", None, "<y>", "<y>"]
    assert table["nearest_logS"] == [3.0, 0.0, None, 1.0, 2.0]


def test_names_of_the_input_are_left_alone(model, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,in_domain,nearest_smiles\nCCO,mine,too\n")
    result = annotate(model, path, tmp_path / "out.csv", domain=True)
    (row,) = rows(tmp_path / "out.csv")
    assert (row["in_domain"], row["nearest_smiles"]) == ("mine", "too")
    assert (row["in_domain_domain"], row["nearest_smiles_domain"]) == ("true", "CCO")
    assert result.renamed == {
        "in_domain": "in_domain_domain",
        "nearest_smiles": "nearest_smiles_domain",
    }


def test_hits_have_the_columns_and_the_library_decides_as_without(model, lib, tmp_path):
    result = screen(model, lib, top=3, out=tmp_path / "with", task="logS")
    plain = screen(model, lib, top=3, out=tmp_path / "without", task="logS", domain=False)
    hits, without = rows(tmp_path / "with" / "hits.csv"), rows(tmp_path / "without" / "hits.csv")
    assert [{k: v for k, v in hit.items() if k not in COLUMNS} for hit in hits] == without
    assert list(hits[0])[-9:] == [*COLUMNS, "smiles", "id", "file", "line"]
    expected = model.predict([hit["smiles"] for hit in hits], domain=True)
    pd.testing.assert_frame_equal(
        result.hits[COLUMNS], expected[COLUMNS], check_dtype=False, check_index_type=False
    )
    assert [hit["in_domain"] for hit in hits] == [str(v).lower() for v in expected["in_domain"]]
    known = json.loads((tmp_path / "with" / "manifest.json").read_text())["domain"]
    assert known["columns"] == COLUMNS
    assert (known["threshold"], known["rule"]) == (0.5, RULE.words())
    assert known["outside"] == [hit["in_domain"] for hit in hits].count("false")
    assert known["inside"] + known["outside"] == 3
    assert plain.manifest["domain"] is None


def text_of(page):
    text = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", page.read_text(encoding="utf-8"))
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_the_page_shows_the_nearest_molecule_its_label_the_flag_and_the_rule(model, lib, tmp_path):
    screen(model, lib, out=tmp_path / "out", task="logS")
    page = tmp_path / "out" / "report.html"
    text = text_of(page)
    assert text.count("inside the domain") == 3
    assert text.count("outside the domain") == 1
    assert "1 hit is outside the model&#x27;s domain." in text.replace("'", "&#x27;")
    assert RULE.words() in text
    assert f"similarity 1.0 its logS 2.000 log mol/L its kind &lt;y&gt; {KNOWN[2]}" in text
    before = page.read_bytes()
    rebuild_report(tmp_path / "out")
    assert page.read_bytes() == before
    screen(model, lib, out=tmp_path / "out", task="logS", domain=False, force=True)
    assert "domain" not in text_of(page)


def test_a_manifest_from_before_still_makes_its_page(model, lib, tmp_path):
    screen(model, lib, out=tmp_path / "out", domain=False)
    manifest = tmp_path / "out" / "manifest.json"
    facts = json.loads(manifest.read_text())
    del facts["domain"]
    manifest.write_text(json.dumps(facts))
    before = (tmp_path / "out" / "report.html").read_bytes()
    assert rebuild_report(tmp_path / "out").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda known: 5,
        lambda known: {},
        lambda known: known | {"smiles": "other"},
        lambda known: known | {"labels": [{"column": "nearest_logS"}]},
        lambda known: known | {"rule": None},
        lambda known: known | {"outside": "all"},
        lambda known: known | {"columns": "nearest_smiles"},
    ],
)
def test_a_manifest_with_a_damaged_domain_is_refused(model, lib, tmp_path, change):
    screen(model, lib, out=tmp_path / "out", workers=0)
    manifest = tmp_path / "out" / "manifest.json"
    facts = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(facts | {"domain": change(facts["domain"])}))
    with pytest.raises(Refusal, match=r"not the manifest of a screen .damaged 'domain'"):
        rebuild_report(tmp_path / "out")


def test_without_a_rule_the_flag_is_empty_and_it_is_said(bundle, lib, tmp_path, capsys):
    model = load_bundle(bundle(), "cpu")
    assert asked_of(model, True, False) is True
    assert "no rule was learnt" in capsys.readouterr().err
    assert annotate(model, lib, tmp_path / "out.csv", domain=True).outside is None
    assert {row["in_domain"] for row in rows(tmp_path / "out.csv")} == {""}
    screen(model, lib, out=tmp_path / "out")
    hits = rows(tmp_path / "out" / "hits.csv")
    assert {hit["in_domain"] for hit in hits} == {""}
    assert all(hit["nearest_smiles"] for hit in hits)
    text = text_of(tmp_path / "out" / "report.html")
    assert "no rule was learnt" in text
    assert "inside the domain" not in text


def test_a_model_whose_training_molecules_were_taken_out_predicts_without(
    bundle, lib, tmp_path, capsys
):
    folder = bundle(domain=RULE.to_json())
    (folder / "training.parquet").unlink()
    model = load_bundle(folder, "cpu")
    assert asked_of(model, True, False) is False
    assert "no training.parquet" in capsys.readouterr().err
    result = screen(model, lib, out=tmp_path / "out")
    assert not set(COLUMNS) & set(result.hits.columns)
    assert result.manifest["domain"] is None


def test_damaged_training_molecules_are_refused_before_a_row_is_read(bundle, lib, tmp_path):
    folder = bundle(domain=RULE.to_json())
    (folder / "training.parquet").write_bytes(b"PAR1")
    seen = []
    with pytest.raises(Refusal, match=r"training\.parquet: damaged.*--no-domain"):
        screen(load_bundle(folder, "cpu"), lib, out=tmp_path / "out", progress=seen.append)
    assert not seen
    assert not (tmp_path / "out").exists()
    screen(load_bundle(folder, "cpu"), lib, out=tmp_path / "out", domain=False)


def test_a_screen_that_was_stopped_gives_the_same_files(model, tmp_path):
    path = tmp_path / "lib.smi"
    path.write_text(LIBRARY * 10)

    def stop(done):
        if done >= 20:
            raise KeyboardInterrupt

    options = {"top": 7, "shard": 5, "chunk": 5, "workers": 0}
    with pytest.raises(KeyboardInterrupt):
        screen(model, path, out=tmp_path / "a", progress=stop, **options)
    done = []
    screen(model, path, out=tmp_path / "a", begun=done.append, **options)
    assert done[0] > 0
    screen(model, path, out=tmp_path / "b", **options)
    for name in ("hits.csv", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
