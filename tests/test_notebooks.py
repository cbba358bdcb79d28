"""The notebooks run from the first cell to the last, quietly, on small settings."""

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from ipykernel.kernelspec import write_kernel_spec
from matplotlib import font_manager
from nbclient import NotebookClient

import molgnn
from molgnn.data.named.registry import find
from molgnn.models.calibration import conformal_quantile

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
WORST, TOP = 3, 5
DEPTHS, WIDTHS = (1, 2), (8, 16)
# Those kept with their outputs: the words quote them, and to make them again takes long.
KEPT = {"03_latent_space", "05_depth"}
EVERY = 20  # of the approved drugs, in the space of an encoder pretrained on no more
SETTINGS = {
    "MOLGNN_NOTEBOOK_EPOCHS": "2",
    "MOLGNN_NOTEBOOK_WORST": str(WORST),
    "MOLGNN_NOTEBOOK_TOP": str(TOP),
    "MOLGNN_NOTEBOOK_EVERY": str(EVERY),
    "MOLGNN_NOTEBOOK_ENCODER": "",
    "MOLGNN_NOTEBOOK_STARTS": "1",
    "MOLGNN_NOTEBOOK_MEMBERS": "1",
    "MOLGNN_NOTEBOOK_DEPTHS": " ".join(map(str, DEPTHS)),
    "MOLGNN_NOTEBOOK_WIDTHS": " ".join(map(str, WIDTHS)),
    # On busy cores the waiting threads of OpenMP cost more than they bring.
    "OMP_NUM_THREADS": "1",
}
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_kept = pytest.mark.parametrize("name", sorted(KEPT))


@pytest.fixture(scope="module")
def execute(tmp_path_factory):
    """path -> what came of it: the executed notebook, its working folder, its folder for files.

    Each notebook runs once, on a quarter of the data. The kernel is this interpreter, whatever
    kernels and settings of Jupyter and IPython the user has.
    """
    done = {}

    def run(path: Path) -> SimpleNamespace:
        if path not in done:
            done[path] = _execute(path, tmp_path_factory.mktemp(path.stem))
        return done[path]

    with pytest.MonkeyPatch.context() as patch:
        jupyter = tmp_path_factory.mktemp("jupyter")
        write_kernel_spec(jupyter / "kernels" / "this")
        patch.setenv("JUPYTER_PATH", str(jupyter))
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(jupyter / name.lower()))
        yield run


def _execute(path: Path, folder: Path) -> SimpleNamespace:
    font_manager.get_font_names()  # a first look for fonts may say on stderr that it takes long
    cwd, out, data = folder / "cwd", folder / "out", folder / "quarter.csv"
    cwd.mkdir()
    header, *rows = find("solubility").path.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join([header, *rows[::4]]), encoding="utf-8")
    given = {"MOLGNN_NOTEBOOK_OUT": str(out), "MOLGNN_NOTEBOOK_DATA": str(data)}
    # Both would change how the kernel shows pictures and what it takes from stderr.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTEST_CURRENT_TEST", "MPLBACKEND")}
    client = NotebookClient(
        nbformat.read(path, as_version=4),
        kernel_name="this",
        resources={"metadata": {"path": str(cwd)}},
        timeout=240,
    )
    notebook = client.execute(env=env | SETTINGS | given)
    return SimpleNamespace(notebook=notebook, cwd=cwd, out=out)


def _outputs(notebook) -> list:
    return [out for cell in notebook.cells for out in cell.get("outputs", ())]


def test_there_is_a_notebook():
    assert "01_first_model" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_a_notebook_has_readable_ids_and_is_kept_without_outputs_but_where_words_quote_them(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cell.id) for cell in notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if path.stem not in KEPT:
        assert not _outputs(notebook)
        assert all(cell.execution_count is None for cell in code)


@each_kept
def test_kept_outputs_are_those_of_one_quiet_run_from_the_first_cell_to_the_last(name):
    path = NOTEBOOKS[0].with_name(f"{name}.ipynb")
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = _outputs(notebook)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [out for out in outputs if out.get("name") == "stderr" or "ename" in out]
    assert "image/png" in {kind for out in outputs for kind in out.get("data", {})}
    assert not re.search(r"/(home|root|Users|tmp)/", "".join(map(_shown, outputs)))
    assert path.stat().st_size < 600_000


@each_kept
def test_figures_that_the_words_quote_stand_in_an_output_above_them(name):
    """A number between backticks is an output's."""
    path = NOTEBOOKS[0].with_name(f"{name}.ipynb")
    quoted, shown = [], set()
    for cell in nbformat.read(path, as_version=nbformat.NO_CONVERT).cells:
        if cell.cell_type == "code":
            shown |= {token for out in cell.outputs for token in _shown(out).split()}
        else:
            numbers = re.findall(r"`(-?[\d.]+(?:e[-+]\d+)?)`", cell.source)
            assert [number for number in numbers if number not in shown] == []
            quoted += numbers
    assert len(quoted) > 10 or name == "03_latent_space"  # its cells say what they find


