"""What is said of single molecules: which atoms, of which fragment, and to whom they are near."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import Descriptors, rdFingerprintGenerator

from molgnn.chem.fingerprint import morgan
from molgnn.data.targets import Task
from molgnn.errors import Refusal
from molgnn.models.known import Known
from molgnn.screen.funnel.examine import Examination
from molgnn.screen.funnel.novelty import known_molecules
from molgnn.screen.funnel.parts import Actives, Novelty

NITRO = {"nitro": "[N+](=O)[O-]"}
TEXTS = ["CCO", "c1ccccc1", "CC(=O)Nc1ccc(O)cc1", "CCCCCCCC", "CCN"]


def examined(text, **asked):
    (found,) = Examination(**({"recipe": "parent"} | asked))()([text])
    return found


def test_it_goes_to_workers_as_it_is():
    job = Examination("parent", names=("MW",), drop=("user",), smarts=NITRO, cores={"x": "S"})
    again = pickle.loads(pickle.dumps(job))()(["C[N+](=O)[O-]", "CS", "CC"])
    assert [found.dropped and found.dropped.step for found in again] == ["alerts", "cores", None]


@pytest.mark.parametrize(
    "text", ["[Na+].[Cl-].O=[N+]([O-])CCC(=O)O", "[H]OC(=O)CC[N+]([O-])=O.Cl", "CC[N+](=O)[O-]"]
)
@pytest.mark.parametrize("recipe", ["none", "parent", "neutral", "tautomer"])
def test_atoms_are_numbered_as_in_the_smiles_also_of_a_salt(text, recipe):
    found = examined(text, recipe=recipe, flag=("user",), smarts=NITRO)
    (alert,) = found.alerts
    whole = Chem.MolFromSmiles(text)
    assert alert.atoms == tuple(sorted(whole.GetSubstructMatch(Chem.MolFromSmarts(NITRO["nitro"]))))


def test_a_counter_ion_has_no_say_but_for_a_model_that_reads_it():
    text = "CCCCN.O=[N+]([O-])O"
    for recipe, heard in (("parent", False), ("none", True)):
        found = examined(text, recipe=recipe, names=("MW",), flag=("user",), smarts=NITRO)
        assert bool(found.alerts) == heard
        expected = text if heard else "CCCCN"
        assert found.values["MW"] == pytest.approx(Descriptors.MolWt(Chem.MolFromSmiles(expected)))


def test_mol_blocks_are_numbered_as_their_smiles_in_the_hits():
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("[O-][N+](=O)CCCBr"))
    (alert,) = examined(block, flag=("user",), smarts=NITRO).alerts
    assert Chem.CanonSmiles("[O-][N+](=O)CCCBr") == "O=[N+]([O-])CCCBr"
    assert alert.atoms == (0, 1, 2)


def test_the_first_step_that_drops_is_told_with_all_its_reasons():
    ranges = {"MW": (None, 40), "logP": (1, None)}
    found = examined("OCCO", names=("MW", "logP"), ranges=ranges, cores={"x": "O"})
    assert found.dropped.step == "properties"
    assert found.dropped.reason == "MW 62.07 is above 40; logP -1.029 is below 1"
    assert found.dropped.kinds == ("MW above 40", "logP below 1")


def test_a_rule_set_may_be_missed_so_often():
    heavy = "C" * 40  # beyond 500 g/mol, and logP 5
    for allowed, step in ((0, "properties"), (1, "properties"), (2, None)):
        found = examined(heavy, names=("MW", "logP", "NHOH", "NO"), sets={"lipinski": allowed})
        assert (found.dropped and found.dropped.step) == step


def test_the_nearest_known_molecule_is_rdkits():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in TEXTS]
    known = morgan([Chem.MolFromSmiles(text) for text in TEXTS])
    for text in ("CCCO", "Oc1ccccc1", "CCCCCC", "[H]OCC.Cl"):
        found = examined(text, known=known, known_names=TEXTS, at_most=1.0)
        mol = generator.GetFingerprint(Chem.MolFromSmiles(text.replace("[H]OCC.Cl", "OCC")))
        expected = DataStructs.BulkTanimotoSimilarity(mol, prints)
        assert (found.similarity, found.nearest) == (max(expected), int(np.argmax(expected)))
    same = examined("OCC", known=known, known_names=TEXTS, at_most=0.99)
    assert same.dropped.reason == "1 similar to CCO, 0.99 allowed"


def model(kind="binary", labels=(1, 0, 1, np.nan, 0), classes=("0", "1")):
    task = Task("active", kind, classes=classes if kind != "regression" else ())
    bits = morgan([Chem.MolFromSmiles(text) for text in TEXTS])
    known = Known(TEXTS, bits, {"active": np.array(labels, dtype=float)})
    return SimpleNamespace(tasks=[task], columns=task.columns, known=known, recipe="parent")


def actives(asked, minimize=False, **options):
    novelty = Novelty(0.5, actives=asked)
    return known_molecules(novelty, model(**options), 0, minimize, None).smiles


NUMBERS = {"kind": "regression", "labels": (3, 1, np.nan, 5, 4)}


def test_actives_are_class_1_or_beyond_a_threshold_or_the_best_share(tmp_path):
    assert actives(Actives()) == actives(Actives(best=0.1)) == [TEXTS[0], TEXTS[2]]
    assert actives(Actives(at_least=4), **NUMBERS) == [TEXTS[3], TEXTS[4]]
    assert actives(Actives(at_most=1), **NUMBERS) == [TEXTS[1]]
    assert actives(Actives(best=0.5), **NUMBERS) == [TEXTS[3], TEXTS[4]]
    assert actives(Actives(best=0.5), minimize=True, **NUMBERS) == [TEXTS[0], TEXTS[1]]
    assert actives(Actives(best=0.001), **NUMBERS) == [TEXTS[3]]


@pytest.mark.parametrize(
    "asked, options, said",
    [
        (Actives(at_least=1), {}, "is binary: its actives are class 1"),
        (Actives(), {"labels": (0, 0, 0, 0, 0)}, "no training molecule is an active"),
        (Actives(), {"labels": [np.nan] * 5}, "have no labels of 'active'"),
        (Actives(), NUMBERS, "is a number: say who is active"),
        (Actives(), {"kind": "multiclass", "classes": ("a", "b")}, "has several classes"),
    ],
)
def test_actives_that_cannot_be_told_are_refused(asked, options, said):
    with pytest.raises(Refusal, match=said):
        actives(asked, **options)


def test_training_molecules_and_those_of_a_file_are_known_together(tmp_path):
    (tmp_path / "mine.smi").write_text("OCC mine\nC1CC1\n")
    novelty = Novelty(0.5, training=True, actives=Actives(), file="mine.smi")
    known = known_molecules(novelty, model(), 0, False, tmp_path)
    assert known.smiles == [*TEXTS, "mine", "C1CC1"]
    assert known.origin == ["training molecule"] * 5 + ["in mine.smi"] * 2
    assert (known.bits[5] == known.bits[0]).all()
    assert list(known.files) == [str(tmp_path / "mine.smi")]
