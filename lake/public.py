"""`lake.connect`, `lake.bars` and `lake.chain`: the settings are read here."""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path

from lake.answer import Answer
from lake.layout import Layout
from lake.published import Date, Lake, Symbols
from lake.settings import load

Root = str | os.PathLike[str] | None


def connect(root: Root = None) -> Lake:
    """Open the published lake, read-only; the settings' lake by default.

    Raises:
        NotBuilt: the lake holds no published data set yet.
        UsageError: a setting is wrong.
    """
    settings = load()
    place = settings.lake.root if root is None else Path(root).expanduser().absolute()
    bounds = settings.limits()
    cache_bytes = int(settings.cache.max_size_gb * 2**30)
    return Lake(Layout(place), bounds.duckdb_memory, bounds.max_workers, cache_bytes)


_opened: dict[Path, tuple[object, Lake]] = {}


def current(root: Root = None) -> Lake:
    """The newest published state, for `bars` and `chain`; opened again only when it moves on."""
    place = _default(os.environ.get("QUANTMINI_LAKE")) if root is None else Path(root)
    place = place.expanduser().absolute()
    with contextlib.suppress(FileNotFoundError):
        facts = Layout(place).published.stat()
        state = (os.getpid(), facts.st_mtime_ns, facts.st_ino)
        if _opened.get(place, (None,))[0] != state:
            _opened[place] = (state, connect(place))
        return _opened[place][1]
    return connect(place)


@cache
def _default(_variable: str | None) -> Path:
    """The settings' lake. To read them takes longer than to read bars."""
    return load().lake.root


def bars(
    symbols: Symbols = None,
    start: Date = None,
    end: Date = None,
    *,
    dataset: str | None = None,
    freq: str | None = None,
    adjusted: bool = False,
    root: Root = None,
) -> Answer:
    """`Lake.bars` of the newest published state; `root` names another lake than the settings'."""
    newest = current(root)
    return newest.bars(symbols, start, end, dataset=dataset, freq=freq, adjusted=adjusted)


def chain(underlying: str, date: Date = None, *, root: Root = None) -> Answer:
    """`Lake.chain` of the newest published state; `root` names another lake than the settings'."""
    return current(root).chain(underlying, date)
