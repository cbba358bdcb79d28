"""The quick way of featurising gives what the plain loop gives, whatever the molecule."""

import gzip
from itertools import chain

import numpy as np
import pytest
from rdkit import Chem, rdBase

from molgnn.chem import graph
from molgnn.chem.binary import decode, to_binary
from molgnn.chem.graph import featurize, featurize_plain, route
from molgnn.chem.quick import read_chunk
from molgnn.chem.trial import awkward, fault, same

MORE_AWKWARD = [
    "[0H]C",
    "[1H]C([2H])F",
    "[H:1]C",
    "C[C@]([H])(F)Cl",
    "[H]/C(C)=C/F",
    "[D]C",
    "[#1]C",
    "F[C@OH1H](Cl)",
    "[O][O]",
    "[CH2]C[CH2]",
    "C[N+]#N",
    "[Cl-].[Cl-].[Ca+2]",
    "CCO.CCO",
    "CCO.COC",
    "C[C@H](N)O.C[C@@H](N)O",
    "O=C([O-])[C@@H](O)[C@H](O)C(=O)[O-].[K+].[Na+]",
    "C/C=C/C.Cl",
    "[NH3]->[Pt](<-[NH3])(Cl)Cl.O",
    "[Fe].c1cccc1",
    "C1=C[CH-]C=C1.[Fe+2].C1=C[CH-]C=C1",
    "CC=[C@@]=CC",
    "C[C@@H]1C[C@H]1C",
    "C[C@@](C)(F)Cl",
    "Cl/C=C/C(/C=C/Cl)=C/C",
    "C1CCC/C=C/CCC1",
    "N[C@](F)(Cl)Br |o1:1|",
    "CC(O)N |wU:1.0,(0,0,;1,0,;1,1,;2,0,)|",
    "CCO |$_AV:a;b;c$|",
    "*CC* |$_AP1;;;_AP2$,Sg:n:1,2::ht|",
    "C\u00e9",
    "CC\tname",
    "CC\0",
    "CC\r",
    "C>>C",
    "C1CC1C(",
    "C.",
    ".C",
    "[nH]1cccc1.c1cccc1",
    "C" * 254 + "O",
    "[C@H](F)(Cl)Br." * 20 + "C",
    "[CH3][CH2:300][*:3]",
    "[13CH3]C[238U]",
    "c1ccccc1-c1ccccc1:c",
    "[Si@](F)(Cl)(Br)I",
    "C[S@@+]([O-])CC",
    "CC1=CC(=O)C=CC1=O",
    "[Na]Cl",
    "Cl[Sn](Cl)(Cl)Cl",
    "S=P(O)(O)O",
    "[Xe](F)(F)(F)F",
    "FI(F)(F)(F)(F)(F)F",
]


def assert_same(texts, recipe="none"):
    """The texts one chunk; a difference is reported by its text."""
    quick, plain = graph._featurize_quickly(texts, recipe), featurize_plain(texts, recipe)
    if same(quick, plain):
        return
    one_by_one = [
        text
        for text in texts
        if not same(graph._featurize_quickly([text], recipe), featurize_plain([text], recipe))
    ]
    pytest.fail(f"{recipe}: {one_by_one}" if one_by_one else f"{recipe}: only together")


def share_decoded(texts, recipe="none"):
    return float(read_chunk(texts, recipe)[0].ok.mean())


@pytest.fixture(scope="module")
def spellings(drugs):
    """Random spellings of a few hundred drugs, with and without explicit hydrogen atoms."""
    texts = []
    for text in drugs[::9]:
        mol = Chem.MolFromSmiles(text)
        texts += Chem.MolToRandomSmilesVect(mol, 2, randomSeed=3)
        texts.append(Chem.MolToSmiles(mol, kekuleSmiles=True, doRandom=True))
        texts.append(Chem.MolToSmiles(mol, allHsExplicit=True))
        texts.append(Chem.MolToSmiles(Chem.AddHs(mol)))
    return texts


def corrupted(texts):
    """Each text with one character dropped, doubled or swapped: most are no molecules any more."""
    generator = np.random.default_rng(5)
    out = []
    for text in texts:
        at = int(generator.integers(len(text)))
        out += [text[:at] + text[at + 1 :], text[:at] + text[at] + text[at:]]
        out.append(text[:at] + str(generator.choice(list("()[]123=#@/.cNH+-"))) + text[at + 1 :])
    return out


def test_this_rdkit_is_read_the_quick_way():
    assert route() == "binary"


@pytest.mark.parametrize("recipe", ["none", "parent", "neutral"])
def test_awkward_molecules_are_those_of_the_plain_loop(recipe):
    for texts in (awkward(), MORE_AWKWARD):
        assert_same(texts, recipe)
        assert_same(texts[::-1], recipe)


