"""What the records say: verdicts of the gate, speed of the stages, queries (lake.records)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from statistics import median, quantiles
from typing import Any

from lake import records
from lake.layout import Layout

SINCE = timedelta(days=366)
# Runs in a picture, rows in a table.
RUNS, ROWS = 60, 12
SQL_LENGTH = 2_000

Record = dict[str, Any]


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


@dataclass(frozen=True)
class Queries:
    """The queries asked, in seconds."""

    count: int
    hits: int
    median: float
    p95: float
    slowest: list[Record]


def runs(layout: Layout) -> list[Record]:
    """The runs of the past year, newest last."""
    return list(records.read(layout, "runs", SINCE))


def stages(layout: Layout) -> list[Record]:
    """The stages of the newest runs, oldest first, those that had nothing to do left out."""
    return [record for record in records.read(layout, "stages", SINCE) if record.get("rows")]


def part(record: Record) -> str:
    """The data set, table or store that a record of a stage is about; empty for the whole."""
    return str(record.get("dataset") or record.get("table") or record.get("store") or "")


def speeds(found: list[Record]) -> list[Speed]:
    """Medians by stage and part, in the order of the chain."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in found:
        groups[str(record["stage"]), part(record)].append(record)
    order = ("reference", "ingest", "transform", "export")
    result = []
    for (stage, name), rows in groups.items():
        peaks = [row["peak_rss_bytes"] for row in rows if row.get("peak_rss_bytes")]
        values = {
            key: float(median(row.get(key) or 0 for row in rows))
            for key in ("seconds", "rows", "rows_per_second", "bytes")
        }
        result.append(Speed(stage, name, len(rows), **values, peak_rss_bytes=max(peaks, default=None)))
    place = {stage: index for index, stage in enumerate(order)}
    return sorted(result, key=lambda one: (place.get(one.stage, len(place)), one.stage, one.part))


def queries(layout: Layout) -> Queries | None:
    """How fast the lake answered, and its slowest answers, each SQL once."""
    found = list(records.read(layout, "queries", SINCE))
    if not found:
        return None
    seconds = [float(record["seconds"]) for record in found]
    slowest: dict[str, Record] = {}
    for record in sorted(found, key=lambda one: -float(one["seconds"])):
        slowest.setdefault(str(record["sql"]), record)
    rows = [record | {"sql": sql[:SQL_LENGTH]} for sql, record in list(slowest.items())[:ROWS]]
    hits = sum(record.get("cache") == "hit" for record in found)
    p95 = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
    return Queries(len(found), hits, median(seconds), p95, rows)
