"""Recipes are read strictly: a wrong one is refused in a line that names file and key."""

import json
import re
from pathlib import Path

import pytest
import yaml

from molgnn.errors import Refusal
from molgnn.screen.funnel.recipe import KEYS, read_recipe, shipped_recipes

FULL = {
    "about": "all of it",
    "pool": {"size": 50, "at_least": 0.5},
    "models": {"tox": "runs/tox"},
    "objectives": {
        "combine": "desirability",
        "of": {
            "activity": {"aim": "up", "low": 0, "high": 1},
            "toxicity": {"model": "tox", "aim": "down", "low": 0, "high": 1, "at_most": 0.3},
            "logD": {"column": "d", "aim": "target", "low": 0, "target": 2, "high": 4, "weight": 2},
        },
    },
    "properties": {"MW": [None, 500], "QED": [0.3, None], "sets": {"lipinski": 0}},
    "alerts": {"drop": ["pains", "user"], "flag": ["nih"], "smarts": {"nitro": "N(=O)=O"}},
    "novelty": {"at_most": 0.4, "actives": {"best": 0.1}, "training": True, "file": "known.smi"},
    "cores": {"lactam": "O=C1CCN1"},
    "diversity": {"clusters": {"similarity": 0.6, "most": 2}, "scaffold": 3, "maxmin": 20},
}


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_are_read_by_name(name):
    recipe = read_recipe(name)
    assert recipe.name == name
    assert recipe.about


def test_there_are_three_of_them():
    assert {"plain", "antibiotic", "lead_like"} <= set(shipped_recipes())
    assert set(read_recipe("plain").plain()) == {"about", "pool"}


@pytest.mark.parametrize("recipe", [FULL, *shipped_recipes()], ids=str)
def test_a_recipe_as_it_is_used_is_plain_data_and_the_same_recipe(recipe):
    first = read_recipe(recipe)
    again = read_recipe(json.loads(json.dumps(first.plain())))
    assert again.plain() == first.plain()
    assert again.sha256 == first.sha256
    assert read_recipe({**first.plain(), "about": "other words"}).sha256 == first.sha256
    assert read_recipe({**first.plain(), "pool": 7}).sha256 != first.sha256


def test_a_file_says_what_a_mapping_says(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(FULL))
    assert read_recipe(path).plain() == read_recipe(FULL).plain()
    assert read_recipe(path).folder == tmp_path
    path.write_text("")
    assert read_recipe(path).plain() == {"pool": {"size": 10_000}}


def changed(**parts):
    return {**FULL, **parts}


def of(**objective):
    return changed(objectives={"combine": "desirability", "of": {"a": objective}}, models={})


