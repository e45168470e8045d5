"""Watermarks: how far bronze reaches, told by bronze itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingest.plan import Days, gaps, recorded
from lake.datasets import DATASETS, Dataset
from lake.files import read_derived, write_json
from lake.layout import Layout


def update(layout: Layout, bronze: dict[Dataset, Days], mode: str) -> None:
    """Bring `metadata/<asset>/watermarks.json` up to bronze, by comparing.

    It holds for each data set of the asset that has bronze files: last_processed_date,
    last_updated, total_records, processing_mode, and gaps, the sessions inside its range without a
    file. What a killed run left behind is brought up as well.

    Args:
        layout: the lake.
        bronze: what `recorded` gives of the data sets that the run was about; of others only one
            that no watermark names is looked at.
        mode: the processing mode of the run.
    """
    for asset in {dataset.asset for dataset in bronze}:
        path = layout.watermarks(asset)
        told = read_derived(path)
        marks = {}
        for name, dataset in DATASETS.items():
            if dataset.asset != asset:
                continue
            if dataset in bronze or name not in told:
                days = bronze[dataset] if dataset in bronze else recorded(layout, dataset)
                marks[name] = _mark(days, mode, told.get(name, {}))
            else:
                marks[name] = told[name]
        marks = {name: mark for name, mark in marks.items() if mark}
        if marks != told or not path.exists():
            write_json(path, marks)


def _mark(days: Days, mode: str, told: dict[str, Any]) -> dict[str, Any]:
    """The watermark of these days; the one that was told before, if bronze is as it was."""
    if not days:
        return {}
    facts = {
        "last_processed_date": max(days).isoformat(),
        "total_records": sum(known.rows_kept for known in days.values() if known),
        "gaps": [day.isoformat() for day in gaps(list(days))],
    }
    if facts.items() <= told.items():
        return told
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return facts | {"last_updated": now, "processing_mode": mode}