@pytest.mark.parametrize("recipe", ["none", "parent"])
def test_drugs_are_those_of_the_plain_loop_and_all_are_decoded(recipe, drugs):
    assert_same(drugs, recipe)
    assert share_decoded(drugs, recipe) == 1


def test_random_spellings_are_those_of_the_plain_loop(spellings):
    assert_same(spellings)


@pytest.mark.parametrize("recipe", ["none", "parent"])
def test_corrupted_texts_have_the_reasons_of_the_plain_loop(recipe, drugs):
    texts = corrupted(drugs[::6])
    assert len(featurize(texts, recipe)[2]) > len(texts) // 5
    assert_same(texts, recipe)


def test_mol_blocks_are_those_of_the_plain_loop_and_are_decoded(drugs):
    blocks = [Chem.MolToMolBlock(Chem.MolFromSmiles(text)) for text in drugs[::40]]
    assert_same(blocks)
    assert share_decoded(blocks) == 1


def test_random_sizes_of_chunk_change_nothing(drugs, monkeypatch):
    texts = [*drugs[:100], *awkward(), "C" * 300, *drugs[100:150]]
    whole = featurize(texts)
    for size in (1, 7, 64):
        monkeypatch.setattr(graph, "_CHUNK", size)
        assert same(featurize(texts), whole)


def test_no_string_of_bytes_makes_the_decoding_fail(drugs):
    generator = np.random.default_rng(11)
    whole = [to_binary(Chem.MolFromSmiles(text)) for text in drugs[::20]]
    bad = [b"", b"x", whole[0][:40], whole[1] + b"\0", bytes(500), whole[2][:-1]]
    for blob in whole:
        changed = bytearray(blob)
        changed[int(generator.integers(20, len(blob)))] = int(generator.integers(256))
        bad += [bytes(changed), blob[: int(generator.integers(len(blob)))]]
    decoded = decode([part for pair in zip(bad, whole * 3, strict=False) for part in pair])
    assert decoded.ok[1::2].all()  # the bad ones do not disturb their neighbours
    assert not decoded.ok[0:12:2].any()


def test_rdkits_own_settings_are_left_alone_and_do_not_matter(drugs):
    before = Chem.GetDefaultPickleProperties()
    try:
        Chem.SetDefaultPickleProperties(Chem.PropertyPickleOptions.AllProps)
        assert_same(drugs[:200])
        assert Chem.GetDefaultPickleProperties() == Chem.PropertyPickleOptions.AllProps
    finally:
        Chem.SetDefaultPickleProperties(before)


@pytest.mark.parametrize("change", ["version", "layout", "codes"])
def test_another_binary_form_sends_everything_the_plain_way(change, monkeypatch):
    if change == "version":
        monkeypatch.setattr("molgnn.chem.trial.version", lambda blob: (17, 0))
    elif change == "layout":
        monkeypatch.setattr("molgnn.chem.binary._BEGIN_RINGS", 0x43)
    else:
        monkeypatch.setattr("molgnn.chem.records._SP3", 3)
    graph._route.cache_clear()
    try:
        assert route().startswith("plain: ")
        texts = ["CCO", "C(", "c1ccccc1"]
        assert same(featurize(texts), featurize_plain(texts))
    finally:
        graph._route.cache_clear()


def test_a_difference_is_found_by_the_self_test():
    assert fault(graph._featurize_quickly, featurize_plain) == ""
    assert fault(lambda texts, _: featurize_plain(texts, "neutral"), featurize_plain)


def real_texts(folder, most):
    """name -> texts of files of real data: at most so many of each, spread over the file."""
    for path in sorted([*folder.glob("nasty/*"), *folder.glob("moleculenet/*.csv*")]):
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        lines = data.decode("utf-8", "replace").splitlines()
        step = max(1, len(lines) // most)
        # Every cell of a table and the line itself: what is no SMILES must be refused alike.
        cells = [[line, *line.replace(",", "\t").split()] for line in lines[::step]]
        yield path.name, list(dict.fromkeys(chain.from_iterable(cells)))
    with gzip.open(folder / "libraries" / "mcule_1M.smi.gz", "rt") as file:
        yield "mcule", [line.split()[0] for _, line in zip(range(most), file, strict=False)]


def test_real_files_are_those_of_the_plain_loop(molgnn_data):
    for _, texts in real_texts(molgnn_data, 120):
        assert_same(texts, "none")
        assert_same(texts[::3], "parent")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["none", "parent"])
def test_many_thousand_real_texts_are_those_of_the_plain_loop(recipe, molgnn_data, capsys):
    for name, texts in real_texts(molgnn_data, 8_000):
        assert_same(texts, recipe)
        assert_same(corrupted([t for t in texts[::20] if t]), recipe)
        with capsys.disabled():
            print(f"\n{rdBase.rdkitVersion} {recipe} {name}: {len(texts)} texts alike", end="")
