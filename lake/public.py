"""`lake.connect`, `lake.bars` and `lake.chain`: the settings are read here."""

from __future__ import annotations

import contextlib
import os
from functools import cache

from lake.answer import Answer
from lake.files import named
from lake.layout import Layout
from lake.published import Date, Lake, Symbols
from lake.settings import Settings, load

Root = str | os.PathLike[str] | None


def connect(root: Root = None) -> Lake:
    """Open the published lake, read-only; the settings' lake by default.

    Raises:
        NotBuilt: the lake holds no published data set yet.
        UsageError: a setting is wrong.
    """
    settings = load()
    return _open(settings, _named(settings.lake.layout(), root))


def _named(default: Layout, root: Root) -> Layout:
    """The settings' lake, which may be shared; another that is named is in its own folder."""
    place = default.root if root is None else named(root).absolute()
    return default if place == default.root else Layout(place)


def _open(settings: Settings, layout: Layout) -> Lake:
    bounds = settings.limits()
    cache_bytes = int(settings.cache.max_size_gb * 2**30)
    return Lake(layout, bounds.duckdb_memory, bounds.max_workers, cache_bytes)


_opened: dict[Layout, tuple[object, Lake]] = {}


def current(root: Root = None) -> Lake:
    """The newest published state, for `bars` and `chain`; opened again only when it moves on."""
    layout = _named(_default(_variables()), root)
    with contextlib.suppress(FileNotFoundError):
        state = (os.getpid(), _state(layout))
        if _opened.get(layout, (None,))[0] != state:
            _opened[layout] = (state, _open(load(), layout))
        return _opened[layout][1]
    return _open(load(), layout)


def _state(layout: Layout) -> object:
    """What changes when something is published."""
    if layout.shared:
        return layout.shared.published()
    facts = layout.published.stat()
    return facts.st_mtime_ns, facts.st_ino


def _variables() -> tuple[tuple[str, str], ...]:
    items = sorted(os.environ.items())
    return tuple((name, value) for name, value in items if name.startswith("QUANTMINI_LAKE"))


@cache
def _default(_variables: tuple[tuple[str, str], ...]) -> Layout:
    """The settings' lake. To read them takes longer than to read bars."""
    return load().lake.layout()


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
