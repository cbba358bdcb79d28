"""The sample of a library: random, and the same whoever draws it."""

import json

import numpy as np
import pytest

from molgnn.screen.pipeline import screen
from molgnn.screen.sample import SIZE, Drawn, Sample, keys


def rows_of(numbers):
    return [
        Drawn(int(key), f"row {n}", float(n)) for n, key in zip(numbers, keys(numbers), strict=True)
    ]


def test_keys_are_splitmix64_and_spread_evenly():
    assert int(keys(np.array([0]))[0]) == 0xE220A8397B1DCDAF  # the first number from seed 0
    found = keys(np.arange(100_000))
    assert len(set(found.tolist())) == 100_000
    counts, _ = np.histogram(found.astype(np.float64) / 2**64, bins=20, range=(0, 1))
    assert np.abs(counts - 5000).max() < 350  # five standard deviations


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_sample_does_not_depend_on_how_the_rows_come(size):
    numbers = np.arange(3000)
    whole = Sample(size=size)
    whole.add(rows_of(numbers))
    parts = Sample(size=size)
    for part in np.array_split(numbers, 29):
        own = Sample(parts.limit, size)
        for few in np.array_split(part, 3):
            own.add(rows_of(few[own.wanted(keys(few))]))
        parts.add(own.rows)
    assert parts.rows == whole.rows
    assert len(whole.rows) == size


def test_each_row_is_as_likely_as_any_other():
    numbers = np.arange(20_000)
    sample = Sample()
    sample.add(rows_of(numbers))
    scores = np.array([row.score for row in sample.rows])
    assert len(scores) == SIZE
    assert abs(scores.mean() - numbers.mean()) < 4 * numbers.std() / SIZE**0.5


def test_page_json_is_the_same_for_all_shards_chunks_and_workers(fake_model, library, tmp_path):
    pages = []
    for number, options in enumerate(({}, {"shard": 5, "chunk": 3}, {"workers": 2, "chunk": 7})):
        screen(fake_model(), library, top=6, out=tmp_path / str(number), **options)
        pages.append((tmp_path / str(number) / "page.json").read_bytes())
    assert pages[0] == pages[1] == pages[2]
    drawn = json.loads(pages[0])["map"]
    assert len(drawn["sample"]) == 40
    assert [rank for rank, *_ in drawn["hits"]] == [1, 2, 3, 4, 5, 6]


def test_a_screen_that_was_stopped_draws_the_same_sample(fake_model, library, tmp_path):
    def stop(done):
        if done >= 20:
            raise KeyboardInterrupt

    options = {"top": 6, "shard": 5, "chunk": 5, "workers": 0}
    with pytest.raises(KeyboardInterrupt):
        screen(fake_model(), library, out=tmp_path / "a", progress=stop, **options)
    done = []
    screen(fake_model(), library, out=tmp_path / "a", begun=done.append, **options)
    assert done[0] > 0
    screen(fake_model(), library, out=tmp_path / "b", **options)
    for name in ("page.json", "report.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