def _shown(out) -> str:
    return out.get("text", "") + out.get("data", {}).get("text/plain", "")


@each_notebook
def test_a_notebook_runs_quietly_and_writes_only_where_it_is_told(path, execute):
    ran = execute(path)
    outputs = _outputs(ran.notebook)
    assert [out.text for out in outputs if out.get("name") == "stderr"] == []
    assert [out for out in outputs if out.output_type == "error"] == []
    assert list(ran.cwd.iterdir()) == []


@pytest.fixture(scope="module")
def first_model(execute):
    return execute(next(path for path in NOTEBOOKS if path.stem == "01_first_model"))


def test_the_first_model_reports_the_error_of_its_own_predictions(first_model):
    metrics = json.loads((first_model.out / "run" / "metrics.json").read_text(encoding="utf-8"))
    table = pd.read_parquet(first_model.out / "run" / "predictions.parquet")
    test = table[table["split"] == "test"]
    rmse = np.sqrt(np.mean((test["logS"] - test["logS (measured)"]) ** 2))
    assert metrics["test"]["rmse"] == pytest.approx(rmse)
    assert len(table) == sum(metrics["leaks"]["molecules"].values())
    assert set(metrics["leaks"]["identical"].values()) == {0}


def test_the_first_screen_accounts_for_every_drug(first_model):
    hits = pd.read_csv(first_model.out / "hits" / "hits.csv")
    text = (first_model.out / "hits" / "manifest.json").read_text(encoding="utf-8")
    counts = json.loads(text)["counts"]
    library = find("solubility").path.with_name("approved_drugs.smi")
    assert counts["rows"] == counts["scored"] + counts["invalid"]
    assert counts["rows"] == len(library.read_text(encoding="utf-8").splitlines())
    assert sum(json.loads(text)["scores"]["histogram"]["counts"]) == counts["scored"]
    assert len(hits) == counts["hits"] == TOP
    assert hits["score"].is_monotonic_decreasing


def test_the_first_notebook_shows_its_molecules_and_plots(first_model):
    shown = [item for out in _outputs(first_model.notebook) for item in out.get("data", {}).items()]
    molecules = [
        text.count("<svg") for kind, text in shown if kind in ("image/svg+xml", "text/html")
    ]
    assert [n for n in molecules if n] == [1, 2 * WORST, TOP]  # each error with its nearest
    assert [kind for kind, _ in shown].count("image/png") == 4


@pytest.fixture(scope="module")
def depth(execute):
    return execute(next(path for path in NOTEBOOKS if path.stem == "05_depth"))


def test_the_depth_notebook_measures_each_kind_of_network_at_each_depth(depth):
    table = pd.read_csv(depth.out / "depth.csv")
    kind = ["encoder", "variant", "depth", "start"]
    assert not table.duplicated(kind).any()
    assert len(table) == np.prod([table[column].nunique() for column in kind])
    assert tuple(table["depth"].unique()) == DEPTHS
    assert table["relative"].between(0, 2, inclusive="neither").all()
    assert (table[["distance", "length", "train", "valid"]] > 0).all(axis=None)


def test_one_layer_is_the_same_network_whatever_is_made_of_all_layers(depth):
    """Jumping knowledge of one state is that state, so these rows are trained alike."""
    table = pd.read_csv(depth.out / "depth.csv").query("depth == 1")
    plain, cat, largest = (
        table[table["variant"] == variant].drop(columns="variant").reset_index(drop=True)
        for variant in ("plain", "jk cat", "jk max")
    )
    pd.testing.assert_frame_equal(cat, plain)
    pd.testing.assert_frame_equal(largest, plain)


def test_the_depth_notebook_counts_the_parameters_of_each_width(depth):
    table = pd.read_csv(depth.out / "width.csv")
    assert tuple(table["width"].unique()) == WIDTHS
    narrow, wide = (table[table["width"] == width]["parameters"].max() for width in WIDTHS)
    assert narrow < wide
    assert (table[["seconds", "train", "valid"]] > 0).all(axis=None)


def test_the_depth_notebook_shows_its_plots(depth):
    kinds = [kind for out in _outputs(depth.notebook) for kind in out.get("data", {})]
    assert kinds.count("image/png") == 4


@pytest.fixture(scope="module")
def latent(execute):
    return execute(next(path for path in NOTEBOOKS if path.stem == "03_latent_space"))


def _printed(notebook, cell: str) -> str:
    (found,) = [each for each in notebook.cells if each.id == cell]
    return "".join(out.text for out in found.outputs if out.get("name") == "stdout")


