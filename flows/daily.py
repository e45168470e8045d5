"""The daily chain as a Prefect flow: the same stages, each a task that Prefect shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

from prefect import flow, task

from flows.chain import Request, run_chain
from lake.datasets import pick
from lake.settings import load

T = TypeVar("T")


def as_task(name: str, function: Callable[..., T], *arguments: Any) -> T:
    """Run one stage as a Prefect task. Its arguments and result stay in this process."""
    run = task(name=name, persist_result=False)(function)
    return run(*arguments)


@flow(name="daily", persist_result=False, validate_parameters=True)
def daily(
    datasets: list[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    source: str = "s3",
    command: str = "run",
) -> dict[str, Any]:
    """Everything missing, from flat files to Qlib. Parameters are plain, settings are read here."""
    return run_chain(Request(load(), pick(datasets), source, start, end, command), as_task)
