"""One store, from published silver to a folder that pyqlib opens."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from gold_export import calendars, names, queries, series, versions
from gold_export.options import STORES, ExportOptions, ExportReport, check, made_from
from gold_export.selection import Selection, selected
from lake.errors import BadData
from lake.files import write_json
from lake.layout import Layout


def export(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    store: str,
    snapshots: Mapping[str, int],
    options: ExportOptions,
) -> ExportReport:
    """Bring a Qlib store to the published silver.

    The new store is built beside the old one and switched in one rename. A crash at any point
    leaves the old one, and the next export removes what was left.

    Args:
        con: has `silver.<dataset>` at the published snapshots; not used when nothing changed.
        layout: the lake.
        store: `stocks_daily`, `stocks_minute` or `options`.
        snapshots: the published snapshot of each of the store's data sets that has one.
        options: what to export.

    Raises:
        UsageError: an unknown store, field or adjustment, or a foreign folder in its place.
        BadData: silver holds no bar that the store could show; the old store stays.
    """
    began = time.perf_counter()
    check(store, snapshots, options)
    if is_current(layout, store, snapshots, options):
        counts = versions.state(layout, store)["counts"]
        return _report(store, counts, began, skipped=True)
    versions.prune(layout, store)
    folder = versions.create(layout, store)
    try:
        counts = _fill(con, folder, store, snapshots, options)
        document = {"made_from": made_from(store, snapshots, options), "counts": counts}
        write_json(folder / versions.STATE, document)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # Outside the try: an interrupt during the switch must not remove what is already the store.
    versions.switch(layout, store, folder)
    versions.prune(layout, store)
    return _report(store, counts, began, skipped=False)


def is_current(
    layout: Layout, store: str, snapshots: Mapping[str, int], options: ExportOptions
) -> bool:
    """Whether the store was made from exactly this. Reads its state file and nothing else."""
    state = versions.state(layout, store)
    return bool(state.get("made_from") == made_from(store, snapshots, options))


def _report(store: str, counts: Mapping[str, int], began: float, *, skipped: bool) -> ExportReport:
    return ExportReport(store=store, **counts, seconds=time.perf_counter() - began, skipped=skipped)


def _fill(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    store: str,
    snapshots: Mapping[str, int],
    options: ExportOptions,
) -> dict[str, int]:
    """Write a whole store into an empty version folder and count what it holds."""
    counts = dict.fromkeys(("instruments", "files", "rows", "bytes", "left_out"), 0)
    selections: list[Selection] = []
    for dataset in (name for name in STORES[store] if name in snapshots):
        with selected(con, dataset, options.symbols, options.limit(store)) as selection:
            if selection is not None:
                columns = queries.fields(con, dataset, options.fields.get(dataset, ()))
                counts["bytes"] += _write_features(con, folder, selection, columns, options)
                counts["files"] += len(selection.tickers) * len(columns)
                counts["rows"] += selection.rows
                counts["left_out"] += selection.left_out
                selections.append(selection)
    if not selections:
        raise BadData(f"{store}: silver has no bar of the universe in any session of XNYS")
    counts["instruments"] = _write_lists(folder, selections)
    return counts


def _write_features(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    selection: Selection,
    columns: list[str],
    options: ExportOptions,
) -> int:
    sql = queries.bars(selection.dataset, columns, options.adjustment, selection.base)
    batches: Iterable[pa.RecordBatch] = con.execute(sql).to_arrow_reader(options.batch_rows)
    if "change" in columns:
        batches = series.changes(batches)
    files = [f"{column.lower()}.{selection.frequency}.bin" for column in columns]
    blocks = series.dense(batches, selection.spans)
    return series.write(folder / "features", blocks, selection.spans.names, files)


def _write_lists(folder: Path, selections: list[Selection]) -> int:
    """Write calendars, instruments and symbols; return the number of instruments.

    Qlib has one list of instruments for all frequencies and cuts minutes at its end, so with
    minutes in the store an end is a moment, not a date (which would mean midnight).
    """
    for selection in selections:
        lines = calendars.stamps(selection.moments, selection.frequency)
        _write_lines(folder / f"calendars/{selection.frequency}.txt", lines)
    minutes = any(selection.frequency == "1min" for selection in selections)
    lives: dict[str, tuple[np.datetime64, np.datetime64]] = {}
    for selection in selections:
        for name, (first, last) in selection.lifetimes().items():
            known_first, known_last = lives.get(name, (first, last))
            lives[name] = (min(first, known_first), max(last, known_last))
    ordered = sorted(lives)
    bounds = np.array([lives[name] for name in ordered])
    stamps = [calendars.stamps(column, "1min" if minutes else "day") for column in bounds.T]
    _write_lines(
        folder / "instruments/all.txt",
        ["\t".join(line) for line in zip(ordered, *stamps, strict=True)],
    )
    tickers = {t: n for s in selections for t, n in zip(s.tickers, s.spans.names, strict=True)}
    text = names.symbols_csv(dict(sorted(tickers.items(), key=lambda pair: pair[1])))
    (folder / "symbols.csv").write_text(text, encoding="utf-8", newline="")
    return len(ordered)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
