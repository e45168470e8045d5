"""A data set's days as months of weekdays, the way a wall calendar shows them."""

from __future__ import annotations

import calendar
from collections import Counter
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from flows.report.coverage import Day, State

LETTER: dict[State, str] = {"complete": "c", "partial": "p", "missing": "m", "quarantined": "q"}


@dataclass(frozen=True)
class Cell:
    """One weekday: the class that draws it, and what it says. Empty outside the calendar."""

    kind: str = ""
    text: str = ""


@dataclass(frozen=True)
class Month:
    """One month; its cells are weeks of five, from Monday."""

    name: str
    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class Year:
    """The months of a year that have any of the days."""

    year: int
    label: str
    months: list[Month]


def years(days: list[Day]) -> list[Year]:
    """The calendar of some days in order, newest year first."""
    return [
        Year(year, words(found := list(group)), months(year, found, days[0].date, days[-1].date))
        for year, group in groupby(days, lambda day: day.date.year)
    ][::-1]


def months(year: int, days: list[Day], first: date, last: date) -> list[Month]:
    """The months of one year, `first` and `last` being the ends of the whole calendar."""
    result = []
    for month, group in groupby(days, lambda day: day.date.month):
        known = {day.date: day for day in group}
        weeks = calendar.Calendar().monthdatescalendar(year, month)
        inside = [
            [day if day.month == month and first <= day <= last else None for day in week[:5]]
            for week in weeks
        ]
        cells = [
            cell(day, known.get(day)) if day else Cell()
            for week in inside
            if any(week)
            for day in week
        ]
        name = calendar.month_abbr[month]
        result.append(Month(name, f"{name} {year}: {words(list(known.values()))}", cells))
    return result


def cell(day: date, known: Day | None) -> Cell:
    """One weekday inside the calendar; a weekday that is no session is a holiday."""
    if known is None:
        return Cell("h", f"{in_words(day)}: exchange closed")
    text = f"{in_words(day)}: {known.state}, {known.rows:,} rows"
    return Cell(LETTER[known.state], f"{text}; {known.reasons}" if known.reasons else text)


def words(days: list[Day]) -> str:
    """How many sessions are in which state."""
    states = Counter(day.state for day in days)
    counts = [f"{states[state]:,} {state}" for state in LETTER if states[state]]
    return f"{len(days):,} sessions, " + ", ".join(counts)


def in_words(day: date) -> str:
    """Mon 3 Jun 2024."""
    return f"{day:%a} {day.day} {day:%b %Y}"
