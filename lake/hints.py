"""What to tell somebody whose question has no rows: names that are close, dates that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import duckdb

from lake.calendar import sessions
from lake.errors import UsageError

Ask = Callable[..., list[tuple[Any, ...]]]

CLOSEST = """
    SELECT name FROM (SELECT DISTINCT {column} AS name FROM {table})
    WHERE lower(name) = lower($name)
        OR damerau_levenshtein(lower(name), lower($name)) <= greatest(1, length($name) // 3)
    ORDER BY lower(name) <> lower($name),
        damerau_levenshtein(lower(name), lower($name)), name
    LIMIT 3
"""


def asking(connection: duckdb.DuckDBPyConnection) -> Ask:
    """A function that runs SQL with its keyword arguments bound."""

    def ask(sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return connection.execute(sql, values or None).fetchall()

    return ask


def explain_bars(
    ask: Ask,
    names: tuple[str, str],
    table: str,
    key: str,
    wanted: frozenset[str],
    missing: frozenset[str],
    dates: tuple[date | None, date | None],
) -> None:
    """Say why instruments are not in an answer; nothing where they just did not trade.

    Args:
        ask: runs SQL on the lake.
        names: where to look for close names: a table and its column.
        table: where the bars should be, with its schema.
        key: its instrument column.
        wanted: all that was asked for; empty for everything.
        missing: what is not in the answer.
        dates: first and last, where given.

    Raises:
        UsageError: a name is unknown, or there are no bars on these dates.
    """
    spans = f"""
        SELECT {key}, min(date), max(date) FROM {table}
        WHERE {key} IN (SELECT unnest($names::varchar[])) GROUP BY 1
    """
    label = table.partition(".")[2]
    known = {name: span for name, *span in ask(spans, names=sorted(missing))}
    unknown(ask, *names, missing - set(known), label)
    if missing != wanted:
        return
    [ends] = ask(f"SELECT min(date), max(date) FROM {table}")
    outside(label, ends, dates)
    for name in sorted(known):
        outside(name, known[name], dates)


def unknown(ask: Ask, table: str, column: str, names: Iterable[str], where: str) -> None:
    """Raise a UsageError for names that do not exist, with those that are close to them."""
    words = []
    for name in sorted(names)[:5]:
        close = [found for (found,) in ask(CLOSEST.format(column=column, table=table), name=name)]
        same = [found for found in close if found.lower() == name.lower()]
        if same:
            words.append(f"{name!r}: capitals count, there is {' or '.join(same)}")
        else:
            meant = f", did you mean {' or '.join(close)}?" if close else ""
            words.append(f"{name!r}{meant}")
    if words:
        raise UsageError(f"not in {where}: {'; '.join(words)}")


def outside(what: str, ends: Sequence[date | None], dates: Sequence[date | None]) -> None:
    """Raise a UsageError where dates lie outside of what there is, or hold no session."""
    (first, last), (start, end) = ends, dates
    if first is None or last is None:
        raise UsageError(f"{what} is empty")
    if (start and start > last) or (end and end < first):
        raise UsageError(f"{what} has {first} to {last}, nothing {_span(start, end)}")
    if start and end:
        closed(start, end)


def closed(start: date, end: date) -> None:
    """Raise a UsageError where the exchange has no session from one date to the other."""
    days = sessions()["date"].to_pylist()
    if any(start <= day <= end for day in days):
        return
    what = f"{start} is" if start == end else f"{start} to {end} holds"
    near = nearest(days, start)
    raise UsageError(f"{what} no session of the exchange; the nearest are {near}")


def nearest(days: list[date], day: date) -> str:
    """The dates on both sides of one, as words."""
    before = max((d for d in days if d < day), default=None)
    after = min((d for d in days if d > day), default=None)
    return " and ".join(str(d) for d in (before, after) if d)


def _span(start: date | None, end: date | None) -> str:
    if start and end:
        return f"on {start}" if start == end else f"from {start} to {end}"
    return f"from {start} on" if start else f"up to {end}"


def explain_chain(ask: Ask, names: tuple[str, str], underlying: str, day: date) -> None:
    """Say why a chain is empty.

    Raises:
        UsageError: always.
    """
    sql = "SELECT DISTINCT date FROM archive.options_daily WHERE underlying = $name ORDER BY 1"
    days = [found for (found,) in ask(sql, name=underlying)]
    if not days:
        unknown(ask, *names, [underlying], "options_daily")
    outside(f"{underlying} in options_daily", (days[0], days[-1]), (day, day))
    raise UsageError(
        f"no contract of {underlying} traded on {day}; the nearest are {nearest(days, day)}"
    )
