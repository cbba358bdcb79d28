"""Fixtures for the tests of the data floor."""

import pytest

_METHANOL = """{title}
     molgnn

  2  1  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.5000    0.0000    0.0000 O   0  0
  1  2  1  0
M  END
"""


@pytest.fixture(scope="session")
def methanol():
    """methanol(title) -> its mol block."""
    return lambda title: _METHANOL.format(title=title)
