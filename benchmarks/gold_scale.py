"""Gold of the whole market: many sessions of 10,000 symbols, then 100,000 symbols."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.gold_market import STORE, Market, exported, write_same
from benchmarks.measure import cost
from benchmarks.results import Section
from gold_export.options import ExportOptions
from lake.profile import limits


@dataclass(frozen=True)
class Size:
    """A market, and the columns of silver that are exported; all where none are named."""

    symbols: int
    sessions: int
    columns: tuple[str, ...] = ()


FULL = (Size(10_000, 1_260), Size(100_000, 20, ("close", "volume", "vwap")))
QUICK = (Size(100, 60), Size(1_000, 20, ("close", "volume", "vwap")))


def sections(root: Path, quick: bool) -> list[Section]:
    """A row a market."""
    section = Section(
        "Gold, the whole market",
        "A full export, reading and writing the same files again, and one session appended, once "
        "each; DuckDB has the memory that streaming mode gives it.",
        [
            *("symbols by sessions", "files", "seconds", "processor s", "peak MB"),
            *("÷ the same files, clock", "processor", "one session, s", "of the full export"),
        ],
    )
    for number, size in enumerate(QUICK if quick else FULL):
        section.rows.append(measured(root / str(number), size))
    return [section]


def measured(root: Path, size: Size) -> list[str]:
    """One row."""
    lake, out, made = root / "lake", root / "out", root / "snapshots.json"
    cost(partial(prepare, lake, size, made), root / "prepare")
    snapshots = json.loads(made.read_text(encoding="utf-8"))
    fields = {STORE: size.columns} if size.columns else {}
    export = partial(
        exported, memory=limits("streaming").duckdb_memory, options=ExportOptions(fields=fields)
    )
    full = cost(partial(export, lake, snapshots, "history", out), root / "full")
    same = cost(partial(write_same, out), root / "same")
    files = sum(path.is_file() for path in (root / "same").rglob("*"))
    # The first one copies the store, once; each after it only appends.
    cost(partial(export, lake, snapshots, "one session", out), root / "first")
    more = cost(partial(export, lake, snapshots, "one more session", out), root / "more")
    return [
        f"{size.symbols:,} by {size.sessions:,}",
        f"{files:,}",
        f"{full.seconds:.1f}",
        f"{full.processor:.1f}",
        f"{max(full.peak_rss, more.peak_rss) / 1e6:.0f}",
        f"{full.seconds / same.seconds:.2f}",
        f"{full.processor / same.processor:.2f}",
        f"{more.seconds:.1f}",
        f"{more.seconds / full.seconds:.2f}",
    ]


def prepare(lake: Path, size: Size, made: Path, _: Path) -> None:
    """The market; the snapshots by name go into `made`."""
    market = Market(lake, size.symbols, size.sessions)
    made.write_text(json.dumps(market.snapshots), encoding="utf-8")
