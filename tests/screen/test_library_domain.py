"""Whether most of a library lies where its model knows its way."""

from types import SimpleNamespace

import numpy as np
import pytest

from molgnn.errors import Refusal
from molgnn.screen.library_domain import library_domain
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.pipeline import screen
from molgnn.screen.sample import Drawn
from molgnn.screen.selfcheck import said

RANGE = {"data": {"range": {"size": [1.0, 4.0]}}}


@pytest.fixture
def model(fake_model):
    """model(similar to how many of the sample): it knows chains of up to four carbons."""

    def make(share=1.0):
        made = fake_model()
        made.card, made.rule = RANGE, SimpleNamespace(threshold=0.4)
        made.near = lambda texts: SimpleNamespace(
            similarity=np.where(np.arange(len(texts)) < share * len(texts), 0.4, 0.39)
        )
        return made

    return make


def drawn(scores):
    return [Drawn(i, "C", float(score)) for i, score in enumerate(scores)]


def test_the_shares_are_those_of_the_sample(model):
    facts = library_domain(model(0.7), 0, drawn([0, 1, 2, 3, 4, 5, 2, 2, 2, 2]), True)
    assert (facts["sample"], facts["outside"], facts["beyond"]) == (10, 3, 2)
    assert facts["warning"] is None


def test_more_than_half_outside_is_a_warning_and_half_is_not(model):
    assert library_domain(model(0.5), 0, drawn([1] * 10), True)["warning"] is None
    told = library_domain(model(0.4), 0, drawn([1] * 10), True)["warning"]
    assert "of 10 molecules drawn at random 6 have no training molecule as similar as 0.40" in told
    assert "beyond" not in told
    told = library_domain(model(), 0, drawn([9] * 6 + [1] * 4), True)["warning"]
    assert "6 score beyond all training values (1 to 4)" in told
    assert "similar" not in told


def test_nobody_is_asked_where_there_is_no_rule_or_no_wish(model, fake_model):
    assert library_domain(fake_model(), 0, drawn([1]), True) is None
    assert library_domain(model(), 0, [], True) is None
    assert library_domain(model(0.0), 0, drawn([1]), False)["outside"] is None


def test_it_stands_in_the_manifest_on_stderr_and_on_the_page(fake_model, library, tmp_path):
    made = fake_model()
    made.card = RANGE
    facts = screen(made, library, out=tmp_path / "out").manifest  # 24 of 40 have 5 carbons or more
    warning = facts["library_domain"]["warning"]
    assert facts["library_domain"]["beyond"] == 24
    assert warning in said(facts)
    assert warning.replace("'", "&#x27;") in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "library_domain" not in screen(fake_model(), library, out=tmp_path / "two").manifest
    path = tmp_path / "out" / "manifest.json"
    path.write_text(path.read_text("utf-8").replace('"warning": "', '"warning": 3, "no": "'))
    with pytest.raises(Refusal, match="damaged 'library_domain'"):
        rebuild_report(tmp_path / "out")
