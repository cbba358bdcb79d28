"""The latent space: neighbours, paths, maps and rebuilt molecules of a small random encoder."""

import re

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem

import molgnn
from molgnn.data.packed.build import build_library
from molgnn.errors import Refusal
from molgnn.screen.latent import decode as decoding
from molgnn.screen.latent.grid import Cell, Drawing

NICOTINE = "CN1CCC[C@H]1c1cccnc1"


@pytest.fixture(scope="module")
def empty(autoencoder_folder):
    return molgnn.latent_space(autoencoder_folder(), device="cpu")


@pytest.fixture(scope="module")
def space(empty, shipped_drugs):
    return empty.library(shipped_drugs[:120])


# The library.


def test_a_library_is_a_file_a_packed_one_several_paths_or_smiles(empty, library, tmp_path):
    build_library(library, tmp_path / "packed", recipe="parent", workers=0)
    texts = [line.split()[0] for line in library.read_text().splitlines() if line.strip()]
    found = [
        empty.library(given).molecules
        for given in (str(library), library, [library], tmp_path / "packed", texts)
    ]
    for each in found:
        assert np.array_equal(each.vectors, found[0].vectors)
        assert each.smiles == found[0].smiles
        assert each.left_out["reason"].tolist() == found[0].left_out["reason"].tolist()
    assert [each.ids for each in found[:4]] == [found[0].ids] * 4
    assert len(found[0]) == 40
    assert found[0].left_out["text"].tolist() == ["c1ccccx", "CN(C)(C)(C)C"]


def test_vectors_of_the_library_are_those_of_embed(space):
    molecules = space.molecules
    assert molecules.vectors.dtype == np.float32
    assert np.array_equal(molecules.vectors, space.embed(molecules.smiles))


def test_it_says_what_it_holds(empty, space, library):
    assert repr(empty) == "LatentSpace(tiny: 5 dimensions, no library)"
    assert repr(space) == "LatentSpace(tiny: 5 dimensions, 120 molecules)"
    assert "40 molecules, 2 rows left out" in repr(empty.library(library))
    assert empty.molecules is None


@pytest.mark.parametrize("given", [[], ["C("], [None], ["", "c1"]])
def test_a_library_without_a_molecule_is_refused(empty, given):
    with pytest.raises(Refusal, match="the library has no molecule"):
        empty.library(given)


# Neighbours.


def test_the_query_comes_first_at_no_distance_in_whichever_spelling(space, shipped_drugs):
    mol = Chem.MolFromSmiles(shipped_drugs[40])
    for text in Chem.MolToRandomSmilesVect(mol, 5, randomSeed=3):
        found = space.nearest(text, 4)
        assert found["smiles"][0] == shipped_drugs[40]
        assert (found["distance"][0], found["tanimoto"][0]) == (0, 1)
        assert found["distance"].is_monotonic_increasing


def test_neighbours_are_the_nearest_of_all(space):
    found = space.nearest("CCO", 10)
    vectors, query = space.molecules.vectors.astype(float), space.embed("CCO")[0]
    distances = np.sqrt(np.square(vectors - query).sum(axis=1))
    rows = np.argsort(distances, kind="stable")[:10]
    assert found["smiles"].tolist() == [space.molecules.smiles[row] for row in rows]
    np.testing.assert_allclose(found["distance"], distances[rows], rtol=1e-12)
    assert list(found.columns) == ["distance", "tanimoto", "smiles", "id"]


def test_repeats_stand_in_the_order_of_the_library(empty):
    space = empty.library(["CCC", "OCC", "CCO", "C(O)C", "CC"])
    found = space.nearest("CCO", 4)
    assert found["smiles"].tolist()[:3] == ["OCC", "CCO", "C(O)C"]
    assert found["distance"].tolist()[:3] == [0, 0, 0]


def test_more_neighbours_than_molecules_are_all_molecules(empty):
    assert len(empty.library(["C", "CC"]).nearest("C", 10)) == 2


# Paths.


def test_a_path_goes_from_one_molecule_to_the_other(space, shipped_drugs):
    path = space.interpolate(shipped_drugs[3], shipped_drugs[77], steps=9)
    steps = path.steps
    assert steps["at"].tolist() == pytest.approx([i / 8 for i in range(9)])
    assert (steps["smiles"].iloc[0], steps["smiles"].iloc[-1]) == (
        shipped_drugs[3],
        shipped_drugs[77],
    )
    assert steps["distance"].iloc[[0, -1]].tolist() == pytest.approx([0, 0], abs=1e-6)
    ends = space.embed([shipped_drugs[3], shipped_drugs[77]]).astype(float)
    assert path.length == pytest.approx(np.linalg.norm(ends[1] - ends[0]))
    point = ends[0] + 0.5 * (ends[1] - ends[0])
    nearest = np.linalg.norm(space.molecules.vectors - point, axis=1)
    assert steps["distance"][4] == pytest.approx(nearest.min())
    assert steps["row"][4] == nearest.argmin()


