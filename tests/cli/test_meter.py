"""Rate and time left, by a clock that the test turns."""

from types import SimpleNamespace

import pytest

from molgnn.cli.meter import Meter, duration


@pytest.fixture
def world():
    return SimpleNamespace(now=0.0, share=0.0, shown=[])


def meter(world, every=0.0):
    show = lambda meter: world.shown.append(meter.text())  # noqa: E731
    return Meter(show, lambda: world.share, every, lambda: world.now)


def test_rate_and_time_left_are_those_of_the_work_since_the_first_call(world):
    count = meter(world)
    for world.now, done, world.share in ((5.0, 100, 0.1), (7.0, 300, 0.3), (9.0, 500, 0.5)):
        count(done)
    assert world.shown == ["100 rows", "300 rows, 100/s, 7 s left", "500 rows, 100/s, 5 s left"]


def test_rows_of_an_earlier_run_have_no_part_in_the_rate(world):
    count = meter(world)
    count.begun(10_000)
    count(10_000)
    world.now, world.share = 60.0, 0.8  # the time in which they were read again
    count(10_050)
    world.now, world.share = 61.0, 0.9
    count(10_100)
    assert world.shown[-1] == "10,100 rows, 50/s, 1 s left"


def test_where_nobody_knows_the_whole_there_is_no_time_left(world):
    count = meter(world)
    world.share = None
    for world.now, done in ((1.0, 10), (2.0, 20)):
        count(done)
    assert world.shown[-1] == "20 rows, 10/s"


def test_it_is_shown_at_most_so_often_and_not_in_the_first_seconds(world):
    count = meter(world, every=30)
    for second in range(1, 100):
        world.now = second
        count(second)
    assert [text.split(",")[0] for text in world.shown] == ["30 rows", "60 rows", "90 rows"]


@pytest.mark.parametrize(
    "seconds, text", [(4.4, "4 s"), (99, "99 s"), (420, "7 min"), (12000, "3 h 20 min")]
)
def test_durations_are_said_as_people_say_them(seconds, text):
    assert duration(seconds) == text
