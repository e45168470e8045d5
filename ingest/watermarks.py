"""Watermarks: how far bronze reaches, told by bronze itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from ingest.plan import gaps, recorded
from lake.datasets import DATASETS, Dataset
from lake.files import write_json
from lake.layout import Layout


def rebuild(layout: Layout, asset: Literal["stocks", "options"], mode: str) -> dict[str, Any]:
    """Write `metadata/<asset>/watermarks.json` from the provenance in bronze.

    Args:
        layout: the lake.
        asset: which data sets.
        mode: the processing mode of the run that asks.

    Returns:
        For each data set of the asset that has bronze files: last_processed_date, last_updated,
        total_records, processing_mode, and gaps, the sessions inside its range without a file.
    """
    document = {
        dataset.name: mark
        for dataset in DATASETS.values()
        if dataset.asset == asset and (mark := _mark(layout, dataset, mode)) is not None
    }
    write_json(layout.watermarks(asset), document)
    return document


def _mark(layout: Layout, dataset: Dataset, mode: str) -> dict[str, Any] | None:
    days = recorded(layout, dataset)
    if not days:
        return None
    return {
        "last_processed_date": max(days).isoformat(),
        "last_updated": datetime.now(UTC).isoformat(timespec="seconds"),
        "total_records": sum(known.rows_kept for known in days.values() if known),
        "processing_mode": mode,
        "gaps": [day.isoformat() for day in gaps(list(days))],
    }
