"""Refusals: the same line for a command and for Python, each in its words."""

import pandas as pd
import pytest

import molgnn
from molgnn.errors import Refusal, _as_arguments


@pytest.mark.parametrize(
    "said, meant",
    [
        ("another --out, or --force to replace it", "another out=, or force=True to replace it"),
        ("start over with --no-resume", "start over with resume=False"),
        ("give data.targets=[NAME,...]", "give targets=[NAME,...]"),
        ("or force=true", "or force=True"),
        ("fit.patience=3: with fit.valid=judge", "patience=3: with valid=judge"),
        ("lib-v2.smi --id-column: no -- such", "lib-v2.smi id_column=: no -- such"),
    ],
)  # fmt: skip
def test_flags_become_arguments(said, meant):
    assert _as_arguments(said) == meant


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"seed": "a"}, "seed='a': must be a whole number"),
        ({"seed": 1.5}, r"seed=1\.5: must be a whole number"),
        ({"split": 5}, "must hold options of its own"),
        ({"table": 5}, "must hold options of its own"),
        ({"model": 5}, "unknown model 5"),
        ({"model": None}, "unknown model None"),
        ({"encoder": 5}, "unknown encoder 5"),
        ({"encoder": None}, "unknown encoder None"),
        ({"patience": 3}, "^patience=3: with valid=refit"),
    ],
)
def test_arguments_of_another_type_are_refused(wrong, said, tmp_path):
    more = {"model": "network", "epochs": 1, "out": tmp_path / "run"}
    with pytest.raises(Refusal, match=said):
        molgnn.fit("solubility", **(more | wrong))
    assert not (tmp_path / "run").exists()


def test_a_frame_is_told_where_to_go(tmp_path):
    with pytest.raises(Refusal, match=r"DataFrame is no table.*to_csv.*molgnn\.sklearn"):
        molgnn.fit(pd.DataFrame({"smiles": ["C"], "y": [1.0]}))
    with pytest.raises(Refusal, match="None is no model"):
        molgnn.load(None)
    with pytest.raises(Refusal, match="folds='2': must be a whole number"):
        molgnn.evaluate("solubility", folds="2")