def test_repeats_on_a_path_are_one_stop_with_its_range(empty):
    path = empty.library(["C", "CCCCCCCC"]).interpolate("C", "CCCCCCCC", steps=7)
    stops = path.stops
    assert stops["smiles"].tolist() == ["C", "CCCCCCCC"]
    assert (stops["first"][0], stops["last"][1]) == (0, 1)
    assert stops["last"][0] == pytest.approx(stops["first"][1] - 1 / 6)
    assert path._repr_html_().count("<svg") == 4  # both ends, and the stops


def test_a_path_of_a_molecule_to_itself_has_one_stop(space):
    path = space.interpolate(NICOTINE, NICOTINE)
    assert (path.length, len(path.stops), len(path.steps)) == (0, 1, 8)


# Drawings.


def test_hostile_ids_and_smiles_are_escaped_in_drawings(empty, tmp_path):
    hostile = '"><script>alert(1)</script>&<img src=x onerror=y>'
    (tmp_path / "lib.csv").write_text(
        'smiles,id\nCCO,"' + hostile.replace('"', '""') + '"\nCCC,plain\n'
    )
    space = empty.library(tmp_path / "lib.csv")
    path = space.interpolate("CCO", "CCC")
    pages = [space.draw(space.nearest("CCO")), space.draw(path), path]
    pages.append(Drawing([Cell(hostile, [hostile]), Cell("C", [hostile * 50])]))
    for page in pages:
        html = page._repr_html_()
        assert "&lt;script&gt;" in html
        assert not re.search(r"<(script|img|foreignObject)", html)
        assert set(re.findall(r"<(\w+)", html)) <= {
            *("div", "svg", "rect", "path", "bdi", "br", "g", "ellipse", "polygon", "circle")
        }


def test_a_structure_that_cannot_be_drawn_says_so():
    html = Drawing([Cell("C(", ["bad"]), Cell("C" * 500, ["long"])])._repr_html_()
    assert "no structure" in html
    assert "500 atoms, too many to draw" in html


# Decoding.


def test_what_is_decoded_is_judged_and_never_an_exception(space, shipped_drugs):
    found = space.decode(shipped_drugs[:60])
    assert [each.smiles for each in found] == shipped_drugs[:60]
    for each in found:
        assert each.accepted <= (each.sanitized and each.connected)
        assert each.same <= each.accepted
        assert bool(each.reason) == (not each.same)
        assert (each.mol is None) == (each.decoded == "")
        assert each.mol is None or Chem.MolToSmiles(each.mol) == each.decoded
    assert space.decode(shipped_drugs[0]).decoded == found[0].decoded


def test_shares_are_those_of_the_molecules(space, shipped_drugs):
    found = space.decode(shipped_drugs[:60])
    shares = space.decoded_share(shipped_drugs[:60])
    assert shares.pop("molecules") == 60
    assert list(shares) == ["sanitized", "connected", "accepted", "same"]
    for name, share in shares.items():
        assert share == np.mean([getattr(each, name) for each in found])
    with pytest.raises(Refusal, match="no molecule to decode"):
        space.decoded_share([])


def test_a_decoder_that_is_right_gives_the_molecules_back(space, shipped_drugs, monkeypatch):
    """With the true codes in the place of decoded ones; batches and their order come apart."""
    from molgnn.nn.pairs import TYPES, pairs_of

    def right(model, graphs):
        pairs, types = pairs_of(graphs), pairs_of(graphs).types.numpy()
        ends, owner = decoding._ends(pairs), pairs.graph_id.numpy()
        for i in range(len(graphs)):
            bonded = (owner == i) & (types > 0)
            own = slice(*graphs.atom_offsets[i : i + 2])
            yield graphs.atoms[own], ends[bonded], [TYPES[k] for k in types[bonded]]

    monkeypatch.setattr(decoding, "_graphs", right)
    monkeypatch.setattr(decoding, "PLACES", 5000)
    found = space.decode([*shipped_drugs[:80], "[Na+].CC(=O)[O-]"])
    assert all(each.same and each.accepted and not each.reason for each in found)


def test_the_graph_that_is_judged_is_the_decoders(space, monkeypatch):
    """Against the plain way: one molecule, pair by pair."""
    import torch

    from molgnn.chem.graph import featurize
    from molgnn.data.batch import to_batch
    from molgnn.nn.pairs import TYPES, bond_types, pairs_of

    texts, model = ["CCO", NICOTINE, "C", "c1ccccc1C#N"], space.model
    together = list(decoding._graphs(model, featurize(texts)[0]))
    for text, (atoms, ends, types) in zip(texts, together, strict=True):
        graphs = featurize([text])[0]
        with torch.inference_mode():
            batch, pairs = to_batch(graphs), pairs_of(graphs)
            latents = model(batch)
            z = model.decoded_from(latents.z, latents.z_graph, batch.graph_id)
            kinds = bond_types(model.pairs(z, pairs), model.frequencies).tolist()
            element = model.atoms(z)[:, :120].argmax(dim=1).tolist()
        n = len(graphs.atoms)
        all_pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
        wanted = [(p, TYPES[k]) for p, k in zip(all_pairs, kinds, strict=True) if k]
        assert atoms[:, 0].tolist() == element
        assert list(zip(map(tuple, ends.tolist()), types, strict=True)) == wanted


