"""What cells say of a target: numbers, bounds, and lists with one value for each atom or bond."""

import json

import numpy as np
import pytest

from molgnn.data.tables.cells import NotALabel, listed, number

NAN = float("nan")


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1.5", (1.5, 0)),
        (" -2e3 ", (-2000.0, 0)),
        ("True", (1.0, 0)),
        (">6.2", (6.2, 1)),
        ("> 6.2", (6.2, 1)),
        (">=6.2", (6.2, 1)),
        ("≥ 6.2", (6.2, 1)),
        ("<-3", (-3.0, -1)),
        ("<=1e-4", (1e-4, -1)),
        ("≤7", (7.0, -1)),
    ],
)
def test_a_number_or_a_bound_is_read(text, expected):
    assert number(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "NaN", "n/a", "NULL", "#N/A", "None"])
def test_what_means_missing_is_missing(text):
    value, bound = number(text)
    assert np.isnan(value)
    assert bound == 0


@pytest.mark.parametrize("text", ["x", "1_000", "inf", ">", "<nan", ">inf", "<>3", "=3", ">true"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(NotALabel, match="no finite number"):
        number(text)


@pytest.mark.parametrize(
    "text",
    [
        "[0.5, null, -1]",
        '[0.5, "", "-1"]',
        "[0.5, NaN, -1]",
        "0.5 n/a -1",
        "0.5,nan,-1",
        "0.5; na; -1",
        "0.5\nn/a\n-1",
        "[?] 0.5 ? -1",
        "1:0.5 3:-1",
        "1=0.5, 3=-1",
        "3:-1\n1:0.5",
        "3 -1\n1 0.5",
    ],
)
def test_every_way_of_writing_a_list_gives_the_same_values(text):
    np.testing.assert_array_equal(listed(text, 3), [[0.5, 0], [NAN, 0], [-1, 0]])


def test_values_of_a_list_may_be_bounds():
    np.testing.assert_array_equal(listed('[">5", 1, "<2"]', 3), [[5, 1], [1, 0], [2, -1]])
    np.testing.assert_array_equal(listed("2:>5", 2), [[NAN, 0], [5, 1]])


def test_an_empty_cell_is_missing_for_all():
    assert np.isnan(listed(" ", 4)[:, 0]).all()
    assert listed("", 0).shape == listed("[]", 0).shape == (0, 2)


def test_a_bond_may_be_named_by_its_two_atoms_in_either_order():
    pairs = [(0, 1), (1, 2), (0, 2)]
    np.testing.assert_array_equal(listed("3-2:0.5 1-3:2", 3, pairs), [[NAN, 0], [0.5, 0], [2, 0]])


@pytest.mark.parametrize(
    "text, said",
    [
        ("[1, 2]", "holds 2 values where 3 are written"),
        ("1 2 3 4", "holds 4 values where 3 are written"),
        ("[[1], [2], [3]]", "list of lists"),
        ("[1, 2", "holds 2 values|no finite number"),
        ("[1, 2, }]", "is no list"),
        ("[1, 2, x]", "is no list"),
        ("1 2 x", "no finite number"),
        ("1:5 2", "some values with a key"),
        ("0:5", "names 0, which is not among the 3"),
        ("4:5", "names 4, which is not among the 3"),
        ("1:5 1:6", "names 1 twice"),
        ("1-9:5", "names 1-9, which is not among the 3"),
        ("²\t1\n2\t3", "no finite number|holds"),
        (f"[{'1' * 5000}, 2, 3]", "no finite number|is no list"),
        ("[" * 100_000 + "]" * 100_000, "is no list"),
    ],
)
def test_a_list_that_does_not_fit_is_refused_with_the_reason(text, said):
    with pytest.raises(NotALabel, match=said):
        listed(text, 3, [(0, 1), (1, 2), (0, 2)])


def test_two_columns_of_numbers_are_keys_unless_they_could_be_a_list():
    np.testing.assert_array_equal(listed("2 7\n1 8", 3)[:, 0], [8, 7, NAN])
    with pytest.raises(NotALabel, match="may be a list or numbered lines"):
        listed("2 7\n1 8", 4)


def test_one_numbered_line_is_no_list():
    np.testing.assert_array_equal(listed("2 49.5", 3)[:, 0], [NAN, 49.5, NAN])
    with pytest.raises(NotALabel, match="may be a list or numbered lines"):
        listed("1 49.5", 2)
    assert listed("1 0", 2)[:, 0].tolist() == [1, 0]
    with pytest.raises(NotALabel, match="holds 2 values where 3"):
        listed("1 0", 3)


def test_a_list_is_read_as_it_is_written(tmp_path):
    values = np.random.default_rng(0).normal(size=50).tolist()
    found = listed(json.dumps(values), 50)
    assert found[:, 0].tolist() == values


@pytest.mark.parametrize(
    "text, hint",
    [
        ("1,5", "decimal point"),
        ("[1, 2]", "data.atom_targets"),
        ("1:3.5 3:1.2", "data.atom_targets"),
        ("1e31", "is beyond 1e\\+30"),
        (">-1e200", "is beyond 1e\\+30"),
    ],
)
def test_what_was_meant_is_said_where_it_is_plain(text, hint):
    with pytest.raises(NotALabel, match=hint):
        number(text)
