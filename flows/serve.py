"""`quantmini serve`: the deployments of prefect.yaml, run by this process at their times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from flows.start import answers, prepare, server
from lake.errors import SourceUnavailable, UsageError
from lake.settings import PROJECT

_OURS, _PACKAGED = PROJECT / "prefect.yaml", Path(__file__).with_name("prefect.yaml")
DEPLOYMENTS = _OURS if _OURS.exists() else _PACKAGED


def serve() -> None:
    """Serve until the process is stopped; schedules pause with it and go on with the next.

    Raises:
        UsageError: no Prefect server is configured.
        SourceUnavailable: it does not answer.
    """
    address = server()
    if address is None:
        raise UsageError(
            "no Prefect server is configured: `prefect server start`, then "
            "`prefect config set PREFECT_API_URL=http://127.0.0.1:4200/api`"
        )
    if not answers(address):
        raise SourceUnavailable(f"Prefect does not answer at {address}; `prefect server start`")
    prepare()
    from prefect import serve as serve_all

    serve_all(*deployments())


def deployments() -> list[Any]:
    """What prefect.yaml deploys, as it is there, for this process instead of a work pool."""
    from prefect.flows import Flow, load_flow_from_entrypoint
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    found = []
    for entry in yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8"))["deployments"]:
        flow: Flow[..., Any] = load_flow_from_entrypoint(entry["entrypoint"])
        times = [Cron(time["cron"], timezone=time["timezone"]) for time in entry["schedules"]]
        found.append(
            flow.to_deployment(
                entry["name"],
                schedules=times,
                parameters=entry["parameters"],
                description=entry["description"],
                tags=entry["tags"],
                entrypoint_type=EntrypointType.MODULE_PATH,
            )
        )
    return found
