"""``molgnn.explain``: one SMILES or several, drawn, in the order in which atoms are written."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

import molgnn
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.screen.explain.drawing import LOWERS, RAISES, colour
from molgnn.screen.explain.explanation import Explanation, Unexplained


def test_one_smiles_gives_one_explanation_with_a_drawing(model_of):
    found = molgnn.explain(model_of(), "CC(=O)O")
    assert isinstance(found, Explanation)
    assert len(found.atoms) == 4
    assert found.atoms.sum() + found.bonds.sum() == pytest.approx(
        found.score - found.baseline + found.gap, abs=1e-6
    )
    drawing = ElementTree.fromstring(found._repr_svg_())
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "log mol/L" in found.svg()
    assert found.svg().count("<svg") == 1
    assert len(drawing.findall(".//{http://www.w3.org/2000/svg}ellipse")) >= 2  # coloured atoms


def test_several_give_a_list_in_which_a_bad_one_keeps_its_place_and_reason(model_of):
    found = molgnn.explain(model_of(), ["CC", "C(", "CO"])
    assert [type(each) for each in found] == [Explanation, Unexplained, Explanation]
    assert found[1].reason == "not valid SMILES"
    assert "not valid SMILES" in found._repr_html_()
    assert [each.smiles for each in found] == ["CC", "C(", "CO"]


def test_a_single_bad_smiles_is_refused(model_of):
    with pytest.raises(Refusal, match="not valid SMILES"):
        molgnn.explain(model_of(), "C(")


def test_nothing_gives_an_empty_list(model_of):
    assert molgnn.explain(model_of(), []) == []


def test_atoms_are_in_the_order_of_the_text_and_what_the_model_does_not_see_is_empty(model_of):
    model = model_of("dmpnn")
    salt = molgnn.explain(model, "[Na+].[H]OC(=O)C.[Cl-]")
    plain = molgnn.explain(model, "CC(=O)O")  # its atoms, the other way round
    assert np.flatnonzero(np.isfinite(salt.atoms)).tolist() == [2, 3, 4, 5]
    np.testing.assert_allclose(salt.atoms[[5, 3, 4, 2]], plain.atoms, atol=1e-4)
    np.testing.assert_allclose(salt.occlusion[[5, 3, 4, 2]], plain.occlusion, atol=1e-4)
    bond_of = {
        frozenset(ends): v for ends, v in zip(salt.bond_ends.tolist(), salt.bonds, strict=True)
    }
    assert np.isnan(bond_of[frozenset((1, 2))])
    assert bond_of[frozenset((3, 5))] == pytest.approx(plain.bonds[0], abs=1e-4)


def test_what_is_told_as_json_is_plain_and_repeats_itself(model_of):
    first, second = (molgnn.explain(model_of(), "[H]OC").to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(second, allow_nan=False)
    assert first["atoms"][0] is None


def test_texts_of_the_user_are_escaped(model_of):
    task = Task("<b>&", "regression", "<script>alert(1)</script>")
    found = molgnn.explain(model_of(tasks=(task,)), ["CC", "<img src=x>"])
    page = found._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "&lt;script&gt;" in found[0].svg()


def test_a_molecule_of_lone_atoms_and_a_ring_that_is_hard_to_draw_are_drawn(model_of):
    for text in ("C", "[Xe]", "c1cc2ccc3cccc4ccc(c1)c2c34"):
        ElementTree.fromstring(molgnn.explain(model_of(), text).svg())


def test_what_raises_and_what_lowers_the_score_have_colours_of_their_own():
    assert colour(2.0, 2.0) == tuple(c / 255 for c in RAISES)
    assert colour(-2.0, 2.0) == tuple(c / 255 for c in LOWERS)
    assert colour(0.0, 2.0) == colour(0.0, 0.0) == (1.0, 1.0, 1.0)
    light = [sum(colour(share, 1.0)) for share in (0.0, 0.3, 0.6, 1.0)]
    assert light == sorted(light, reverse=True)


def test_a_blend_says_how_much_of_it_is_explained(model_of):
    model = model_of()
    model.shallow, model.shares = [Half()], np.array([0.25, 0.75])
    found = molgnn.explain(model, "CCO")
    assert found.share == 0.25
    assert "25%" in found.notes[0]
    alone = molgnn.explain(model_of(), "CCO")
    np.testing.assert_allclose(found.atoms, alone.atoms)
    assert found.prediction != pytest.approx(alone.prediction)


def test_a_model_without_a_network_has_occlusion_alone_and_says_so(forest):
    found = molgnn.explain(forest, "[Na+].CCCO", rationale=True)
    assert (found.method, found.unit, found.share) == ("occlusion", "O", 0.0)
    assert np.nanargmax(found.atoms) == 4
    assert np.isnan(found.atoms[0])
    assert np.isnan(found.bonds).all()
    assert found.rationale is None
    told = found.to_json()
    assert (told["baseline_score"], told["completeness_gap"]) == (None, None)
    assert "without a network" in found._repr_html_()
    ElementTree.fromstring(found.svg())


def test_features_beside_the_graph_are_named_with_what_they_add(model_of):
    found = molgnn.explain(model_of(blocks=("morgan",)), "CC(=O)O")
    total = found.atoms.sum() + found.bonds.sum() + found.features
    assert total == pytest.approx(found.score - found.baseline + found.gap, abs=1e-6)
    assert f"features beside the graph add {found.features:+.3g} log mol/L" in found.notes


def test_a_molecule_too_large_to_draw_is_left_out_with_the_reason(model_of):
    (found,) = molgnn.explain(model_of(), ["C" * 401])
    assert found.reason == "401 atoms: more than 400 are not explained"


class Half:
    """Beside networks: a model without a graph that says 0.5 to all."""

    embeddings, kind, speaks = False, "mean", [False] * 5

    def predict(self, features, vectors, n):
        return np.full((n, 5), 0.5)

    def said(self, features, vectors, n):
        return self.predict(features, vectors, n), None
