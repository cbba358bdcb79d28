"""The parts of the page that appear where the manifest has them, and not else."""

import json
import re

import pytest

from molgnn.errors import Refusal
from molgnn.screen.hits import read_hits
from molgnn.screen.page.report import rebuild_report
from molgnn.screen.page.steps import funnel_section, funnel_svg
from molgnn.screen.pipeline import screen

STEP = {"title": "x", "before": 2, "after": 1}


def text_of(folder):
    page = rebuild_report(folder).read_text(encoding="utf-8")
    page = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", page)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def change(path, **facts):
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(found | facts), encoding="utf-8")


def test_a_card_shows_interval_flags_alerts_cluster_and_properties(folder):
    text = text_of(folder)
    score = float(read_hits(folder / "hits.csv")[1][1])
    low, high = (f"{value:#.4g}" for value in (score - 1.5, score + 1.5))
    assert f"interval at 90 %: {low} to {high}" in text
    assert text.count("outside the domain") == 3
    assert text.count("alerts: PAINS: &lt;b&gt;quinone&lt;/b&gt;") == 3
    assert text.count("no alerts") == 9
    assert text.count("cluster 1") == 4
    assert "log P (Crippen) 1.500" in text
    assert "full colour: ±0.75 atoms" in text


def test_a_prediction_set_stands_where_the_interval_would(folder):
    hits = folder / "hits.csv"
    header, _, rest = hits.read_text(encoding="utf-8").partition("\n")
    hits.write_text(header.replace("size_low", "size_set") + "\n" + rest, encoding="utf-8")
    change(folder / "manifest.json", doubt={"level": 0.8, "columns": ["size_set", "size_high"]})
    assert "classes at 80 %: 16.5" in text_of(folder)


def test_the_funnel_is_a_picture_with_every_count(folder):
    facts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    picture = funnel_section(facts)
    for said in ("Rows of the library", "Best &lt;scores&gt;", "Structural alerts", "12 (−2)"):
        assert said in picture
    assert picture.count("<rect") == 2 * 4
    assert "&lt;b&gt;azide&lt;/b&gt;: 2" in picture
    assert "Structural alerts: 12 (−2)" in re.search('aria-label="([^"]*)"', picture)[1]
    assert funnel_section({"counts": {}}) == funnel_section({"funnel": None}) == ""


def test_with_a_funnel_the_cut_is_that_of_the_pool(folder):
    change(folder / "manifest.json", cut=3.0)
    text = text_of(folder)
    assert "12 molecules chosen from 12 by size and a funnel" in text
    assert "The pool is coloured: score ≥ 3 atoms." in text
    assert "last candidate" in text
    assert "last hit" not in text


def test_bars_of_the_funnel_grow_with_the_logarithm_and_never_vanish():
    picture = funnel_svg([("a", 10**8, 10**8), ("b", 10**8, 10**4), ("c", 10**4, 1), ("d", 1, 0)])
    widths = [float(width) for width in re.findall(r'width="([\d.]+)"', picture)]
    after = widths[1::2]
    assert after[0] == max(widths)
    assert after[1] == pytest.approx(after[0] / 2, rel=0.01)
    assert 0 < after[2] < after[1]
    assert after[3] == 0


def test_without_them_the_page_says_nothing_of_them(fake_model, library, tmp_path):
    screen(fake_model(), library, out=tmp_path / "out")
    text = text_of(tmp_path / "out")
    for word in ("funnel", "alerts", "luster", "interval", "domain", "Orange"):
        assert word not in text
    assert "Structures without colours: the model has no network" in text


@pytest.mark.parametrize(
    "key, value",
    [
        ("doubt", {"level": 90, "columns": []}),
        ("doubt", {"level": 0.9}),
        ("doubt", []),
        ("funnel", {"steps": [{"before": 1}], "columns": {}}),
        ("funnel", {"steps": [], "columns": ["a"]}),
        ("funnel", {"steps": [{"before": -1, "after": 0, "title": "x"}], "columns": {}}),
        ("funnel", {"steps": [STEP | {"dropped_by_reason": {"x": "y"}}], "columns": {}}),
        ("funnel", 5),
    ],
)
def test_damaged_facts_are_refused_by_name(folder, key, value):
    change(folder / "manifest.json", **{key: value})
    with pytest.raises(Refusal, match=f"not the manifest of a screen .damaged '{key}'"):
        rebuild_report(folder)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"why": {"hits": [{}]}}',
        '{"why": {"hits": [{"rank": 1, "smiles": "C", "largest": 1, "atoms": ["x"]}]}}',
        '{"map": {"hits": [[1, 2]], "sample": []}}',
        '{"map": 5}',
        '{"card": 5}',
        '{"why": {"unit": "x", "hits": [[]]}}',
    ],
)
def test_a_damaged_page_json_is_refused_by_name(folder, text):
    (folder / "page.json").write_text(text)
    with pytest.raises(Refusal, match=r"page\.json: not what a screen wrote for its page"):
        rebuild_report(folder)


def test_a_row_that_was_written_by_hand_has_no_colours_of_another(folder):
    header, *rows = (folder / "hits.csv").read_text(encoding="utf-8").splitlines()
    swapped = "\n".join([header, *rows]).replace("Cn1cnc2c1c(=O)n(C)c(=O)n2C", "<b>no</b>")
    assert text_of(folder).count("full colour") == 12
    (folder / "hits.csv").write_text(swapped + "\n", encoding="utf-8")
    text = text_of(folder)
    assert text.count("full colour") == 11
    assert "no structure" in text
    assert "&lt;b&gt;no&lt;/b&gt;" in text