@pytest.mark.parametrize(
    "recipe, said",
    [
        ({"propertys": {}}, r"unknown key 'propertys': choose one of about, alerts, cores"),
        ({"properties": {"MWW": [0, 1]}}, r"properties: unknown key 'MWW': choose one of HBA, HBD"),
        ({"properties": {"MW": 500}}, r"properties: MW: 500 is not \[lowest, highest\]"),
        ({"properties": {"MW": [500, 100]}}, "wrong way round"),
        ({"properties": {"MW": [None, None]}}, "one of which may be null"),
        ({"properties": {"MW": [float("nan"), None]}}, "is not a number"),
        ({"properties": {"sets": ["lipinsky"]}}, "unknown sets 'lipinsky': choose one of lipinski"),
        ({"properties": {"sets": [["lipinski"]]}}, "unknown sets"),
        ({"pool": 0}, "pool: size: 0 is not a whole number of at least 1"),
        ({"pool": True}, "pool: must be a mapping"),
        ({"pool": {"size": "many"}}, "size: 'many' is not a whole number"),
        ({"alerts": {"drop": ["pain"]}}, "unknown drop 'pain': choose one of brenk, nih, pains"),
        ({"alerts": {"drop": ["nih"], "flag": ["nih"]}}, "nih is both to drop and to flag"),
        (
            {"alerts": {"drop": ["user"], "smarts": {"x": "C("}}},
            r"smarts: x: 'C\(' is not a SMARTS",
        ),
        ({"alerts": {"drop": ["pains"], "smarts": {"x": "C"}}}, "name it in drop or flag"),
        ({"cores": {"x": "]"}}, "cores: x: ']' is not a SMARTS"),
        ({"cores": ["C"]}, "cores: must be a mapping"),
        ({"novelty": {"training": True}}, "at_most is missing"),
        ({"novelty": {"at_most": 0.4}}, "novel to whom"),
        ({"novelty": {"at_most": 4, "training": True}}, "4 is not a number from 0 to 1"),
        ({"novelty": {"at_most": 0.4, "training": 1}}, "1 is not true or false"),
        ({"novelty": {"at_most": 0.4, "actives": {"best": 0.1, "at_least": 1}}}, "one of at_least"),
        ({"diversity": {"clusters": {"most": 1}}}, "similarity is missing"),
        ({"models": {"tox": "x"}}, "models: tox: no objective asks for it"),
        ({"models": {"tox": ["x"]}}, "is not the path or name of a model"),
        (changed(models={}), "objectives: unknown model 'tox'"),
        (of(), "a: aim is missing"),
        (of(aim="sideways"), "unknown aim 'sideways': choose one of down, target, up"),
        (of(aim="up"), "low and high are missing"),
        (of(aim="up", low=1, high=1), "low < high"),
        (of(aim="target", low=1, high=3), "target is missing"),
        (of(aim="target", low=1, target=5, high=3), "low < target < high"),
        (of(aim="up", low=1, high=2, target=1), "only aim: target has one"),
        (of(aim="up", low=1, high=2, at_least=3, at_most=2), "at_least 3 > at_most 2"),
        (of(aim="up", low=1, high=2, weight=0), "weight: 0 is not a number"),
        (of(aim="up", low=1, high=2, _target_="os.system"), "unknown key '_target_'"),
        ({"objectives": {"of": {"a": {"aim": "up"}}}}, "combine is missing"),
        ({"objectives": {"combine": "sum", "of": {}}}, "name at least one"),
        (
            {"objectives": {"combine": "sum", "ranks": 2, "of": {"a": {"aim": "up"}}}},
            "only combine",
        ),
        ({1: 2}, "the key 1 is not a text"),
        ({"cores": {"two\nlines": "C"}}, "not a text on one line"),
        ([], "must be a mapping"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line(recipe, said, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe))
    if recipe == []:
        path.write_text("- 1\n")
    with pytest.raises(Refusal, match=said) as refused:
        read_recipe(path)
    assert "\n" not in str(refused.value)
    assert "mine.yaml" in str(refused.value)


@pytest.mark.parametrize(
    "text, said",
    [
        ("pool: 1\npool: 2\n", "line 1: .*the key 'pool' stands there twice"),
        ("pool: [1\n", "line 2: not readable as YAML"),
        (
            "a: !!python/object/apply:os.system [echo]\n",
            "not readable as YAML: could not determine",
        ),
        ("\x00", "not readable as YAML"),
        ("a: &a [*a]\nb: *a\n", "line 1: .*a recipe has no aliases"),
        ("about: [&a [x, x], &b [*a, *a], [*b, *b]]\n", "line 1: .*a recipe has no aliases"),
        ("pool: 0x" + 5000 * "f", "size: a number of thousands of digits is not a whole number"),
        ("pool: {at_least: 0x" + 5000 * "f" + "}", "at_least: a number of thousands of digits"),
        ("pool: 10000000000000", "at most 1,000,000,000,000"),
        ("pool: 5\nno: 1\n", "the key False is not a text"),
    ],
)
def test_a_file_that_is_no_yaml_of_plain_data_is_refused(tmp_path, text, said):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    with pytest.raises(Refusal, match=said) as refused:
        read_recipe(path)
    assert "\n" not in str(refused.value)


def test_a_wrong_name_is_told_what_there_is(tmp_path):
    with pytest.raises(
        Refusal, match="unknown recipe 'x': choose one of antibiotic, lead_like, pl"
    ):
        read_recipe("x")
    with pytest.raises(Refusal, match=r"there is no such file"):
        read_recipe(tmp_path / "x.yaml")
    (tmp_path / "large.yaml").write_text("#" * (2 << 20))
    with pytest.raises(Refusal, match="too large"):
        read_recipe(tmp_path / "large.yaml")


def test_the_example_of_the_readme_is_a_recipe():
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(about:.*?)```", readme, re.DOTALL)
    recipe = read_recipe(yaml.safe_load(example))
    assert set(recipe.plain()) == set(KEYS)
    assert all(f"`{name}`" in readme for name in shipped_recipes())
