"""Stages as Prefect tasks: what is tried again, how long one may take, who may write meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from prefect import get_client, task
from prefect.client.schemas.objects import State
from prefect.concurrency.sync import concurrency
from prefect.runtime import task_run
from prefect.states import Failed

from flows import artifacts
from flows.gate import Gate
from flows.request import Request
from flows.summary import complaints
from ingest.report import IngestReport
from lake.errors import QuantminiError, SourceUnavailable
from lake.layout import Layout

T = TypeVar("T")

# Seconds before each further try, beside the quick ones of the clients themselves.
DELAYS: list[float] = [60, 600]
# Prefect's own limit on who writes. The lake's lock is what protects it; the limit makes runs queue
# where Prefect shows them.
SLOT = "quantmini-lake"


class PartFailed(QuantminiError):
    """Some part failed, the others are done: see what it says of each."""

    def __init__(self, message: str, result: Any) -> None:
        """Carry the result, which Prefect lets only an exception do in a failed state."""
        super().__init__(message)
        self.result = result


@contextmanager
def lake_slot(layout: Layout) -> Iterator[None]:
    """Hold the one place for work that writes; wait for it. A killed holder's place is freed.

    Machines that share a catalog have a place each: their locks keep them apart.
    """
    name = f"{SLOT}-{socket.gethostname()}" if layout.shared else SLOT
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    with concurrency(name, occupy=1):
        yield


class Tasks:
    """The steps of one flow run. Arguments and results stay in this process."""

    def __init__(self, asked: Request) -> None:
        """Take the layout and the time limit from the request."""
        self.layout = asked.layout
        self.timeout = asked.settings.pipeline.stage_timeout_hours * 3600

    def step(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run one stage as a task. It is shown as failed when any part of it failed.

        What may go well by itself is tried again. Bad data and wrong settings are not.
        """
        passes: list[IngestReport] = []

        def stage() -> Any:
            result: Any = function(*arguments)
            if isinstance(result, IngestReport):
                result = passes[-1].after(result) if passes else result
                passes.append(result)
                again = [day.error for day in result.failed if day.retry]
                if again and task_run.run_count <= len(DELAYS):
                    raise SourceUnavailable(f"{len(again)} to be tried again, first: {again[0]}")
            if isinstance(result, Gate) and set(result.verdicts.values()) != {"unchanged"}:
                artifacts.show_nodes(self.layout)
            return ended(result, wrong(result))

        run = task(
            name=name,
            task_run_name=name,
            retries=len(DELAYS),
            retry_delay_seconds=DELAYS,
            retry_condition_fn=worth_retrying,
            timeout_seconds=self.timeout,
            persist_result=False,
        )(stage)
        return value(run(return_state=True))


def worth_retrying(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether a task failed for a reason that may be gone when it is tried again."""
    return isinstance(state.result(raise_on_failure=False), SourceUnavailable)


def wrong(result: Any) -> list[str]:
    """What of a stage's result failed, a line each."""
    if isinstance(result, IngestReport):
        return complaints(result.as_dict())
    if isinstance(result, Gate):
        return complaints({"gate": vars(result)})
    if isinstance(result, dict):
        # What upkeep tells of stores is no failure unless it is named as one.
        return complaints({"failed": result.get("failed", [])})
    return complaints({"gold": result}) if isinstance(result, list) else []


def ended(result: T, failures: list[str]) -> T | State[T]:
    """The result itself, or a failed state that carries it and says why."""
    if not failures:
        return result
    more = f"; and {len(failures) - 1} more" if len(failures) > 1 else ""
    return Failed(message=f"{failures[0]}{more}", data=PartFailed(f"{failures[0]}{more}", result))


def value(state: State[Any]) -> Any:
    """What a state carries, also where a part of it failed.

    Raises:
        Exception: what ended the run.
    """
    result = state.result(raise_on_failure=False)
    if isinstance(result, PartFailed):
        return result.result
    if isinstance(result, BaseException):
        raise result
    return result
