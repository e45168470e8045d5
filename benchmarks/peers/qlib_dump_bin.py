"""Qlib's `scripts/dump_bin.py dump_all`, whose file is not in the wheel: the same steps, rewritten.

One CSV file a symbol is read by a pool of 16 processes (its default) for the dates, and again by
another pool for the values: duplicates dropped, reindexed on the union of all dates, one file a
field. Progress bars and logs are left out.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

WORKERS = 16


def dump_all(source: Path, store: Path) -> None:
    """Write the CSV files of a folder as a Qlib store."""
    files = sorted(source.glob("*.csv"))
    dates: set[pd.Timestamp] = set()
    lines = []
    with ProcessPoolExecutor(WORKERS) as pool:
        for file, found in zip(files, pool.map(read_dates, files), strict=True):
            dates |= found
            lines.append(f"{file.stem.upper()}\t{min(found):%Y-%m-%d}\t{max(found):%Y-%m-%d}")
    calendar = sorted(dates)
    for folder, name, text in (
        ("calendars", "day.txt", [f"{day:%Y-%m-%d}" for day in calendar]),
        ("instruments", "all.txt", lines),
    ):
        (store / folder).mkdir(parents=True)
        np.savetxt(store / folder / name, text, fmt="%s", encoding="utf-8")
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(partial(dump_symbol, store=store, calendar=calendar), files))


def read(file: Path) -> pd.DataFrame:
    """One symbol's bars."""
    frame = pd.read_csv(file, low_memory=False)
    frame["date"] = pd.to_datetime(frame["date"])
    return frame.dropna(subset=["date"])


def read_dates(file: Path) -> set[pd.Timestamp]:
    """The dates of one symbol."""
    return set(read(file)["date"])


def dump_symbol(file: Path, store: Path, calendar: list[pd.Timestamp]) -> None:
    """Write one symbol's fields."""
    frame = read(file).drop_duplicates("date")
    days = pd.DataFrame({"date": calendar})
    inside = (days["date"] >= frame["date"].min()) & (days["date"] <= frame["date"].max())
    aligned = frame.set_index("date").reindex(days[inside].set_index("date").index)
    start = calendar.index(aligned.index.min())
    folder = store / "features" / file.stem.lower()
    folder.mkdir(parents=True, exist_ok=True)
    for field in aligned.columns:
        values = np.hstack([start, aligned[field]]).astype("<f")
        values.tofile(str((folder / f"{field.lower()}.day.bin").resolve()))
