"""The text files of a store: calendars, instruments and their named universes, symbols."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gold_export import calendars, names
from gold_export.selection import Selection

# Qlib's back-test asks for the session after its last one. Reference data are needed for `cs` and
# `etf`, and further universes come here too.
FUTURE_SESSIONS = 20


def write(folder: Path, selections: list[Selection], sizes: Iterable[int]) -> int:
    """Write them all for one store; return the number of instruments.

    Qlib has one list of instruments for all frequencies and cuts minutes at its end, so with
    minutes in the store an end is a moment, not a date (which would mean midnight).

    Args:
        folder: a version of the store.
        selections: one for each data set in it.
        sizes: for each N, `instruments/top<N>.txt` is written.
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
    write_instruments(folder, lives, dollars, selections, sizes)
    tickers = {t: n for s in selections for t, n in zip(s.tickers, s.spans.names, strict=True)}
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


def write_instruments(
    folder: Path,
    lives: dict[str, tuple[np.datetime64, np.datetime64]],
    dollars: dict[str, int],
    selections: list[Selection],
    sizes: Iterable[int],
) -> None:
    """Write `all.txt`; `active.txt`: a bar on the store's last session; `top<N>.txt`: largest."""
    ordered = sorted(lives)
    bounds = np.array([lives[name] for name in ordered])
    minutes = any(selection.frequency == "1min" for selection in selections)
    stamps = [calendars.stamps(column, "1min" if minutes else "day") for column in bounds.T]
    lines = ["\t".join(line) for line in zip(ordered, *stamps, strict=True)]
    last_session = max(selection.part.dates[-1] for selection in selections)
    largest = sorted(ordered, key=lambda name: (-dollars[name], name))
    universes = {"all": set(ordered)}
    universes["active"] = {name for name in ordered if lives[name][1] >= last_session}
    universes |= {f"top{size}": set(largest[:size]) for size in sizes}
    for universe, members in universes.items():
        chosen = [line for name, line in zip(ordered, lines, strict=True) if name in members]
        _write_lines(folder / f"instruments/{universe}.txt", chosen)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
