"""A backfill as a Prefect flow: a month after the other, with its progress."""

from __future__ import annotations

import time
from datetime import date
from functools import partial
from typing import Any, cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.alerts import watched
from flows.months import run_months
from flows.request import Request
from flows.summary import complaints
from flows.tasks import Tasks, ended, lake_slot
from lake.datasets import pick
from lake.settings import load


@flow(name="backfill", persist_result=False, validate_parameters=True)
def backfill(
    start: date,
    end: date,
    datasets: list[str] | None = None,
    source: str = "s3",
    wait: bool = False,
) -> dict[str, Any] | State[dict[str, Any]]:
    """Everything missing in a range of days, month by month. Run it again to continue."""
    settings = load()
    cluster = settings.pipeline.dask_address
    asked = Request(settings, pick(datasets), source, start, end, "backfill", wait, cluster)
    began = time.monotonic()
    # It is a coroutine only where a loop runs.
    shown = cast("UUID", create_progress_artifact(0.0, key="backfill-progress"))

    def on_month(done: int, total: int, month: str) -> None:
        text = f"{done} of {total} months, last {month}"
        update_progress_artifact(shown, 100 * done / total, description=text)

    turn = partial(lake_slot, asked.layout)
    document = watched(asked, lambda: run_months(asked, Tasks(asked).step, turn, on_month))
    artifacts.show_summary("backfill", document, time.monotonic() - began)
    return ended(document, complaints(document))
