"""Names of tasks, and what they must not hide."""

import numpy as np
import pytest

from molgnn.data.levels import Levels
from molgnn.data.targets import Wishes, make_tasks
from molgnn.errors import Refusal

Y = np.array([[0.5, 1.5], [2.5, 3.0], [4.0, 5.0]])


@pytest.mark.parametrize(
    "names, kind, said",
    [
        (["y", "y"], "auto", "named twice"),
        (["y", "y_std"], "auto", "needed for another column"),
        (["smiles", "y"], "auto", "needed for another column"),
        (["y", "z"], {"Y": "regression"}, "choose one of y, z"),
    ],
)
def test_a_name_that_hides_a_column_or_means_no_target_is_refused(names, kind, said):
    labels, exact = Levels.of_molecules(Y), Levels.of_molecules(np.zeros_like(Y))
    with pytest.raises(Refusal, match=said):
        make_tasks({"molecule": names}, labels, exact, np.arange(3), Wishes(kind))
