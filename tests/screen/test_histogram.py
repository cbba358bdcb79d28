import json

import numpy as np
import pytest

from molgnn.screen.histogram import MAX_BINS, Histogram
from molgnn.screen.page.chart import coarse, histogram_svg, ticks


def filled(scores, pieces=1):
    histogram = Histogram()
    for piece in np.array_split(np.asarray(scores, dtype=float), pieces):
        histogram.add(piece)
    return histogram.summary()


def samples():
    rng = np.random.default_rng(0)
    yield "normal", rng.normal(size=5000)
    yield "far from zero", 1e6 + rng.random(3000)
    yield "probabilities", rng.random(3000)
    yield "growing range", np.geomspace(1e-9, 1e12, 2000)
    yield "both signs, huge", rng.normal(size=500) * 1e37
    yield "tiny", rng.normal(size=500) * 1e-200
    yield "constant", np.full(100, 0.25)
    yield "zeros", np.zeros(10)


@pytest.mark.parametrize("scores", [pytest.param(s, id=name) for name, s in samples()])
def test_counts_are_exact_and_bins_are_few(scores):
    histogram = filled(scores, 7)["histogram"]
    low, width, counts = (histogram[k] for k in ("first_edge", "bin_width", "counts"))
    assert len(counts) <= MAX_BINS
    assert sum(counts) == len(scores)
    places = np.floor(scores / width).astype(int) - round(low / width)
    assert np.bincount(places, minlength=len(counts)).tolist() == counts


@pytest.mark.parametrize("scores", [pytest.param(s, id=name) for name, s in samples()])
def test_order_and_chunks_do_not_change_the_histogram(scores):
    shuffled = np.random.default_rng(1).permutation(scores)
    assert filled(scores, 1)["histogram"] == filled(shuffled, 50)["histogram"]


def test_the_summary_is_that_of_all_scores():
    scores = np.random.default_rng(2).normal(3, 2, size=4000)
    summary = filled(scores, 13)
    assert summary["count"] == 4000
    assert (summary["min"], summary["max"]) == (scores.min(), scores.max())
    assert summary["mean"] == pytest.approx(scores.mean(), rel=1e-12)
    assert summary["std"] == pytest.approx(scores.std(), rel=1e-12)


def test_nothing_scored_has_a_summary_without_figures():
    assert filled([])["count"] == 0


def test_a_chart_shows_every_molecule_in_few_bars():
    histogram = filled(np.random.default_rng(3).normal(size=2000))["histogram"]
    edge, width, counts = coarse(histogram)
    assert 20 <= len(counts) <= 64
    assert sum(counts) == 2000
    assert edge <= histogram["first_edge"]
    assert (edge / width).is_integer()


def test_a_chart_says_in_words_what_it_shows():
    histogram = filled(np.linspace(-1, 1, 200))["histogram"]
    svg = histogram_svg(histogram, 'a<b & "c"', 0.5, minimize=False)
    assert 'role="img" aria-label="Histogram of a&lt;b &amp; &quot;c&quot; over 200' in svg
    assert "hits are at 0.5 or more" in svg
    assert 'class="cut"' in svg
    assert 'class="cut"' not in histogram_svg(histogram, "y", None, minimize=False)


def test_ticks_are_round_numbers_within_the_range():
    assert ticks(0.03, 1.02) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(-3e5, 3e5, 4) == pytest.approx([-2e5, 0, 2e5])
    assert ticks(2, 2) == [2]


@pytest.mark.parametrize("scores", [pytest.param(s, id=name) for name, s in samples()])
def test_merged_histograms_are_that_of_all_scores(scores):
    merged = Histogram()
    for piece in np.array_split(scores, 7):
        part = Histogram()
        part.add(piece)
        merged.merge(part)
    one, two = merged.summary(), filled(scores)
    assert one.pop("histogram") == two.pop("histogram")
    assert one == pytest.approx(two, rel=1e-9)


@pytest.mark.parametrize("scores", [pytest.param(s, id=name) for name, s in samples()])
def test_a_state_comes_back_from_json_to_the_bit(scores):
    histogram = Histogram()
    for piece in (scores, np.empty(0)):
        histogram.add(piece)
        state = json.dumps(histogram.state())
        back = Histogram.of_state(json.loads(state))
        assert back.summary() == histogram.summary()
        assert json.dumps(back.state()) == state
    empty = Histogram.of_state(json.loads(json.dumps(Histogram().state())))
    empty.merge(histogram)
    assert empty.summary()["histogram"] == histogram.summary()["histogram"]
    assert (empty.min, empty.max) == (scores.min(), scores.max())
