"""Where a run runs: here, or as a Prefect flow where a server is configured or one insists."""

from __future__ import annotations

import logging
import os
import tomllib
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from flows.alerts import watched
from flows.chain import run_chain
from flows.months import run_months
from flows.request import Request
from lake.errors import SourceUnavailable

log = logging.getLogger(__name__)


def started(asked: Request, prefect: bool) -> dict[str, Any]:
    """Do what was asked; the lake's work does not depend on Prefect unless the user says so.

    Args:
        asked: its command decides between a run and a backfill.
        prefect: insist on Prefect, on a server that lives as long as the run if need be.

    Raises:
        SourceUnavailable: the user insists, and the configured server does not answer.
    """
    address = server()
    if address and not answers(address):
        message = f"Prefect does not answer at {address}; start it with `prefect server start`"
        if prefect:
            raise SourceUnavailable(message)
        log.warning("%s; this run goes on without it", message)
    elif address or prefect or asked.settings.pipeline.dask_address:
        return as_flow(asked)
    work = run_months if asked.command == "backfill" else run_chain
    return watched(asked, lambda: work(asked))


def as_flow(asked: Request) -> dict[str, Any]:
    """The same as a Prefect flow, which reads the settings itself."""
    prepare()
    os.environ["QUANTMINI_LAKE"] = str(asked.layout.root)
    # Prefect takes seconds to import.
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.tasks import value

    flow = backfill if asked.command == "backfill" else partial(daily, command=asked.command)
    names = [dataset.name for dataset in asked.datasets]
    parameters = {"datasets": names, "start": asked.start, "end": asked.end}
    state: Any = flow(**parameters, source=asked.source, wait=asked.wait, return_state=True)
    document: dict[str, Any] = value(state)
    return document


def prepare() -> None:
    """Prefect's own settings as this project needs them, unless set; read when it is imported."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    # What our stages say is shown with the run, but for what their own threads say.
    os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "flows,gold_export,ingest,lake")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    # The ephemeral server needs some 20 CPU-seconds, more than Prefect waits on a busy machine.
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")


def server() -> str | None:
    """The address of Prefect's server: PREFECT_API_URL, set or in the active profile.

    Read without importing Prefect.
    """
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH", home / "profiles.toml"))
    if not profiles.is_file():
        return None
    document = tomllib.loads(profiles.read_text(encoding="utf-8"))
    name = os.environ.get("PREFECT_PROFILE", document.get("active", ""))
    address: str | None = document.get("profiles", {}).get(name, {}).get("PREFECT_API_URL")
    return address


def answers(address: str) -> bool:
    """Whether a server is there; one that wants to know who asks is."""
    try:
        urlopen(f"{address.rstrip('/')}/health", timeout=5).close()  # noqa: S310
    except HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True
