"""Sessions, early closes and New York wall-clock minutes."""

from __future__ import annotations

from datetime import date

import numpy as np

from gold_export import calendars


def test_holidays_have_no_session_and_early_closes_fewer_minutes():
    part = calendars.sessions(date(2024, 7, 1), date(2024, 7, 7))
    assert calendars.stamps(part.dates, "day") == [
        "2024-07-01",
        "2024-07-02",
        "2024-07-03",
        "2024-07-05",
    ]
    assert part.minutes.tolist() == [390, 390, 210, 390]
    assert calendars.offsets(part, "1min").tolist() == [0, 390, 780, 990, 1380]


def test_minutes_are_wall_clock_on_both_sides_of_the_time_change():
    part = calendars.sessions(date(2024, 3, 8), date(2024, 3, 11))
    assert (np.diff(part.opens) / 3.6e9).tolist() == [71.0]
    lines = calendars.stamps(calendars.times(part, "1min"), "1min")
    assert [lines[0], lines[389], lines[390], lines[-1]] == [
        "2024-03-08 09:30:00",
        "2024-03-08 15:59:00",
        "2024-03-11 09:30:00",
        "2024-03-11 15:59:00",
    ]


def test_no_session_on_a_weekend():
    assert calendars.sessions(date(2024, 7, 6), date(2024, 7, 7)).dates.size == 0


def test_a_part_restarts_its_offsets():
    part = calendars.sessions(date(2024, 7, 1), date(2024, 7, 5)).part(2, 4)
    table = calendars.as_table(part, "1min")
    assert table["date"].to_pylist() == [date(2024, 7, 3), date(2024, 7, 5)]
    assert table["slot"].to_pylist() == [0, 210]
