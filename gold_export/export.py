"""One store, from published silver to a folder that pyqlib opens."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from gold_export import versions
from gold_export.build import build
from gold_export.job import Job, check, made_from, start
from gold_export.options import ExportOptions, ExportReport
from gold_export.ranges import Spread
from gold_export.selection import registered
from gold_export.update import update
from lake.layout import Layout


def export(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    store: str,
    snapshots: Mapping[str, int],
    options: ExportOptions,
    runs: Mapping[str, str] | None = None,
    spread: Spread | None = None,
) -> ExportReport:
    """Bring a Qlib store to the published silver.

    A second version is brought up to date, from the change feed of the lake where that leads from
    one to the other, else whole, and the store is switched to it in one rename. The bytes are the
    same either way. A crash at any point leaves the old store, and the next export removes what
    was left.

    Args:
        con: has `silver.<table>` at the published snapshots; not used when nothing changed.
        layout: the lake.
        store: `stocks_daily`, `stocks_minute` or `options`.
        snapshots: the published snapshot of each table of `job.inputs` that has one.
        options: what to export.
        runs: what published each of them: a rebuilt catalog counts its snapshots from 1 again.
        spread: has series that are written whole written by other processes; here by default.

    Raises:
        UsageError: an unknown store, field or adjustment, or a foreign folder in its place.
        BadData: silver holds no bar that the store could show; the old store stays.
    """
    began = time.perf_counter()
    check(store, snapshots, options)
    if is_current(layout, store, snapshots, options, runs):
        state = versions.read_state(versions.current(layout, store))
        return _report(state, began, skipped=True, incremental=False)
    versions.discard_unfinished(layout, store)
    job = start(con, layout, store, snapshots, runs or {}, options, spread)
    with registered(con, gold_factors=job.factors):
        updated = update(job)
        folder, state = updated or _whole(job)
    versions.switch(layout, store, folder)
    return _report(state, began, skipped=False, incremental=updated is not None)


def _whole(job: Job) -> tuple[Path, dict[str, Any]]:
    """A new version from all of silver."""
    folder = versions.create(job.layout, job.store)
    try:
        return folder, build(job, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def is_current(
    layout: Layout,
    store: str,
    snapshots: Mapping[str, int],
    options: ExportOptions,
    runs: Mapping[str, str] | None = None,
) -> bool:
    """Whether the store was made from exactly this. Reads its state file and nothing else."""
    state = versions.read_state(versions.current(layout, store))
    return bool(state.get("made_from") == made_from(store, snapshots, runs or {}, options))


def _report(
    state: Mapping[str, Any], began: float, *, skipped: bool, incremental: bool
) -> ExportReport:
    return ExportReport(
        store=state["made_from"]["store"],
        **state["counts"],
        seconds=time.perf_counter() - began,
        skipped=skipped,
        incremental=incremental,
        adjusted=state["adjusted"],
    )
