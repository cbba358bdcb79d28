"""Known molecules hidden in a library: their ranks are exact, and nothing else changes."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

from molgnn.chem.graph import featurize
from molgnn.chem.smiles import canonical, parse
from molgnn.data.packed.build import build_library
from molgnn.errors import Refusal
from molgnn.models.bundle import load_bundle
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.pipeline import screen
from molgnn.screen.spike.copies import Copies, _heavy, _heavy_of
from molgnn.screen.spike.figures import bedroc
from molgnn.screen.spike.read import Spike, Spikes
from molgnn.screen.unfinished import FILES, Interrupted
from molgnn.train.metrics import binary

KNOWN = "C methane\nCCCCCCCC octane\nC(C)CC butane\nnot-a-molecule bad\nCCCC again\nCO methanol\n"
KNOWN += "CCCCCCCCCCCC dodecane\n"
SMALL = {"top": 7, "chunk": 4, "shard": 10, "workers": 0}


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "known.smi"
    path.write_text(KNOWN)
    return path


def brute(library: np.ndarray, spikes: np.ndarray, top: int) -> dict:
    """Figures of the two lists in one, and the ranks of the spikes; library rows first at ties."""
    y = np.array([0] * len(library) + [1] * len(spikes))
    scores = np.concatenate([library, spikes])
    order = np.lexsort((np.arange(len(y)), -scores))
    places = np.empty(len(y), dtype=int)
    places[order] = np.arange(1, len(y) + 1)
    found, ranks = binary(y, np.clip(scores, 0, 1)), places[len(library) :]
    recall = float((ranks <= top).mean())
    return {name: found[name] for name in ("roc_auc", "ef1", "bedroc")} | {"recall": recall}, ranks


def same(figures: dict, expected: dict) -> bool:
    return {name: figures[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def contents(folder):
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    facts = json.loads(files["manifest.json"])
    del facts["run"]
    return files | {"manifest.json": json.dumps(facts)}


@pytest.mark.parametrize("minimize", [False, True])
@pytest.mark.parametrize("top", [1, 7, 45])
def test_ranks_and_figures_are_those_of_the_two_lists_in_one(
    fake_model, library, known, top, minimize
):
    model = fake_model()
    result = screen(model, library, top=top, spike=known, minimize=minimize, shard=9, chunk=4)
    every = screen(model, library, top=50, minimize=minimize).hits["score"].to_numpy()
    spiked = np.array([1, 8, 4, 2, 12], dtype=float)
    sign = -1 if minimize else 1
    # Into 0 .. 1, which the oracle wants, without a change of order or of ties.
    merits = [0.5 + sign * scores / 100 for scores in (every, spiked)]
    expected, ranks = brute(*merits, top)
    facts = result.manifest["spike"]
    assert same(facts["figures"], expected)
    by_line = result.spiked.sort_values("line")
    assert by_line["rank"].tolist() == ranks.tolist()
    assert by_line["score"].tolist() == spiked.tolist()
    assert result.spiked["rank"].is_monotonic_increasing
    assert (facts["molecules"], facts["duplicates"], facts["invalid"]) == (5, 1, 1)
    assert facts["invalid_rows"] == [{"line": 4, "reason": "not valid SMILES"}]


def test_a_trained_model_on_drugs_ranks_as_brute_force_does(shipped_drugs, tmp_path):
    rng = random.Random(3)
    alone = [text for text in dict.fromkeys(shipped_drugs) if "." not in text]  # no two salts
    texts = rng.sample(alone, 260)
    library, hidden = tmp_path / "lib.smi", tmp_path / "hidden.csv"
    library.write_text("\n".join(texts[:200]))
    hidden.write_text("smiles,name\n" + "".join(f"{text},n\n" for text in texts[200:]))
    model = load_bundle("solubility", device="cpu")
    result = screen(model, library, top=12, spike=hidden, shard=64, chunk=16, workers=0)
    every = model.predict(texts)["logS"].to_numpy()
    score = result.spiked.sort_values("line")["score"].to_numpy()
    np.testing.assert_allclose(score, every[200:], rtol=1e-6)
    low, high = every.min(), every.max()
    merits = [(each - low + 1) / (high - low + 2) for each in (every[:200], score)]
    expected, ranks = brute(*merits, 12)
    assert same(result.manifest["spike"]["figures"], expected)
    assert result.spiked["rank"].tolist() == sorted(ranks.tolist())


@pytest.mark.parametrize("seed", range(5))
def test_bedroc_is_that_of_rdkit(seed):
    rng = np.random.default_rng(seed)
    y = rng.random(400) < 0.1
    expected = binary(y.astype(int), np.linspace(1, 0, 400))["bedroc"]
    assert bedroc(np.flatnonzero(y) + 1, 400) == pytest.approx(expected, rel=1e-12)


def test_nothing_else_changes(fake_model, library, known, tmp_path):
    model = fake_model(members=2, broken={4: float("nan")})
    screen(model, library, out=tmp_path / "without", **SMALL)
    screen(model, library, out=tmp_path / "with", spike=known, **SMALL)
    one, two = contents(tmp_path / "without"), contents(tmp_path / "with")
    assert two.keys() - one.keys() == {"spike.csv"}
    facts = json.loads(two["manifest.json"])
    assert facts.pop("spike")["molecules"] == 4  # butane gets no finite score
    assert facts == json.loads(one["manifest.json"])
    for name in ("hits.csv", "rejects.csv", "page.json"):
        assert one[name] == two[name]


@pytest.mark.parametrize("workers, chunk", [(0, 1), (0, 50), (2, 3)])
def test_workers_and_chunks_do_not_change_a_byte_of_it(
    fake_model, library, known, tmp_path, workers, chunk
):
    model = fake_model(members=2)
    screen(model, library, out=tmp_path / "one", spike=known, **SMALL)
    options = SMALL | {"workers": workers, "chunk": chunk}
    screen(model, library, out=tmp_path / "two", spike=known, **options)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("rows", [15, 31, 42])
def test_a_screen_that_was_stopped_goes_on_to_the_same_bytes(
    fake_model, library, known, tmp_path, rows
):
    def stop(done):
        if done >= rows:
            raise KeyboardInterrupt

    model = fake_model()
    screen(model, library, out=tmp_path / "whole", spike=known, **SMALL)
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        screen(model, library, out=out, spike=known, progress=stop, **SMALL)
    other = tmp_path / "other.smi"
    other.write_text("CC\n")
    for spike in (None, other):
        with pytest.raises(Refusal, match=r"was begun with spike .*known\.smi"):
            screen(model, library, out=out, spike=spike, **SMALL)
    resumed = screen(model, library, out=out, spike=known, **SMALL).manifest["run"]["resumed"]
    assert resumed == (rows - 1) // 10 * 10
    assert contents(out) == contents(tmp_path / "whole")


def test_a_packed_library_gives_the_same_and_must_be_of_the_models_recipe(
    fake_model, library, known, tmp_path
):
    for recipe in ("none", "parent"):
        build_library(library, tmp_path / recipe, recipe=recipe, chunk=8, shard=16, workers=0)
    raw, packed = (screen(fake_model(), each, spike=known) for each in (library, tmp_path / "none"))
    assert raw.spiked.equals(packed.spiked)
    assert raw.manifest["spike"] == packed.manifest["spike"]
    with pytest.raises(Refusal, match="standardised with 'parent', the model wants 'none'"):
        screen(fake_model(), tmp_path / "parent", spike=known)


def test_rows_that_are_in_the_library_too_are_told(tmp_path):
    library, known = tmp_path / "lib.smi", tmp_path / "known.csv"
    library.write_text("OCC e\nC[NH+](C)C.[Cl-] salt\nc1ccccc1 b\nCC(N)C(=O)O racemic\nCCCCC p\n")
    known.write_text("SMILES\nCCO\nC1=CC=CC=C1\nCN(C)C\nC[C@H](N)C(=O)O\nC[NH+](C)C\n")
    model = load_bundle("solubility", device="cpu")
    result = screen(model, library, spike=known)
    told = dict(zip(result.spiked["smiles"], result.spiked["in_library"], strict=True))
    # The model's recipe keeps charges and stereo: an amine is not its cation.
    copies = {"CCO", "C1=CC=CC=C1", "C[NH+](C)C"}
    assert {text for text, there in told.items() if there} == copies
    assert result.manifest["spike"]["in_library"] == 3


def test_copies_are_found_however_they_are_written(shipped_drugs):
    texts, found = [text for text in shipped_drugs[:2000:40] if text != "N"], []
    for text in texts:
        mol = parse(text)
        found.append(Spike(None, canonical(mol), mol, 0.0, 0.0, None))
    copies = Copies(Spikes("known.smi", "", found, [], 0, "fp32", "parent"))
    written = [Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(text), 3, 1) for text in texts]
    rows = [SimpleNamespace(text=text) for three in written for text in three]
    rows += [SimpleNamespace(text=f"{text}.Cl |x|") for text in texts if "." not in text]
    rows += [SimpleNamespace(text=f"C{text}") for text in texts if "." not in text]  # no copies
    chunk = SimpleNamespace(rows=rows, positions=np.arange(len(rows)))
    copies.add(chunk, np.zeros(len(rows)))
    assert copies.counts.tolist() == [3 if "." in text else 4 for text in texts]
    copies.add(chunk, np.full(len(rows), 0.1))  # of other scores nobody asks
    assert copies.counts.max() == 4


def test_heavy_atoms_by_the_text_are_those_of_the_molecule(shipped_drugs):
    odd = ["[13CH4]", "[2H]OC", "[nH]1cccc1", "[Na+]", "c1cc[se]c1", "*C", "[#6]C", "[cH-]1cccc1"]
    for text in [*shipped_drugs[::7], *odd]:
        symbols = [atom.GetSymbol() for atom in Chem.MolFromSmiles(text).GetAtoms()]
        assert _heavy_of(text) == _heavy(symbols), text


class _Learnt:
    smiles = ("C", "CCCCCCCC", "CCO")


def test_training_molecules_are_told_and_left_out_of_figures_of_their_own(
    fake_model, library, known, tmp_path
):
    model = fake_model()
    unknown = screen(model, library, spike=known)
    assert unknown.manifest["spike"]["training"] is None
    assert unknown.spiked["is_training"].isna().all()
    model.known = _Learnt()
    some = screen(model, library, spike=known, domain=False)
    told = some.spiked.set_index("id")["is_training"]
    assert set(told.index[told]) == {"methane", "octane"}
    rest = tmp_path / "rest.smi"
    rest.write_text("".join(line + "\n" for line in KNOWN.splitlines() if line[0] == "C"
                            and "methane" not in line and "octane" not in line))  # fmt: skip
    alone = screen(model, library, spike=rest, domain=False).manifest["spike"]
    facts = some.manifest["spike"]
    assert (facts["training"], alone["training"], alone["unseen"]) == (2, 0, None)
    assert facts["unseen"] == alone["figures"]
    rest.write_text("C\nCCCCCCCC\n")
    every = screen(model, library, spike=rest, domain=False).manifest["spike"]
    assert (every["training"], every["unseen"]) == (2, None)


def test_the_page_and_the_table_show_it(fake_model, library, tmp_path):
    known, out = tmp_path / "<b>known.smi", tmp_path / "out"
    known.write_text("CCCCCCCCCCCC =HYPERLINK(1)\nCC\n")
    screen(fake_model(), library, out=out, spike=known, recipe="plain", top=3)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h2>Hidden molecules</h2>" in page
    assert "&lt;b&gt;known.smi" in page
    assert "before the funnel" in page
    assert rebuild_report(out).read_text(encoding="utf-8") == page
    table = pd.read_csv(out / "spike.csv")
    assert table["id"].iloc[0] == "'=HYPERLINK(1)"
    assert table["rank"].tolist() == [1, 38]  # 36 chains are as long or longer
    assert (out / "pool.parquet").exists()


def test_a_screen_without_takes_its_table_away(fake_model, library, known, tmp_path):
    screen(fake_model(), library, out=tmp_path / "out", spike=known)
    screen(fake_model(), library, out=tmp_path / "out", force=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)


@pytest.mark.parametrize("change", [{"figures": {}}, {"library": "9"}, {"file": 3}, {"ties": None}])
def test_damaged_facts_of_it_are_refused_by_name(fake_model, library, known, tmp_path, change):
    screen(fake_model(), library, out=tmp_path / "out", spike=known)
    path = tmp_path / "out" / "manifest.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["spike"] |= change
    path.write_text(json.dumps(facts), encoding="utf-8")
    with pytest.raises(Refusal, match="damaged 'spike'"):
        rebuild_report(tmp_path / "out")


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("missing.smi", None, "missing.smi"),
        ("empty.smi", "", "empty.smi"),
        ("bad.smi", "xx\nyy\n", r"no molecule that the model can score \(line 1: not valid"),
        ("known.docx", "C\n", "unknown kind of file"),
        ("no.csv", "a,b\n1,2\n", "no.csv"),
        ("-", None, "a stream can be read only once"),
    ],
)
def test_what_holds_no_molecule_is_refused_in_a_line(
    fake_model, library, tmp_path, name, text, said
):
    path = name if name == "-" else tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(Refusal, match=said) as refusal:
        screen(fake_model(), library, out=tmp_path / "out", spike=path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()


def test_in_bf16_both_are_scored_in_bf16(shipped_drugs, tmp_path):
    library = tmp_path / "lib.smi"
    library.write_text("\n".join(shipped_drugs[:60]))
    model = load_bundle("solubility", device="cpu")
    result = screen(model, library, spike=library, precision="bf16", workers=0)
    facts = result.manifest["spike"]
    assert facts["precision"] == "bf16"
    graphs, *_ = featurize(shipped_drugs[:60], model.recipe)
    scores = model.predict_graphs(graphs, "bf16")[0][:, 0]
    ranked = result.spiked.sort_values("line")
    assert ranked["score"].tolist() == scores[ranked["line"] - 1].tolist()
    merits = [(each - each.min() + 1) / 99 for each in (scores, ranked["score"].to_numpy())]
    assert result.spiked["rank"].tolist() == sorted(brute(*merits, 1)[1].tolist())
    assert result.spiked["in_library"].all()


def test_a_library_without_a_score_has_no_roc(fake_model, known, tmp_path):
    path = tmp_path / "bad.smi"
    path.write_text("xx\n")
    result = screen(fake_model(), path, out=tmp_path / "out", spike=known)
    figures = result.manifest["spike"]["figures"]
    assert figures["roc_auc"] is None
    assert figures["bedroc"] is None
    assert result.spiked["rank"].tolist() == [1, 2, 3, 4, 5]