def test_the_latent_notebook_says_what_its_own_encoder_does(latent):
    space = molgnn.latent_space(latent.out / "encoder", latent.out / "drugs.smi", device="cpu")
    drugs = space.molecules.smiles
    assert len(drugs) == -(-len(find_drugs()) // EVERY)
    shares = space.decoded_share(drugs[:: max(1, len(drugs) // 600)])
    said = _printed(latent.notebook, "decode-drugs")
    assert f"of {shares.pop('molecules')} drugs:" in said
    assert all(f"  {name} {share:.1%}" in said for name, share in shares.items())
    aspirin, ciprofloxacin = "CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1cn(C2CC2)c2cc(N3CCNCC3)c(F)cc2c1=O"
    path = space.interpolate(aspirin, ciprofloxacin, 10)
    assert f"length {path.length:.2f};" in _printed(latent.notebook, "interpolate")


def find_drugs() -> list[str]:
    path = find("solubility").path.with_name("approved_drugs.smi")
    return path.read_text(encoding="utf-8").splitlines()


def test_the_latent_notebook_shows_its_molecules_its_map_and_its_units(latent):
    data = [out.get("data", {}) for out in _outputs(latent.notebook)]
    drawn = [
        each["text/html"].count("<svg") for each in data if "<svg" in each.get("text/html", "")
    ]
    assert drawn[0] == 8
    assert drawn[1] > 2
    assert sum("image/png" in each for each in data) == 2


@pytest.fixture(scope="module")
def uncertainty(execute):
    return execute(next(path for path in NOTEBOOKS if path.stem == "04_uncertainty"))


def test_the_uncertainty_notebook_says_what_its_runs_found(uncertainty):
    for split in ("random", "scaffold"):
        folder = uncertainty.out / split
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        table = pd.read_parquet(folder / "predictions.parquet").query("split == 'test'")
        error = (table["logS"] - table["logS (measured)"]).abs()
        after = metrics["calibration"]["test"]["logS"]["after"]
        scale = molgnn.load(folder).calibration["logS"]
        half = table["logS_std"] * conformal_quantile(np.array(scale.scores), scale.n, 0.9)
        assert after["coverage_90"] == pytest.approx((error <= half).mean())
        assert after["width_90"] == pytest.approx(2 * half.median())
    said = _printed(uncertainty.notebook, "coverage")
    assert "not exchangeable" in said


def test_the_uncertainty_notebook_shows_its_plots_and_a_reason(uncertainty):
    data = [out.get("data", {}) for out in _outputs(uncertainty.notebook)]
    assert sum("image/png" in each for each in data) == 1
    assert sum("<svg" in each.get("text/html", "") + each.get("image/svg+xml", "")
               for each in data) == 1  # fmt: skip


@pytest.fixture(scope="module")
def antibiotic(execute):
    return execute(next(path for path in NOTEBOOKS if path.stem == "02_find_the_antibiotic"))


def test_the_antibiotic_notebook_runs_on_the_data_of_2020_where_they_are(antibiotic):
    data = Path(os.environ.get("MOLGNN_DATA", "nowhere")) / "antibiotic"
    said = _printed(antibiotic.notebook, "settings")
    real = (data / "ecoli.csv").is_file() and find("tox21") is not None
    assert ("the data of 2020" in said) == real
    assert ("SMALL FORM" in said) != real
    # Solubility was measured of the stand-in, so the small form shows how it is taken out.
    told = "halicin is not among them" if real else "acetazolamide is taken out of them"
    assert told in _printed(antibiotic.notebook, "leak")


def test_the_antibiotic_notebook_says_where_its_molecule_lands(antibiotic):
    manifest = json.loads((antibiotic.out / "hits" / "manifest.json").read_text(encoding="utf-8"))
    pool = pd.read_parquet(antibiotic.out / "hits" / "pool.parquet")
    (label,) = set(pool.columns) & {"activity", "logS"}
    said = _printed(antibiotic.notebook, "rank")
    rank, count = map(int, re.search(r"rank (\d+) of (\d+) in", said.replace(",", "")).groups())
    assert count == len(pool) == manifest["counts"]["scored"]
    assert float(said.split()[1]) == pytest.approx(sorted(pool[label])[-rank], abs=1e-4)
    fate = _printed(antibiotic.notebook, "dropped")
    assert re.search(r"is hit \d+ of|is not among the \d+ hits: \w+:\n\S", fate)
    assert manifest["funnel"]["models"].keys() == {"toxicity"}


def test_the_antibiotic_notebook_hides_molecules_that_its_networks_never_saw(antibiotic):
    manifest = json.loads((antibiotic.out / "check" / "manifest.json").read_text(encoding="utf-8"))
    spike = manifest["spike"]
    table = pd.read_csv(antibiotic.out / "check" / "spike.csv")
    assert spike["training"] == table["is_training"].sum() == 0
    assert spike["molecules"] == len(table) > 1
    assert f"{len(table)} hidden, 0 of them training" in _printed(antibiotic.notebook, "hide")


def test_the_antibiotic_notebook_shows_its_molecule_and_the_plot(antibiotic):
    data = [out.get("data", {}) for out in _outputs(antibiotic.notebook)]
    assert sum("image/png" in each for each in data) == 1
    assert sum("<svg" in each.get("text/html", "") + each.get("image/svg+xml", "")
               for each in data) == 1  # fmt: skip
