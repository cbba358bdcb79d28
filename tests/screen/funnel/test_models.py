"""Models of every shape go through the funnel: more columns, odd names, deviations of one alone."""

import pytest

from molgnn.data.targets import Task
from molgnn.screen.funnel.again import rescore
from molgnn.screen.pipeline import screen


def test_a_second_model_may_have_more_columns_than_the_first(fake_model, drugs_file):
    names = ["a", "b", "c", "d", "last"]
    second = fake_model(tasks=[Task(name, "regression") for name in names])
    of = {"x": {"model": "second", "column": "last", "aim": "down"}}
    recipe = {
        "models": {"second": None},
        "objectives": {"combine": "pareto", "of": {"size": {"aim": "up"}} | of},
    }
    result = screen(fake_model(), drugs_file, top=4, recipe=recipe, models={"second": second})
    assert (result.hits["x"] == 5 * result.hits["size"]).all()
    recipe["pool"] = {"at_least": 1e9}  # nobody
    empty = screen(fake_model(), drugs_file, top=4, recipe=recipe, models={"second": second})
    assert not len(empty.hits)


def test_the_deviation_of_a_single_model_can_be_an_objective(fake_model, drugs_file):
    model = fake_model()
    model.has_std = True  # of its head, or of its calibration
    objectives = {"combine": "pareto", "of": {"sure": {"column": "size_std", "aim": "down"}}}
    result = screen(model, drugs_file, top=4, recipe={"objectives": objectives})
    assert "size_std" in result.hits


@pytest.mark.parametrize("name", ["file", "mol_block"])
def test_a_column_of_a_model_does_not_end_in_the_pool_as_that_of_rows(
    fake_model, drugs_file, name, tmp_path
):
    model = fake_model(tasks=[Task(name, "regression")])
    made = screen(model, drugs_file, top=4, recipe="plain", out=tmp_path / "out")
    again = rescore(tmp_path / "out", model=model, top=4)
    assert again.hits["score"].tolist() == made.hits["score"].tolist()
    assert again.hits["file"].tolist() == made.hits["file"].tolist()
