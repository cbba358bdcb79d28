"""The whole funnel: a plain oracle, any number of workers, interruption, and wrong recipes."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import Descriptors, MolFromSmarts, rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

from molgnn.chem.clusters import butina
from molgnn.chem.fingerprint import morgan
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.screen.funnel.objectives import pareto_ranks
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.pipeline import screen
from molgnn.screen.unfinished import OF_FUNNEL, Interrupted

SMALL = {"chunk": 7, "shard": 20, "workers": 0}


def run(model, library, recipe, manner, **options):
    return screen(model, library, recipe=recipe, **(vars(manner) | SMALL | options))


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    facts = json.loads(files["manifest.json"])
    del facts["run"]
    return files | {"manifest.json": facts}


def parent(text):
    return max(
        Chem.GetMolFrags(Chem.MolFromSmiles(text), asMols=True), key=lambda m: m.GetNumAtoms()
    )


def by_hand(path, known):
    """The recipe of the fixture, molecule by molecule: the ids of the hits, best first, and the
    step at which each other molecule of the pool was dropped."""
    read = [line.split(maxsplit=1) for line in path.read_text().splitlines()]
    mols = [(name, parent(text)) for text, name in read if text != "C("]
    sizes = np.array([mol.GetNumAtoms() for _, mol in mols])
    pool = sorted(np.argsort(-sizes, kind="stable")[:60])
    step = {i: "objectives" for i in pool if 2 * sizes[i] > 70}
    left = [i for i in pool if i not in step]
    ranks = pareto_ranks(np.array([[sizes[i], -2.0 * sizes[i]] for i in left]))
    order = [i for *_, i in sorted(zip(ranks, [-sizes[i] for i in left], left, strict=True))]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    actives = [generator.GetFingerprint(Chem.MolFromSmiles(t)) for t in known.smiles[5:]]
    for i in left:
        mol = mols[i][1]
        weight, log_p = Descriptors.MolWt(mol), Descriptors.MolLogP(mol)
        fit = 100 <= weight <= 500 and -3 <= log_p <= 5
        fit &= Descriptors.TPSA(mol) <= 140 and Descriptors.NumRotatableBonds(mol) <= 10
        print_ = generator.GetFingerprint(mol)
        if not fit:
            step[i] = "properties"
        elif mol.HasSubstructMatch(MolFromSmarts("[N+](=O)[O-]")):
            step[i] = "alerts"
        elif max(DataStructs.BulkTanimotoSimilarity(print_, actives)) > 0.7:
            step[i] = "novelty"
        elif mol.HasSubstructMatch(MolFromSmarts("NS(=O)=O")):
            step[i] = "cores"
    left = [i for i in left if i not in step]
    clusters = dict(zip(left, butina(morgan([mols[i][1] for i in left]), 0.4), strict=True))
    for name, keys, most in (
        ("clusters", clusters, 2),
        ("scaffolds", {i: MurckoScaffold.MurckoScaffoldSmiles(mol=mols[i][1]) for i in left}, 1),
    ):
        seen = []
        for i in order:
            if i not in step and keys[i] != "":
                step.update({i: name} if seen.count(keys[i]) >= most else {})
                seen.append(keys[i])
    best = [i for i in order if i not in step]
    step |= dict.fromkeys(best[6:], "hits")
    return [mols[i][0] for i in best[:6]], [(mols[i][0], step[i]) for i in sorted(step)]


def test_a_screen_gives_what_is_found_by_hand(taught, drugs_file, recipe, manner, tmp_path):
    model = taught()
    result = run(model, drugs_file, recipe, manner, out=tmp_path / "out")
    hits, dropped = by_hand(drugs_file, model.known)
    assert result.hits["id"].tolist() == hits
    assert list(zip(result.dropped["id"], result.dropped["step"], strict=True)) == dropped
    steps = result.manifest["funnel"]["steps"]
    asked = ["pool", "objectives", "properties", "alerts", "novelty", "cores"]
    assert [step["name"] for step in steps] == [*asked, "clusters", "scaffolds", "hits"]
    assert [step["before"] for step in steps[1:]] == [step["after"] for step in steps[:-1]]
    assert (steps[0]["before"], steps[0]["after"], steps[-1]["after"]) == (92, 60, 6)
    counted = [sum(s["before"] - s["after"] for s in steps if s["name"] == n) for n in asked[1:]]
    assert counted == [[step for _, step in dropped].count(name) for name in asked[1:]]
    assert all(steps[1:-3][i]["dropped_by_reason"] for i in range(4))


def test_the_files_say_all_of_it(taught, drugs_file, recipe, manner, tmp_path):
    out = tmp_path / "out"
    result = run(taught(), drugs_file, recipe, manner, out=out)
    facts = json.loads((out / "manifest.json").read_text())["funnel"]
    assert facts == json.loads(json.dumps(result.manifest["funnel"]))
    assert sorted(p.name for p in out.iterdir()) == sorted(OF_FUNNEL)
    columns = ["toxicity", "pareto_rank", "MW", "logP", "rotatable", "TPSA", "alerts"]
    columns += ["alert_atoms", "known_similarity", "known_nearest", "known_as", "cluster"]
    assert list(facts["columns"]) == [*columns, "cluster_size", "scaffold"]
    assert facts["objective_columns"] == ["size", "toxicity"]
    told = facts["alerts_column"], facts["atoms_column"], facts["cluster_column"]
    assert told == ("alerts", "alert_atoms", "cluster")
    hits = rows(out / "hits.csv")
    header = ["rank", "score", "size", *facts["columns"], "smiles", "id", "file", "line"]
    assert list(hits[0]) == header
    for hit in hits:
        mol = parent(hit["smiles"])
        assert float(hit["MW"]) == pytest.approx(Descriptors.MolWt(mol))
        assert float(hit["toxicity"]) == 2 * float(hit["size"]) == 2 * mol.GetNumAtoms()
        assert hit["alerts"].count(";") == hit["alert_atoms"].count(";")
        assert bool(hit["alerts"]) == bool(hit["alert_atoms"])
    dropped = rows(out / "dropped.csv")
    assert list(dropped[0]) == ["step", "reason", "score", "smiles", "id", "file", "line"]
    reason = {row["id"]: (row["step"], row["reason"]) for row in dropped}
    assert len(dropped) == 60 - 6
    assert any(s == "alerts" and r.startswith("user: nitro (atoms ") for s, r in reason.values())
    pool = pq.read_table(out / "pool.parquet").to_pandas()
    assert list(pool) == ["size", "size_std", "smiles", "id", "file", "line", "mol_block"]
    assert pool["line"].is_monotonic_increasing
    assert set(pool["id"]) == set(reason) | {hit["id"] for hit in hits}
    before = (out / "report.html").read_bytes()
    assert rebuild_report(out).read_bytes() == before


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_do_not_change_a_byte(taught, drugs_file, recipe, manner, tmp_path, workers):
    run(taught(), drugs_file, recipe, manner, out=tmp_path / "a")
    run(taught(), drugs_file, recipe, manner, out=tmp_path / "b", workers=workers, chunk=30)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_interrupted_screen_ends_with_the_same_bytes(
    taught, drugs_file, recipe, manner, tmp_path
):
    run(taught(), drugs_file, recipe, manner, out=tmp_path / "whole")

    def stop(done):
        if done >= 50:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        run(taught(), drugs_file, recipe, manner, out=tmp_path / "out", progress=stop)
    for other in ({**recipe, "pool": 50}, {**recipe, "cores": {}}, "plain"):
        options = {} if other != "plain" else {"models": None}
        with pytest.raises(Refusal, match="was begun with recipe of the funnel"):
            run(taught(), drugs_file, other, manner, out=tmp_path / "out", **options)
    with pytest.raises(Refusal, match=r"was begun with recipe of the funnel .* now it is none"):
        run(taught(), drugs_file, None, manner, out=tmp_path / "out", models=None)
    begun = []
    run(taught(), drugs_file, recipe, manner, out=tmp_path / "out", begun=begun.append)
    assert begun[0] > 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_plain_recipe_is_a_screen_without_one(fake_model, drugs_file, tmp_path):
    with_, without = tmp_path / "with", tmp_path / "without"
    screen(fake_model(), drugs_file, top=5, out=with_, recipe="plain")
    screen(fake_model(), drugs_file, top=5, out=without)
    assert (with_ / "hits.csv").read_bytes() == (without / "hits.csv").read_bytes()
    assert "funnel" not in json.loads((without / "manifest.json").read_text())
    screen(fake_model(), drugs_file, top=5, out=with_, force=True)
    assert sorted(p.name for p in with_.iterdir()) == sorted(p.name for p in without.iterdir())


def test_a_pool_by_threshold_holds_no_other(fake_model, drugs_file):
    recipe = {"pool": {"size": 50, "at_least": 30}}
    result = screen(fake_model(), drugs_file, top=50, recipe=recipe)
    assert result.hits["score"].min() >= 30
    assert len(result.hits) == result.manifest["funnel"]["steps"][0]["after"] < 50
    low = screen(fake_model(), drugs_file, top=3, recipe={"pool": {"at_most": 12}}, minimize=True)
    assert low.hits["score"].max() <= 12
    with pytest.raises(Refusal, match=r"pool: at_least would leave out the best, .* lowest"):
        screen(fake_model(), drugs_file, top=3, recipe=recipe, minimize=True)


def test_an_empty_pool_is_no_error(fake_model, drugs_file, tmp_path):
    recipe = {
        "pool": {"at_least": 1e6}, "properties": {"MW": [0, None]}, "alerts": {"flag": ["nih"]},
        "objectives": {"combine": "pareto", "of": {"size": {"aim": "up"}}},
        "diversity": {"clusters": {"similarity": 0.5}, "scaffold": 1, "maxmin": 5},
    }  # fmt: skip
    result = screen(fake_model(), drugs_file, recipe=recipe, out=tmp_path / "out")
    assert len(result.hits) == len(result.dropped) == 0


def test_the_sum_and_desirabilities_order_the_hits(fake_model, drugs_file):
    tasks = (Task("size", "regression"), Task("double", "regression"))
    of = {"size": {"aim": "up", "weight": 3}, "double": {"aim": "down"}}
    recipe = {"objectives": {"combine": "sum", "of": of}}
    result = screen(fake_model(tasks=tasks), drugs_file, top=5, recipe=recipe)
    assert result.hits["combined"].tolist() == [(3 * s - 2 * s) / 4 for s in result.hits["score"]]
    for each in of.values():
        each |= {"low": 0, "high": 60}
    recipe["objectives"] = {"combine": "desirability", "of": of}
    result = screen(fake_model(tasks=tasks), drugs_file, top=5, recipe=recipe)
    size = result.hits["score"].to_numpy()
    expected = ((size / 60).clip(0, 1) ** 3 * (1 - size / 30).clip(0, 1)) ** 0.25
    assert result.hits["combined"].tolist() == pytest.approx(expected.tolist())
    assert result.hits["size_desirability"].tolist() == pytest.approx((size / 60).tolist())
    assert (result.hits["combined"].diff().dropna() <= 0).all()


def test_a_pool_found_in_bf16_is_scored_again(fake_model, drugs_file, tmp_path):
    model = fake_model(members=2)
    exact = model.predict_graphs

    def rounded(graphs, precision="fp32"):
        mean, std = exact(graphs)
        return (mean + 0.25 if precision == "bf16" else mean), std

    model.predict_graphs = rounded
    recipe = {"pool": 30, "properties": {"MW": [None, 400]}}
    options = {"top": 5, "recipe": recipe}
    fp32 = screen(model, drugs_file, precision="fp32", out=tmp_path / "a", **options)
    bf16 = screen(model, drugs_file, precision="bf16", out=tmp_path / "b", **options)
    assert bf16.hits.equals(fp32.hits)
    assert bf16.dropped.equals(fp32.dropped)
    assert bf16.manifest["precision"]["largest_change"] == 0.25
    pools = [pq.read_table(tmp_path / name / "pool.parquet") for name in "ab"]
    assert pools[0].equals(pools[1])


def test_a_page_of_a_damaged_manifest_is_refused_in_a_line(fake_model, drugs_file, tmp_path):
    out = tmp_path / "out"
    screen(fake_model(), drugs_file, top=3, recipe="plain", out=out)
    facts = json.loads((out / "manifest.json").read_text())
    for damaged in (3, {}, {"steps": 1}, facts["funnel"] | {"columns": ["a"]}):
        (out / "manifest.json").write_text(json.dumps(facts | {"funnel": damaged}))
        with pytest.raises(Refusal, match="damaged 'funnel'"):
            rebuild_report(out)


def test_maxmin_picks_from_the_best(fake_model, drugs_file):
    result = screen(fake_model(), drugs_file, top=4, recipe={"diversity": {"maxmin": 20}})
    plain = screen(fake_model(), drugs_file, top=20)
    assert set(result.hits["id"]) < set(plain.hits["id"])
    assert result.hits["id"][0] == plain.hits["id"][0]
    assert result.hits["score"].is_monotonic_decreasing
    assert len(result.dropped) == 92 - 4


def test_names_of_columns_step_aside(fake_model, drugs_file, tmp_path):
    tasks = (Task("MW", "regression"), Task("alerts", "regression"))
    recipe = {"properties": {"MW": [None, 400]}, "alerts": {"flag": ["nih"]}}
    screen(fake_model(tasks=tasks), drugs_file, top=3, recipe=recipe, out=tmp_path / "out")
    (first, *_) = rows(tmp_path / "out" / "hits.csv")
    assert float(first["MW_funnel"]) == pytest.approx(Descriptors.MolWt(parent(first["smiles"])))
    facts = json.loads((tmp_path / "out" / "manifest.json").read_text())["funnel"]
    assert facts["alerts_column"] == "alerts_funnel"


@pytest.mark.parametrize("name", ["=cmd()", "<script>alert(1)</script>", '@a,b"c'])
def test_hostile_names_stay_text(fake_model, tmp_path, name):
    lines = [f"{'C' * n}[N+](=O)[O-] {name}" for n in range(1, 9)]
    (tmp_path / "lib.smi").write_text("\n".join(lines) + "\n")
    recipe = {"alerts": {"flag": ["user"], "smarts": {name: "N"}}, "pool": 6}
    out = tmp_path / "out"
    screen(fake_model(), tmp_path / "lib.smi", top=2, recipe=recipe, out=out)
    for path in (out / "hits.csv", out / "dropped.csv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for row in csv.reader(lines):
            assert not any(cell.startswith(("=", "@")) for cell in row)
    page = (out / "report.html").read_text()
    assert page.count("<script>") == 1  # the page's own
    assert "<script>alert" not in page
    assert pq.read_table(out / "pool.parquet")["id"].to_pylist() == [name] * 6


def test_a_molecule_that_a_second_model_cannot_score_says_so(fake_model, drugs_file):
    broken = fake_model(broken={20: float("nan"), 21: float("inf")})
    recipe = {
        "models": {"second": None},
        "objectives": {"combine": "pareto", "of": {"x": {"model": "second", "aim": "down"}}},
    }
    result = screen(fake_model(), drugs_file, top=99, recipe=recipe, models={"second": broken})
    assert set(result.dropped["reason"]) == {"second: model gave no finite score"}
    assert set(result.dropped["score"]) <= {20.0, 21.0}


def refused(model, library, recipe, said, **options):
    """Refused in one line before a molecule is scored."""

    def score(*_):
        raise AssertionError("the library was scored")

    model.predict_graphs = score
    with pytest.raises(Refusal, match=said) as error:
        screen(model, library, recipe=recipe, **options)
    assert "\n" not in str(error.value)


def objective(**parts):
    return {"objectives": {"combine": "pareto", "of": {"x": parts}}}


@pytest.mark.parametrize(
    "recipe, said, options",
    [
        (objective(aim="up", column="sizes"), "x: unknown column 'sizes': choose one of size", {}),
        (
            objective(aim="up"),
            "aim: up, but the pool is those with the lowest size",
            {"minimize": 1},
        ),
        (objective(aim="down"), "aim: down, but the pool is .*: give --minimize", {}),
        (
            {"models": {"m": "gone"}} | objective(aim="up", model="m"),
            "models: m: unknown model",
            {},
        ),
        (
            {"models": {"m": None}} | objective(aim="up", model="m"),
            "m is open: give --model m=",
            {},
        ),
        ({}, "unknown model of the recipe 'tox'", {"models": {"tox": "solubility"}}),
        ({"pool": 10}, "--top 11: more than the 10", {"top": 11}),
        ({"novelty": {"at_most": 0.5, "training": True}}, "no training molecules with it", {}),
        ({"novelty": {"at_most": 0.5, "file": "gone.smi"}}, "gone.smi", {}),
        ({"novelty": {"at_most": 0.5, "file": "empty.smi"}}, "empty.smi", {}),
        ({"novelty": {"at_most": 0.5, "file": "bad.smi"}}, "bad.smi line 2: not valid SMILES", {}),
        (None, "only a --recipe names further models", {"models": {"tox": "x"}}),
    ],
)
def test_what_does_not_fit_is_refused_before_the_library(
    fake_model, drugs_file, recipe, said, options, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.smi").write_text("")
    (tmp_path / "bad.smi").write_text("CCO good\nC( bad\n")
    refused(fake_model(), drugs_file, recipe, said, **options)


@pytest.mark.parametrize(
    "actives, said",
    [
        ({}, "'size' is a number: say who is active"),
        ({"at_least": 99}, "no training molecule is an active"),
        ({"task": "weight"}, "unknown task 'weight': choose one of size"),
    ],
)
def test_actives_that_are_not_there_are_refused(taught, drugs_file, actives, said):
    refused(
        taught(), drugs_file, {"novelty": {"at_most": 0.5, "actives": actives}}, said, domain=False
    )
