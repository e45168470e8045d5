"""The text files of a store: calendars, instruments and their named universes, symbols.

`all`: every instrument; `active`: those with a bar on the store's last session.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gold_export import calendars, names
from gold_export.job import Job
from gold_export.selection import Selection

# Qlib's back-test asks for the session after its last one.
FUTURE_SESSIONS = 20


def write(folder: Path, selections: list[Selection], job: Job) -> int:
    """Write them all for one store; return the number of instruments.

    Qlib has one list of instruments for all frequencies and cuts minutes at its end, so with
    minutes in the store an end is a moment, not a date (which would mean midnight).

    Args:
        folder: a version of the store.
        selections: one for each data set in it.
        job: names the further universes.
    """
    lives: dict[str, tuple[np.datetime64, np.datetime64]] = {}
    dollars: dict[str, int] = {}
    for selection in selections:
        moments = write_calendars(folder, selection)
        spans = selection.spans
        bounds = zip(moments[spans.first], moments[spans.last], strict=True)
        for name, (first, last), traded in zip(spans.names, bounds, selection.dollars, strict=True):
            known_first, known_last = lives.get(name, (first, last))
            lives[name] = (min(first, known_first), max(last, known_last))
            # Options trade the same dollars in day and in minute bars, so they are not added.
            dollars[name] = max(traded, dollars.get(name, 0))
    tickers = {t: n for s in selections for t, n in zip(s.tickers, s.spans.names, strict=True)}
    last_session = max(selection.part.dates[-1] for selection in selections)
    minutes = any(selection.frequency == "1min" for selection in selections)
    universes = {
        "all": set(lives),
        "active": {name for name, life in lives.items() if life[1] >= last_session},
        **largest(dollars, job.options.lists),
        **of_types(job, tickers),
    }
    write_instruments(folder, lives, universes, "1min" if minutes else "day")
    text = names.symbols_csv(dict(sorted(tickers.items(), key=lambda pair: pair[1])))
    (folder / "symbols.csv").write_text(text, encoding="utf-8", newline="")
    return len(lives)


def write_calendars(folder: Path, selection: Selection) -> np.ndarray:
    """Write a data set's calendar and its continuation; return its moments, datetime64[s].

    `<frequency>_future.txt` is what Qlib calls the calendar with sessions that are still to come.
    """
    freq = selection.frequency
    moments = calendars.times(selection.part, freq)
    lines = calendars.stamps(moments, freq)
    coming = calendars.following(selection.part, FUTURE_SESSIONS)
    future = calendars.stamps(calendars.times(coming, freq), freq)
    _write_lines(folder / f"calendars/{freq}.txt", lines)
    _write_lines(folder / f"calendars/{freq}_future.txt", lines + future)
    return moments


def largest(dollars: dict[str, int], sizes: Iterable[int]) -> dict[str, set[str]]:
    """`top<N>`: the N instruments with the largest dollar volume."""
    ordered = sorted(dollars, key=lambda name: (-dollars[name], name))
    return {f"top{size}": set(ordered[:size]) for size in sizes}


def of_types(job: Job, tickers: dict[str, str]) -> dict[str, set[str]]:
    """The lists by ticker type, delisted tickers included; none where tickers are not published.

    A ticker that was used again has the type of its latest bearer, so that it is in one list. A
    list of nobody is left out: pyqlib cannot read an empty file.
    """
    if "tickers" not in job.snapshots:
        return {}
    sql = """
        select distinct on (symbol) symbol, type from silver.tickers
        order by symbol, delisted_date desc nulls first, type
    """
    types = dict(job.con.execute(sql).fetchall())
    found = {
        universe: {name for ticker, name in tickers.items() if types.get(ticker) in kinds}
        for universe, kinds in job.options.types.items()
    }
    return {universe: members for universe, members in found.items() if members}


def write_instruments(
    folder: Path,
    lives: dict[str, tuple[np.datetime64, np.datetime64]],
    universes: dict[str, set[str]],
    freq: calendars.Frequency,
) -> None:
    """Write `<universe>.txt` for each of them, and remove what an older version had."""
    ordered = sorted(lives)
    bounds = np.array([lives[name] for name in ordered])
    stamps = [calendars.stamps(column, freq) for column in bounds.T]
    lines = ["\t".join(line) for line in zip(ordered, *stamps, strict=True)]
    for path in (folder / "instruments").iterdir():
        path.unlink()
    for universe, members in universes.items():
        chosen = [line for name, line in zip(ordered, lines, strict=True) if name in members]
        _write_lines(folder / f"instruments/{universe}.txt", chosen)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
