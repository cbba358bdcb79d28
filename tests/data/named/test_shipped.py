"""The files in data/: complete, valid, and as data/README.md says."""

import hashlib
from importlib.resources import files

from molgnn.chem.graph import featurize
from molgnn.data.library import read_library

SHIPPED = files("molgnn.shipped")


def test_all_approved_drugs_are_molecules_with_names():
    rows = list(read_library(str(SHIPPED / "approved_drugs.smi")))
    graphs, _, reasons = featurize(row.text for row in rows)
    assert (len(rows), len(graphs), reasons) == (2628, 2628, {})
    assert all(row.id and not row.problem for row in rows)
    assert len({row.text for row in rows}) == 2628


def test_the_readme_names_the_files_as_they_are():
    readme = (SHIPPED / "README.md").read_text(encoding="utf-8")
    for name in ("approved_drugs.smi", "solubility.csv"):
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() in readme
