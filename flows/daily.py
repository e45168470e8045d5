"""The daily chain as a Prefect flow: the same stages, each a task that Prefect shows."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import artifacts
from flows.alerts import watched
from flows.chain import run_chain
from flows.request import Request
from flows.summary import complaints
from flows.tasks import Tasks, ended, lake_slot
from lake.datasets import pick
from lake.settings import load


@flow(name="daily", persist_result=False, validate_parameters=True)
def daily(
    datasets: list[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    source: str = "s3",
    wait: bool = False,
    command: str = "run",
) -> dict[str, Any] | State[dict[str, Any]]:
    """Everything missing, from flat files to Qlib. Parameters are plain, settings are read here.

    The command is the name of the run in alerts and records: a `demo` has no need to be fresh.
    """
    settings = load()
    cluster = settings.pipeline.dask_address
    asked = Request(settings, pick(datasets), source, start, end, command, wait, cluster)
    began = time.monotonic()

    def work() -> dict[str, Any]:
        with lake_slot(asked.layout):
            return run_chain(asked, Tasks(asked).step)

    document = watched(asked, work)
    artifacts.show_summary("daily", document, time.monotonic() - began)
    return ended(document, complaints(document))
