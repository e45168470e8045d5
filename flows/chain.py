"""The daily chain as one plain function: profile, ingest, dbt, gate, gold; and each stage alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flows.exporting import export_stage, verify_stage
from flows.gate import Gate
from flows.ingesting import ingest_stage
from flows.progress import call
from flows.recording import Step, recorded
from flows.request import Request
from flows.transform import transform_stage
from lake import catalog
from lake.lock import writing


def run_chain(request: Request, step: Step = call) -> dict[str, Any]:
    """Everything missing, from flat files to Qlib; one data set's failure does not stop another.

    Returns:
        `ingested`, `skipped`, `failed`, `gate`, `published` and `gold`.
    """
    layout = request.layout
    with (
        recorded(request.settings, request.command, request.datasets, request.source) as recording,
        writing(layout, request.datasets, wait=request.wait),
    ):
        measured = recording.measured(step)
        bounds = step("profile", request.settings.limits)
        report = measured("ingest", ingest_stage, request, bounds)
        gate, gold = Gate({}), []
        if "silver" not in request.switched_off:
            gate = measured("transform", transform_stage, request, bounds)
        if "gold" not in request.switched_off:
            gold = measured("export", export_stage, request, bounds)
        return recording.outcome(
            {
                **report.as_dict(),
                "switched_off": request.switched_off,
                "gate": asdict(gate),
                "published": catalog.published(layout),
                "gold": gold,
            }
        )


def ingest_only(request: Request) -> dict[str, Any]:
    """Flat files to bronze, and no further."""
    with (
        recorded(request.settings, "ingest", request.datasets, request.source) as recording,
        writing(request.layout),
    ):
        bounds = request.settings.limits()
        report = recording.measured(call)("ingest", ingest_stage, request, bounds)
        return recording.outcome(report.as_dict())


def transform_only(request: Request) -> dict[str, Any]:
    """Bronze to published silver."""
    with (
        recorded(request.settings, "transform", request.datasets) as recording,
        writing(request.layout, request.datasets),
    ):
        bounds = request.settings.limits()
        gate = recording.measured(call)("transform", transform_stage, request, bounds)
        published = catalog.published(request.layout)
        return recording.outcome({"gate": asdict(gate), "published": published})


def export_only(request: Request, verified: bool = False) -> dict[str, Any]:
    """Published silver to gold; on demand each store is then compared with silver by pyqlib."""
    with (
        recorded(request.settings, "export", request.datasets) as recording,
        writing(request.layout),
    ):
        bounds = request.settings.limits()
        gold = recording.measured(call)("export", export_stage, request, bounds)
        if verified:
            verify_stage(request, bounds, gold)
        return recording.outcome({"gold": gold})
