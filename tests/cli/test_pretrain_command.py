"""``molgnn pretrain`` on the command line."""

import json
import shlex

import pytest

from molgnn.cli.main import main
from molgnn.cli.terminal import override
from molgnn.train.pretrain.options import TERMS, PretrainFit, PretrainOptions, TermOptions

SMALL = ["encoder.dim=16", "encoder.depth=2", "fit.epochs=1", "fit.batch_size=16", "fit.log=1",
         "fit.checkpoint=2", "data.workers=0"]  # fmt: skip


@pytest.fixture
def smiles(tmp_path):
    path = tmp_path / "mine.smi"
    path.write_text("\n".join(f"{'C' * (1 + i // 3)}{'NOS'[i % 3]} m{i}" for i in range(60)))
    return path


def composed(*words):
    from molgnn.cli.make import pretrain_options
    from molgnn.cli.train import composed as compose

    return pretrain_options(compose(["data.library=a.smi", *words], "pretrain"))


def test_conf_says_what_the_options_say():
    found = composed()
    plain = PretrainOptions(found.data)
    assert found.terms == plain.terms == TermOptions(**TERMS["descriptors"])
    assert found.fit == PretrainFit()
    assert found.optim == plain.optim


@pytest.mark.parametrize("name", TERMS)
def test_each_choice_of_terms_is_the_one_of_the_code(name):
    assert composed(f"terms={name}").terms == TermOptions(**TERMS[name])


def test_it_pretrains_and_says_how_to_go_on(smiles, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["pretrain", f"data.library={smiles}", "terms=gae", *SMALL]) == 0
    said = capsys.readouterr()
    assert "train with it: molgnn train pretrained=runs/pretrain/mine-gae" in said.out
    assert "54 molecules to learn from, 6 held out" in said.err
    metrics = json.loads((tmp_path / "runs/pretrain/mine-gae/metrics.json").read_text())
    assert metrics["steps"] == 4


@pytest.mark.parametrize(
    "words, said",
    [
        ([], "no library"),
        (["data.library=nothing.smi"], "nothing.smi"),
        (["--epochs", "3"], "without dashes"),
        (["fit.epochs"], "key=value"),
        (["lib.smi"], "data.library=FILE"),
        (["data.library={smiles}", "terms=nothing"], "unknown terms"),
        (["data.library={smiles}", "terms.nothing=1"], "unknown option of terms"),
        (["data.library=-", "data.pieces=0.5"], "read twice"),
        (["data.library={smiles}", "terms.blocks=[ecfp]"], "unknown molecule features 'ecfp'"),
        (["data.library={smiles}", "terms.blocks=[erg,erg]"], "each once"),
        (["data.library={smiles}", "terms.links=0", "terms.pairs=0", "terms.atoms=0",
          "terms.descriptors=0"], "nothing to decode"),
        (["data.library={smiles}", "fit.log=3"], "must be a multiple"),
        (["data.library={smiles}", "encoder=nothing"], "unknown encoder"),
        (["data.library={smiles}", "data.exclude=[nothing.csv]"], "nothing.csv"),
        (["data.library={smiles}", "data.recipe=nothing"], "unknown data.recipe"),
        (["data.library={smiles}", "force=2"], "true or false"),
        (["data.library=my lib é.smi"], "in quotes, as \"data.library='my lib é.smi'\""),
        (["data.library=[a é.smi,b.smi]"], "in quotes, as \"data.library='my file'\""),
        (["data.library={smiles}", "name='a\tb'"], "would be called"),
        (["data.library={smiles}", "fit.precision=64-true"], "choose one of 32-true, auto, bf16"),
        (["data.library={smiles}", "fit.accelerator=tpu"], "cannot be used here"),
        (["data.library={smiles}", "encoder.depth=0"], "depth"),
        (["data.library={smiles}", "encoder=null"], "unknown encoder None: choose one of"),
        (["data.library={smiles}", "fit=5"], "unknown fit 5"),
        (["data.library={smiles}", "=5"], "key=value"),
        (["data.library={smiles}", "out=[a]"], "must be a text"),
        (["data.library={smiles}", "out=${{foo}}"], "must be a text"),
        (["data.library={smiles}", "name=[a]"], "must be a text"),
        (["data.library={smiles}", "seed=99999999999999999999999"], "must be below 2^32"),
        (["data.library={smiles}", "data.workers=-1"], "data.workers=-1: must not be negative"),
        (["data.library={smiles}", "terms.kl=inf"], "terms.kl=inf: a number"),
        (["data.library={smiles}", "out=here", "data.prepared=here"], "the run's own folder"),
        (["data.library={smiles}", "terms.dim=100000", "terms=vgae"], "100000"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_line(words, said, smiles, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["pretrain", *(word.format(smiles=smiles) for word in words)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_help_names_options_and_choices(capsys):
    assert main(["pretrain", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("free_bits", "masked", "exclude", "prepared"))
    assert "terms=autoencoder: as vgae, but kl 0\n" in text
    assert "graph_dim 300, blocks [rdkit2d,morgan]\n" in text
    assert "encoder=chebnet|dmpnn|" in text


@pytest.mark.parametrize(
    "value",
    [
        "runs/a",
        "my lib.smi",
        "räum",
        "a'b",
        "a\\b",
        "a\\'b",
        "x=y",
        "[1]",
        "a\\",
        "a$b",
        'a"b',
        "!a",
    ],
)
def test_what_to_type_next_is_read_as_it_was_meant(value):
    """By a shell, and then by Hydra."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (word,) = shlex.split(override("pretrained", value))
    read = OverridesParser.create().parse_override(word).value()
    assert getattr(read, "text", read) == value