def test_a_huge_molecule_is_not_decoded_but_told(space):
    found = space.decode(["C" * 1001, "C"])
    assert found[0].reason == "1,001 atoms: more than 1,000 are not decoded"
    assert not found[0].accepted


def test_reasons_are_counted_by_kind():
    results = [
        decoding.Decoded("C", "", None, False, True, False, False, reason)
        for reason in ("falls into 3 pieces", "falls into 12 pieces", "another molecule", "")
    ]
    assert decoding.reasons(results) == {"falls into # pieces": 2, "another molecule": 1}


@pytest.mark.parametrize("parts", [("links",), ("pairs",), ("atoms",)])
def test_an_encoder_that_decodes_no_molecules_says_so(parts, autoencoder_folder):
    space = molgnn.latent_space(autoencoder_folder(parts=parts), ["CCO", "CCC"], device="cpu")
    assert len(space.nearest("CCO")) == 2
    with pytest.raises(Refusal, match=r"was pretrained without terms\.(atoms|pairs), so it dec"):
        space.decode("CCO")


# Maps and units.


def test_a_map_has_a_place_and_a_value_for_each_molecule(space):
    found = space.map2d("logP")
    assert len(found.table) == 120
    assert found.table["smiles"].tolist() == space.molecules.smiles
    assert found.table["value"].between(-20, 20).all()
    assert 0 < found.explained[1] <= found.explained[0] <= 1
    assert found._repr_png_()[:4] == b"\x89PNG"
    again = space.map2d("logP")
    pd.testing.assert_frame_equal(found.table, again.table)


def test_distances_on_a_map_are_no_longer_than_in_the_space(space):
    place = space.map2d().table[["x", "y"]].to_numpy()
    vectors = space.molecules.vectors.astype(float)
    flat = np.linalg.norm(place - place[0], axis=1)
    assert (flat <= np.linalg.norm(vectors - vectors[0], axis=1) + 1e-9).all()


def test_a_map_does_not_turn_over_with_the_order_of_the_library(empty, space):
    turned = empty.library(space.molecules.smiles[::-1]).map2d().table
    np.testing.assert_allclose(
        turned[["x", "y"]].to_numpy()[::-1], space.map2d().table[["x", "y"]], atol=1e-8
    )


def test_tsne_is_there_for_few_molecules(empty, space, monkeypatch):
    found = space.map2d(np.arange(120), method="tsne")
    assert found.explained is None
    assert found.table[["x", "y"]].notna().all(axis=None)
    assert found._repr_png_()
    monkeypatch.setattr("molgnn.screen.latent.plane.MOST_TSNE", 100)
    with pytest.raises(Refusal, match="120 molecules: t-SNE takes 100 at most"):
        space.map2d(method="tsne")


def test_units_are_those_of_both_latents(space):
    units = space.units()
    assert units.groupby("latent").size().to_dict() == {"atoms": 6, "graph": 5}
    assert (units["kl"] >= 0).all()
    graph = units[units["latent"] == "graph"]
    variance = space.molecules.vectors.astype(float).var(axis=0, ddof=1)
    np.testing.assert_allclose(graph["variance"], variance, rtol=1e-4)
    assert graph["active"].tolist() == (variance > 0.01).tolist()


# Refusals.


def test_what_cannot_be_asked_is_refused_in_a_line(empty, space, autoencoder_folder):
    for call, said in (
        (lambda: empty.nearest("C"), "has no library yet"),
        (lambda: empty.map2d(), "has no library yet"),
        (lambda: space.nearest("C("), "molecule 1 of 1, 'C\\(': not valid SMILES"),
        (lambda: space.nearest(["C"]), "give one SMILES"),
        (lambda: space.nearest("C", 0), "k=0: must be at least 1"),
        (lambda: space.interpolate("C", "x"), "not valid SMILES"),
        (lambda: space.interpolate("C", "CC", steps=1), "steps=1: must be at least 2"),
        (lambda: space.decode(["C", "C("]), "molecule 2 of 2"),
        (lambda: space.map2d("beauty"), "unknown property 'beauty': choose one of TPSA, logP"),
        (lambda: space.map2d([1.0]), "give one for each of 120"),
        (lambda: space.map2d(method="umap"), "unknown method 'umap'"),
        (lambda: empty.library(["C", "CC"]).map2d(), "a map needs 3"),
        (lambda: empty.library(["CCO", "OCC"] * 2).map2d(method="tsne"), "same vector: nothing to"),
        (lambda: space.decode(["C", "C" * 3001]), "3,001 atoms: more than 3,000"),
        (lambda: empty.units(["C"]), "one molecule has no variance"),
        (lambda: empty.library("no-such.smi"), "no such"),
        (lambda: molgnn.latent_space("solubility"), "a trained model, not a pretrained encoder"),
        (lambda: molgnn.latent_space("no-such"), "unknown pretrained encoder"),
        (lambda: molgnn.load(autoencoder_folder()), "a pretrained encoder, which predicts nothi"),
    ):
        with pytest.raises(Refusal, match=said) as refusal:
            call()
        assert "\n" not in str(refusal.value)
