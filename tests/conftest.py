"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

# Small tensors: a second thread costs more than it gives, above all on a machine that is busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def molgnn_data() -> Path:
    """The folder of real data that MOLGNN_DATA names; the test is skipped where there is none."""
    folder = os.environ.get("MOLGNN_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs real data: MOLGNN_DATA names no folder")
    return Path(folder)


@pytest.fixture
def library(tmp_path):
    """40 chains of 1 to 10 carbons, then bad rows of several kinds, and blank lines."""
    lines = [f"{'C' * (1 + i * 7 % 10)} m{i}" for i in range(40)]
    lines[5:5] = ["", "c1ccccx bad", "   ", "CN(C)(C)(C)C five-bonds"]
    path = tmp_path / "lib.smi"
    path.write_text("\n".join(lines) + "\n")
    return path
