"""What the records say: verdicts of the gate, speed of the stages, queries (lake.records)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from flows import past
from lake import records
from lake.layout import Layout

SINCE = timedelta(days=366)
# In the order of the chain.
STAGES = ("reference", "ingest", "transform", "export")
# Runs in a picture, rows in a table.
RUNS, ROWS = 60, 12
SQL_LENGTH = 2_000

Record = dict[str, Any]
# What a record is shown with where it, perhaps of another version, has no such field.
RUN: Record = {
    "command": "",
    "exit": 0,
    "days": 0,
    "rows": 0,
    "quarantined": 0,
    "warnings": 0,
    "seconds": 0,
    "errors": [],
    "gate": {},
}
STAGE: Record = {"run": "", "stage": "", "seconds": 0, "rows": 0, "rows_per_second": 0, "bytes": 0}
QUERY: Record = {"sql": "", "seconds": 0, "rows": None, "cache": ""}


@dataclass(frozen=True)
class Speed:
    """One stage, or its part for a data set or store, over the runs that had rows for it.

    Attributes:
        part: the data set, table or store; empty for the whole stage.
        seconds, rows, rows_per_second, bytes: medians.
        peak_rss_bytes: the highest; None for a part, which shares the process.
    """

    stage: str
    part: str
    runs: int
    seconds: float
    rows: float
    rows_per_second: float
    bytes: float
    peak_rss_bytes: int | None


def runs(layout: Layout) -> list[Record]:
    """The runs of the past year, newest last."""
    return [RUN | record for record in records.read(layout, "runs", SINCE)]


def stages(layout: Layout) -> list[Record]:
    """The stages of the newest runs, oldest first, those that had nothing to do left out."""
    found = (STAGE | record for record in records.read(layout, "stages", SINCE))
    return [record for record in found if record["rows"] and record["stage"] in STAGES]


def part(record: Record) -> str:
    """The data set, table or store that a record of a stage is about; empty for the whole."""
    return str(record.get("dataset") or record.get("table") or record.get("store") or "")


def speeds(found: list[Record]) -> list[Speed]:
    """Medians by stage and part, in the order of the chain."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in found:
        groups[str(record["stage"]), part(record)].append(record)
    result = []
    for (stage, name), rows in groups.items():
        peaks = [row["peak_rss_bytes"] for row in rows if row.get("peak_rss_bytes")]
        values = {
            key: float(median(row[key] for row in rows))
            for key in ("seconds", "rows", "rows_per_second", "bytes")
        }
        result.append(
            Speed(stage, name, len(rows), **values, peak_rss_bytes=max(peaks, default=None))
        )
    return sorted(result, key=lambda one: (STAGES.index(one.stage), one.part))


def slowest_queries(layout: Layout) -> list[Record]:
    """The slowest answers lately, each SQL once."""
    found = [QUERY | record for record in records.read(layout, "queries", past.SINCE)]
    slowest: dict[str, Record] = {}
    for record in sorted(found, key=lambda one: -float(one["seconds"])):
        if "error" not in record:
            slowest.setdefault(str(record["sql"]), record)
    return [record | {"sql": sql[:SQL_LENGTH]} for sql, record in list(slowest.items())[:ROWS]]
