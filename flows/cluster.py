"""A Dask cluster that helps a run: days and ranges of instruments as Prefect tasks on its workers.

docs/scaling.md says what the workers need; `flows.workers` has what they are asked to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import copy_context
from itertools import islice
from typing import Any, TypeVar

from lake.errors import SourceUnavailable, UsageError

T = TypeVar("T")

# A piece of work: how Prefect shows it, and its arguments. They go over the network: no secrets.
Piece = tuple[str, dict[str, Any]]

# Seconds in which scheduler and first worker have to answer, and in which those under way may end
# when the run does.
ANSWER, END = 30, 60
# Pieces given away for each thread of the workers: one under way and the next.
AHEAD = 2


def results(
    address: str, function: Callable[..., T], pieces: Iterable[Piece]
) -> Generator[T, None, None]:
    """Have a function called on the workers for each piece; its results as they come.

    A piece whose worker dies is done again by another one. When the caller stops, pieces not given
    away are dropped, and those under way are waited for: nothing writes without the lake's lock.

    Args:
        address: of the scheduler.
        function: one at the top of a module, which the workers import.
        pieces: what to call it with.

    Raises:
        UsageError: the extra is not installed, or there is no Prefect server for all to report to.
        SourceUnavailable: there is no such cluster, it has no worker, or it was lost.
        Exception: what the function raised.
    """
    with _connected(address) as runner:
        # Imported here and not above: only a run with a cluster has it.
        from distributed import as_completed

        from flows.tasks import value

        waiting, done = iter(pieces), as_completed(loop=runner.client.loop)
        given: dict[str, Any] = {}

        def give() -> None:
            with _losing(address):
                threads = max(1, sum(runner.client.nthreads().values()))
                for name, arguments in islice(waiting, max(0, AHEAD * threads - len(given))):
                    future = _submitted(runner, function, name, arguments)
                    given[future.wrapped_future.key] = future
                    done.add(future.wrapped_future)

        try:
            give()
            for ended in done:
                future = given.pop(ended.key)
                with _losing(address):
                    # Dask's own trouble, such as a task whose workers all died; what the function
                    # raised is in the state that a task run ends with.
                    state = ended.result()
                yield value(state)
                give()
        finally:
            until = time.monotonic() + END
            for future in given.values():
                future.wait(timeout=max(0, until - time.monotonic()))


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Prefect's task runner on the cluster, once a worker is there."""
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        raise UsageError(
            "pipeline.dask_address needs a Prefect server that the workers reach: `prefect server "
            "start --host 0.0.0.0`, then set PREFECT_API_URL=http://this-machine:4200/api"
        )
    try:
        from prefect_dask import DaskTaskRunner
    except ImportError:
        raise UsageError("pipeline.dask_address needs `uv sync --extra dask`") from None
    with DaskTaskRunner(address=address, client_kwargs={"timeout": ANSWER}) as runner:
        try:
            runner.client.wait_for_workers(1, timeout=ANSWER)
        except OSError as error:  # A TimeoutError is one.
            raise SourceUnavailable(
                f"Dask at {address} has no scheduler or no worker that answers ({error}); start "
                f"`dask scheduler` and `dask worker {address}`, or unset pipeline.dask_address"
            ) from None
        yield runner


def _submitted(runner: Any, function: Callable[..., Any], name: str, arguments: Any) -> Any:
    """Give a piece away as a task of the flow run.

    Prefect sends the context along, of which the stage's own task must not be a part: it holds the
    settings with their secrets.
    """
    from prefect import task
    from prefect.context import TaskRunContext

    work = task(name=function.__name__, task_run_name=name, persist_result=False)(function)
    context = copy_context()
    context.run(TaskRunContext.__var__.set, None)  # type: ignore[arg-type]
    return context.run(runner.submit, work, arguments)


@contextmanager
def _losing(address: str) -> Iterator[None]:
    """Turn what Dask raises when it cannot go on into an error by remedy."""
    from distributed import KilledWorker
    from distributed.scheduler import NoValidWorkerError, NoWorkerError

    try:
        yield
    except (OSError, CancelledError, KilledWorker, NoValidWorkerError, NoWorkerError) as error:
        raise SourceUnavailable(
            f"Dask at {address} was lost or gave up on a task ({type(error).__name__}: {error}); "
            "see to its scheduler and workers, then run again"
        ) from None
