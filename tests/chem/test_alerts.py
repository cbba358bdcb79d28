"""Alerts are RDKit's, and properties too."""

import pytest
from rdkit import Chem
from rdkit.Chem import QED, Descriptors, Lipinski
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from molgnn.chem import alerts
from molgnn.chem.alerts import CATALOGS, USER, Alert, _catalog, find_alerts, find_patterns, pattern
from molgnn.chem.properties import PROPERTIES, RULE_SETS, beyond, properties

HALICIN = "Nc1nnc(Sc2ncc([N+](=O)[O-])s2)s1"


@pytest.mark.parametrize("name", CATALOGS)
def test_alerts_are_those_of_rdkits_catalog(name, shipped_drugs):
    chosen = FilterCatalogParams()
    chosen.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name.upper()))
    catalog = FilterCatalog(chosen)
    for text in shipped_drugs[:600:20]:
        mol = Chem.MolFromSmiles(text)
        expected = [entry.GetDescription() for entry in catalog.GetMatches(mol)]
        found = find_alerts(mol, [name], {})
        assert [alert.name for alert in found] == expected
        assert all(alert.atoms for alert in found)


def test_pains_are_searched_for_where_they_may_be_and_found_as_by_the_whole_catalog(shipped_drugs):
    catalog = _catalog("pains")
    assert catalog._screen is not None
    found = 0
    for text in shipped_drugs[::25]:
        mol = Chem.MolFromSmiles(text)
        whole = [entry.GetDescription() for entry in catalog._all.GetMatches(mol)]
        assert [entry.GetDescription() for entry in catalog.matches(mol)] == whole
        found += len(whole)
    assert found > 3


def test_where_rdkit_writes_an_entry_otherwise_the_whole_catalog_is_searched(monkeypatch):
    mol = Chem.MolFromSmiles(HALICIN)
    expected = find_alerts(mol, ["pains"], {})
    monkeypatch.setattr(alerts, "_PICKLED", b"another mark")
    _catalog.cache_clear()
    assert _catalog("pains")._screen is None
    assert find_alerts(mol, ["pains"], {}) == expected
    _catalog.cache_clear()


def test_halicin_has_its_nitro_group_with_its_atoms():
    found = find_alerts(Chem.MolFromSmiles(HALICIN), ["pains", "brenk"], {})
    assert Alert("brenk", "nitro_group", (10, 11, 12)) in found
    assert str(found[0]) == "pains: thiazol_SC_A(3)"


def test_one_s_own_smarts_match_by_name_with_the_atoms_of_all_matches():
    mol = Chem.MolFromSmiles("OCCCO")
    own = {"alcohol": pattern("[OX2H]"), "amine": pattern("[NX3]")}
    assert find_patterns(mol, own) == [("alcohol", (0, 4))]
    assert find_alerts(mol, [USER], own) == [Alert(USER, "alcohol", (0, 4))]


@pytest.mark.parametrize("smarts", ["", "[", "C(", "not smarts", "[#6"])
def test_what_is_no_smarts_is_none(smarts):
    assert pattern(smarts) is None


def test_properties_are_rdkits(shipped_drugs):
    oracles = {
        "MW": Descriptors.MolWt, "logP": Descriptors.MolLogP, "TPSA": Descriptors.TPSA,
        "HBD": Descriptors.NumHDonors, "HBA": Descriptors.NumHAcceptors, "QED": QED.qed,
        "rotatable": Descriptors.NumRotatableBonds, "NHOH": Lipinski.NHOHCount,
        "NO": Lipinski.NOCount, "rings": Descriptors.RingCount, "charge": Chem.GetFormalCharge,
        "heavy_atoms": Descriptors.HeavyAtomCount,
    }  # fmt: skip
    assert set(oracles) == set(PROPERTIES)
    for text in shipped_drugs[:400:10]:
        mol = Chem.MolFromSmiles(text)
        assert properties(mol, list(PROPERTIES)) == {n: oracles[n](mol) for n in PROPERTIES}


def test_ends_of_a_range_are_inside_and_misses_are_told_in_words():
    assert beyond({"MW": 500.0}, {"MW": (500, 500)}) == []
    assert beyond({"MW": 501.26}, {"MW": (None, 500)}) == [
        ("MW above 500", "MW 501.3 is above 500")
    ]
    assert beyond({"MW": 1.0}, {"MW": (2, None)}) == [("MW below 2", "MW 1 is below 2")]


def test_rule_sets_ask_for_known_properties():
    assert {name for rule in RULE_SETS.values() for name in rule.ranges} <= set(PROPERTIES)
