"""Molecules for the tests of the chemistry floor."""

from pathlib import Path

import pytest

_SHIPPED = Path(__file__).parents[2] / "data" / "approved_drugs.smi"


@pytest.fixture(scope="session")
def drugs() -> list[str]:
    """SMILES of the 2,628 approved drugs that ship with molgnn."""
    return [line.split("\t")[0] for line in _SHIPPED.read_text().splitlines()]


@pytest.fixture(scope="session")
def stereo_drugs(drugs) -> list[str]:
    """200 of the drugs that have stereocentres or stereo bonds, spread over the file."""
    marked = [text for text in drugs if set(text) & set("@/\\")]
    return marked[:: len(marked) // 200][:200]
